"""The training loop of one network: every step is a function of settings, data, seed and step number.

In: TrainingData, Dataset, settings, a run folder.  Out: Member (weights of the best epoch, history, cost); meanwhile
run/state.pt, from which a killed run continues to the same weights, and run/log.jsonl, one line an epoch.
"""

import copy
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from crystalmatrix.contracts.summary import Epoch
from crystalmatrix.data.labels import VAL
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.features.batch import Batch
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.sampling import epoch_batches
from crystalmatrix.files import write_text
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.targets.step import FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import State
from crystalmatrix.trained.prediction import predict
from crystalmatrix.training.device import power_watts
from crystalmatrix.training.energy import EnergyMeter
from crystalmatrix.training.labels import TrainingData
from crystalmatrix.training.objective import Objective
from crystalmatrix.training.optimiser import optimisers
from crystalmatrix.training.precision import autocast, products
from crystalmatrix.training.state import LOG, check_processes, load_state, save_state
from crystalmatrix.training.stop import StopRequest, TrainingStoppedError
from crystalmatrix.training.world import World


@dataclass(frozen=True)
class Member:
    """One trained network: its best weights by validation error, and how it got there."""

    weights: State
    history: list[Epoch]
    seconds: float
    joules: float | None  # of the GPU; None where it does not tell
    crystals_per_second: float


class Trainer:
    """Trains one network of one task. `targets` are those of all heads, the first `n_properties` are validated."""

    def __init__(
        self,
        model: CrystalModel,
        data: TrainingData,
        dataset: Dataset,
        targets: list[Target],
        formulas: FloatArray,
        *,
        settings: TierConfig,
        n_properties: int,
        seed: int,
        run: Path,
        digest: str,
        stop: StopRequest,
        world: World,
    ) -> None:
        self.config = settings.training
        self.architecture = settings.model.architecture
        self.data, self.dataset, self.targets, self.formulas = data, dataset, targets, formulas
        self.n_properties, self.seed, self.run, self.digest, self.stop = n_properties, seed, run, digest, stop
        self.world, self.device = world, dataset.device
        self.model = model.to(self.device)
        self.average = copy.deepcopy(self.model).requires_grad_(False)  # moving average of the weights: what is kept
        if world.size > 1 and not is_divisible(self.model):
            raise ConfigError(
                f"gpus_per_model: found {world.size}, but {self.architecture} normalises over a batch, so that shares "
                "of one are another model; expected 1"
            )
        together = world.together(self.model)
        self.forward = compiled(together) if self.config.compile else together
        self.objective = Objective(data, targets, formulas, config=self.config, device=self.device)
        self.optimisers = optimisers(self.model, self.objective, self.config)
        n_train = len(self.objective.crystals)
        self.batches_per_epoch = -(-n_train // self.config.batch_size)
        self.epochs = self.config.epochs(n_train)
        self.validation = np.flatnonzero((data.fold[:, :n_properties] == VAL).any(axis=1))
        self.chunks = 1  # a batch is computed in so many parts; doubled when the device runs out of memory
        self.step = 0
        self.seconds = 0.0
        self.meter = EnergyMeter(lambda: power_watts(self.device))
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.history: list[Epoch] = []
        self.best: dict[str, Any] = {"score": math.inf, "epoch": 0, "weights": self.average.state_dict()}

    def train(self) -> Member:
        """Train to the end, from the saved state where there is one. TrainingStoppedError after a signal."""
        self._resume()
        self.saved = time.monotonic()  # over all epochs, which may be shorter than save_every_seconds
        if self.world.largest(self.step) != -self.world.largest(-self.step):
            raise DataError(
                f"{self.run}: the processes of this training found different states, expected one; its file system is "
                "late: run again"
            )
        while not self._finished:
            self._epoch()
        self._save()
        rates = [entry.crystals_per_second for entry in self.history]
        return Member(self.best["weights"], self.history, self.seconds, self.meter.joules, float(np.median(rates)))

    @property
    def _finished(self) -> bool:
        done = len(self.history)
        return done >= self.epochs or done - self.best["epoch"] >= self.config.patience

    def _epoch(self) -> None:
        """The rest of the current epoch, from the step that is reached."""
        epoch = len(self.history)
        first = self.step - epoch * self.batches_per_epoch
        batches = epoch_batches(
            self.objective.draw(seed=self.seed, epoch=epoch),
            self.dataset.n_atoms,
            batch_size=self.config.batch_size,
            seed=self.seed,
            epoch=epoch,
            window_atoms=self.dataset.window_atoms,
        )
        begun = started = time.monotonic()
        bar = tqdm(
            batches[first:], desc=f"epoch {epoch + 1}/{self.epochs}", leave=False, disable=not sys.stderr.isatty()
        )
        self.model.train()
        self.meter.start(begun)
        for crystals in bar:
            with products(self.config.precision):
                self._step(crystals)
            now = time.monotonic()
            self.meter.read_if_due(now)
            stopped = self.world.largest(self.stop.number or 0)
            if stopped or now - self.saved > self.config.save_every_seconds:
                self.meter.read(now)
                self.seconds += now - started
                started = self.saved = now
                self._save()
            if stopped:
                raise TrainingStoppedError(stopped)
        train_loss = float(self.loss_sum) / len(self.objective.crystals)
        now = time.monotonic()
        self.meter.read(now)
        self.seconds += now - started
        self._end_epoch(train_loss, rate=sum(map(len, batches[first:])) / max(now - begun, 1e-9))

    def _step(self, crystals: NDArray[np.int64]) -> None:
        rate = self._learning_rate()
        for group in (group for optimiser in self.optimisers for group in optimiser.param_groups):
            group["lr"] = rate
        while True:
            try:
                # dropout too is a function of seed, step and process
                torch.manual_seed(1_000_003 * self.seed + self.step + 500_000_001 * self.world.rank)
                for optimiser in self.optimisers:
                    optimiser.zero_grad(set_to_none=True)
                loss = self._gradients(crystals)
                break
            except torch.OutOfMemoryError:
                if self.chunks >= len(crystals):
                    raise
                if self.world.size > 1:  # the others do not know, and wait for the gradients of the whole share
                    raise ConfigError(
                        f"training.batch_size: found {self.config.batch_size}, for which {self.world.size} devices "
                        "have too little memory; expected a smaller one, or more gpus_per_model"
                    ) from None
                if not is_divisible(self.model):
                    raise ConfigError(
                        f"training.batch_size: found {self.config.batch_size}, for which the device has too little "
                        f"memory, and {self.architecture} normalises over a batch, so that parts of one are another "
                        "model; expected a smaller one"
                    ) from None
                self.chunks *= 2
                print(f"out of memory: computing each batch in {self.chunks} parts from now on", flush=True)
                torch.cuda.empty_cache()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        self.loss_sum += loss
        self._update_average()

    def _gradients(self, crystals: NDArray[np.int64]) -> torch.Tensor:
        """Gradients of a batch, in parts and by all processes; returns its sum of losses."""
        if self.world.size == 1:
            return reduce(torch.add, (self._backward(p, len(crystals)) for p in np.array_split(crystals, self.chunks)))
        mine, weight = self.world.share(crystals)
        loss = self._backward(mine, len(crystals), weight=weight)
        for parameter in self.objective.parameters():
            if parameter.grad is not None:
                self.world.sum(parameter.grad).div_(self.world.size)
        return self.world.sum(loss).div_(self.world.size)

    def _backward(self, crystals: NDArray[np.int64], n_batch: int, *, weight: float = 1.0) -> torch.Tensor:
        """Gradients of a part of a batch of `n_batch` crystals; returns its sum of losses."""
        with autocast(self.config.precision, self.device):
            outputs = self.forward(self.dataset.batch(crystals))
        loss = weight * self.objective(outputs.float(), torch.from_numpy(crystals).to(self.device))
        (loss / n_batch).backward()
        return loss.detach()

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))  # short memory at the start
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
        for kept, current in zip(self.average.buffers(), self.model.buffers(), strict=True):
            kept.copy_(current)

    def _learning_rate(self) -> float:
        """Linear warm-up, then cosine to zero at the last step."""
        total = self.epochs * self.batches_per_epoch
        warmup = max(self.config.warmup * total, 1)
        if self.step < warmup:
            return self.config.learning_rate * (self.step + 1) / warmup
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * (self.step - warmup) / max(total - warmup, 1)))

    def _end_epoch(self, train_loss: float, *, rate: float) -> None:
        """Validate the averaged weights in float32, keep them if they are the best, write the log."""
        mae = self._validation_errors()
        score = float(np.mean([mae[t.name] / t.deviation for t in self.targets[: self.n_properties] if t.name in mae]))
        epoch = len(self.history) + 1
        if not math.isfinite(score):
            raise DataError(
                f"{self.run}: the validation error of epoch {epoch} is {score}, expected a number: training diverged; "
                "lower training.learning_rate, or set precision: float32"
            )
        if score < self.best["score"]:
            weights = {name: tensor.detach().cpu().clone() for name, tensor in self.average.state_dict().items()}
            self.best = {"score": score, "epoch": epoch, "weights": weights}
        self.loss_sum.zero_()
        entry = Epoch(
            epoch=epoch,
            train_loss=train_loss,
            val_mae=mae,
            val_score=score,
            learning_rate=self._learning_rate(),
            crystals_per_second=rate,
            seconds=self.seconds,
            joules=self.meter.joules,
        )
        self.history.append(entry)
        if self.world.leads:
            write_text(self.run / LOG, "".join(line.model_dump_json() + "\n" for line in self.history))
        remaining = (self.epochs - epoch) * self.seconds / epoch
        print(f"epoch {epoch}/{self.epochs}  {self._in_words(mae, score)}  lr {entry.learning_rate:.1e}  "
              f"{rate:,.0f} crystals/s  eta {_duration(remaining)}", flush=True)  # fmt: skip

    def _validation_errors(self) -> dict[str, float]:
        """MAE of the averaged weights on the validation fold of each property, in its unit."""
        mine = np.arange(len(self.validation))[self.world.rank :: self.world.size]
        rows = self.validation[mine]
        values = np.zeros((len(self.validation), len(self.targets)))
        values[mine], _ = predict(
            [self.average],
            self.dataset,
            rows,
            targets=self.targets,
            formulas=self.formulas[rows],
            zero=self.data.zero[rows],
        )
        self.world.sum(torch.from_numpy(values))  # each crystal is some other process's zero
        errors = np.abs(values - self.data.values[self.validation])
        held = self.data.fold[self.validation] == VAL
        return {
            target.name: float(errors[held[:, task], task].mean())
            for task, target in enumerate(self.targets[: self.n_properties])
            if held[:, task].any()
        }

    def _in_words(self, mae: dict[str, float], score: float) -> str:
        if len(mae) != 1:
            return f"val_mae/deviation {score:.4f} over {len(mae)} properties"
        target = self.targets[0]
        return f"val_mae {mae[target.name]:.4g} {target.unit}".removesuffix(" 1")

    def _save(self) -> None:
        if not self.world.leads:
            return
        save_state(
            self.run,
            {
                "digest": self.digest,
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                "objective": self.objective.state_dict(),
                "step": self.step,  # with the seed this also fixes the schedule and the sampler
                "processes": self.world.size,
                "loss_sum": self.loss_sum,
                "seconds": self.seconds,
                "joules": self.meter.joules,
                "history": [entry.to_dict() for entry in self.history],
                "best": self.best,
            },
        )

    def _resume(self) -> None:
        state = load_state(self.run, digest=self.digest)
        if state is None:
            return
        check_processes(state, self.run, size=self.world.size)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.objective.load_state_dict(state["objective"])
        self.step, self.seconds, self.meter.joules = state["step"], state["seconds"], state["joules"]
        self.history = [Epoch.parse(entry, where=str(self.run)) for entry in state["history"]]
        self.best = state["best"]
        self.loss_sum = state["loss_sum"].to(self.device)
        print(f"continuing at step {self.step} (epoch {len(self.history) + 1}/{self.epochs})", flush=True)


def is_divisible(model: nn.Module) -> bool:
    """Whether a batch in parts is the batch: not where the model normalises over the atoms of all its crystals."""
    return not any(isinstance(part, nn.BatchNorm1d) for part in model.modules())


def compiled(model: Callable[[Batch], torch.Tensor]) -> Callable[[Batch], torch.Tensor]:
    """The model through torch.compile; what cannot be compiled (no C++ compiler, say) runs as it is, with a warning."""
    torch._dynamo.config.suppress_errors = True
    return torch.compile(model, dynamic=True)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
