"""How fast this machine trains a tier: its own steps on the bundled minerals, for a few seconds.

In: a tier's settings, the graph's, how long.  Out: Rates.
"""

import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.features import SEEN_BY_NETWORKS
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.sampling import epoch_batches
from crystalmatrix.machine import peak_memory_mb
from crystalmatrix.tiers import KernelConfig, TierConfig
from crystalmatrix.trained.checkpoint import build_model
from crystalmatrix.trained.prediction import raw_outputs
from crystalmatrix.training.descriptors import fit_inputs
from crystalmatrix.training.loop import Trainer
from crystalmatrix.training.rates import MemberRates, Rates
from crystalmatrix.training.run import fit_targets
from crystalmatrix.training.sample import minerals, seconds_of_kernel
from crystalmatrix.training.stop import StopRequest
from crystalmatrix.training.world import ALONE

WARM_UP = 4  # steps
SMALLER = 4  # a batch over one of the small ones that tell what a step costs beside its atoms


class Stopwatch(Trainer):
    """A Trainer whose steps are timed; it keeps nothing."""

    def training_seconds(self, seconds: float) -> tuple[float, float]:
        """(of a step, of an atom in it), from whole batches and quarters of one in turn, for so many seconds."""
        size = min(self.config.batch_size, len(self.objective.crystals))
        both = [self._batches(size), self._batches(max(size // SMALLER, 2))]  # a batch is normalised: two crystals
        self.model.train()
        for crystals in itertools.islice(itertools.chain.from_iterable(zip(*both, strict=True)), WARM_UP):
            self._step(crystals)
        self._wait()
        atoms, took = np.zeros(2), np.zeros(2)
        n_steps, begun = 0, time.monotonic()
        while time.monotonic() - begun < seconds or not n_steps:
            n_steps += 1
            for kind, batches in enumerate(both):
                crystals = next(batches)
                before = time.monotonic()
                self._step(crystals)
                self._wait()
                took[kind] += time.monotonic() - before
                atoms[kind] += int(self.dataset.n_atoms[crystals].sum())
        return line_through(atoms / n_steps, took / n_steps)

    def _batches(self, size: int) -> Iterator[NDArray[np.int64]]:
        """Without end."""
        crystals, n_atoms = self.objective.crystals, self.dataset.n_atoms
        return itertools.cycle(epoch_batches(crystals, n_atoms, batch_size=size, seed=0, epoch=0))

    def validation_seconds(self) -> float:
        """Of an atom."""
        raw_outputs(self.average, self.dataset, self.validation[:1])
        self._wait()
        begun = time.monotonic()
        raw_outputs(self.average, self.dataset, self.validation)
        return (time.monotonic() - begun) / int(self.dataset.n_atoms[self.validation].sum())

    def _wait(self) -> None:
        """A GPU computes behind the back of the process."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def line_through(atoms: NDArray[np.float64], seconds: NDArray[np.float64]) -> tuple[float, float]:
    """(start, slope) through (large, small) steps; neither is negative, so a noisy pair leaves all to the slope."""
    slope = (seconds[0] - seconds[1]) / (atoms[0] - atoms[1]) if atoms[0] > atoms[1] else 0.0
    start = seconds[0] - slope * atoms[0]
    if slope <= 0 or start <= 0:
        return 0.0, float(seconds[0] / atoms[0])
    return float(start), float(slope)


def measure(
    settings: TierConfig, graph: GraphConfig, *, device: torch.device, seconds: float, start_seconds: float
) -> Rates:
    """Train each kind of network for its share of so many seconds, and validate once; fit a kernel once."""
    training = settings.training.model_copy(update={"compile": False})  # its warm-up takes minutes
    settings = settings.model_copy(update={"training": training})
    data = minerals(View.of(graph, settings.model))
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    targets = fit_targets(data, formulas, settings=settings)
    dataset = Dataset(data.features, device)
    members = []
    n_parameters = 0
    for kind, member in enumerate(settings.members):
        model = build_model(settings, targets, member=kind)
        fit_inputs(model, data, dataset, targets, formulas)
        n_parameters += sum(parameter.numel() for parameter in model.parameters())
        if isinstance(member, KernelConfig):
            members.append(MemberRates(kernel_seconds=seconds_of_kernel(model, data, dataset, member)))
            continue
        with tempfile.TemporaryDirectory() as run:
            watch = Stopwatch(
                model,
                data,
                dataset,
                targets,
                formulas,
                settings=settings.of_member(kind),
                n_properties=1,
                seed=0,
                run=Path(run),
                digest="",
                stop=StopRequest(),
                world=ALONE,
            )
            of_step, of_atom = watch.training_seconds(seconds / len(settings.members))
            validation = watch.validation_seconds()
            members.append(MemberRates(step_seconds=of_step, atom_seconds=of_atom, validation_seconds=validation))
    on_gpu = device.type == "cuda"
    items = data.features.items
    return Rates(
        members=members,
        start_seconds=start_seconds,
        memory_mb=torch.cuda.max_memory_allocated(device) / 2**20 if on_gpu else peak_memory_mb(),
        bytes_per_atom=sum(items[name].n_bytes for name in SEEN_BY_NETWORKS if name in items),
        n_parameters=n_parameters,
        device=torch.cuda.get_device_name(device) if on_gpu else "CPU",
    )
