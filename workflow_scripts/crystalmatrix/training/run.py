"""One target of the matrix, from files to checkpoint: an ensemble of seeds, calibrated on the validation fold.

In: TrainingData, settings.  Out: Checkpoint.
"""

import hashlib
import json
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import crystalmatrix
from crystalmatrix.config import TierConfig
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.dense import densify
from crystalmatrix.models.crystal import HEADS, CrystalModel
from crystalmatrix.properties import AUXILIARY_FIELDS
from crystalmatrix.targets.target import FloatArray, Target, reduced_formulas
from crystalmatrix.trained.checkpoint import Checkpoint, build_model
from crystalmatrix.trained.domain import fit_domain
from crystalmatrix.trained.prediction import predict
from crystalmatrix.training.labels import TRAIN, VAL, TrainingData, fit_arguments
from crystalmatrix.training.loop import Member, Trainer
from crystalmatrix.training.state import STATE_VERSION, run_lock
from crystalmatrix.training.stop import StopRequest

FINE_TUNING_RATE = 0.3  # of the tier's learning rate, when the weights come from the multi-task model


def train(
    data: TrainingData,
    *,
    tier: str,
    task: str,
    settings: TierConfig,
    run: Path,
    device: torch.device,
    init: Checkpoint | None = None,
    first_seed: int = 0,
) -> Checkpoint:
    """Train, or finish training, all members. TrainingStoppedError after a signal, state saved in `run`."""
    set_precision(settings.training.precision)
    formulas = reduced_formulas(data.graphs.species, data.graphs.atom_pointer)
    targets = fit_targets(data, formulas, settings=settings)
    properties = [name for name in data.tasks if name not in AUXILIARY_FIELDS]
    if init is not None:
        rate = settings.training.learning_rate * FINE_TUNING_RATE
        settings = settings.model_copy(
            update={"training": settings.training.model_copy(update={"learning_rate": rate})}
        )
    stop = StopRequest()
    with run_lock(run), stop.listening():
        dataset = Dataset(densify(data.graphs, graph=data.graph, model=settings.model), device)
        members = []
        for seed in range(first_seed, first_seed + settings.training.seeds):
            torch.manual_seed(seed)
            model = build_model(settings, targets)
            if init is not None:
                warm_start(model, init, member=seed, task=task)
            _announce(tier, task, model, data, settings, seed, member=seed - first_seed + 1)
            trainer = Trainer(
                model,
                data,
                dataset,
                targets,
                formulas,
                settings=settings,
                n_properties=len(properties),
                seed=seed,
                run=run / f"seed-{seed}",
                digest=weights_digest(data, settings, init, seed),
                stop=stop,
            )
            members.append(trainer.train())
    checkpoint = Checkpoint(
        tier=tier,
        task=task,
        settings=settings,
        graph=data.graph,
        targets=targets,
        properties=properties,
        elements=_elements(data),
        members=[member.weights for member in members],
        calibration={},
        summary=_summary(data, targets[: len(properties)], members, model, device, settings, init),
        seen={name: data.keys(np.flatnonzero(data.fold[:, i] == TRAIN)) for i, name in enumerate(properties)},
        domain=fit_domain(data.graphs, train=data.of_fold(TRAIN), validation=data.of_fold(VAL)),
    )
    checkpoint.calibration.update(_calibrate(checkpoint, data, dataset, formulas))
    return checkpoint


def fit_targets(data: TrainingData, formulas: FloatArray, *, settings: TierConfig) -> list[Target]:
    """One Target per task, from its training fold alone."""
    targets = []
    for column, name in enumerate(data.tasks):
        rows = data.fold[:, column] == TRAIN
        arguments: dict[str, Any] = fit_arguments(name, settings.training) | {"unit": data.unit(name)}
        if name in data.companions:
            arguments["companion"] = data.companions[name][rows]
        targets.append(Target.fit(data.values[rows, column], formulas[rows], zero=data.zero[rows], **arguments))
    return targets


def warm_start(model: CrystalModel, source: Checkpoint, *, member: int, task: str) -> None:
    """Copy everything but the heads, and the head of `task`, from a member of a multi-task checkpoint."""
    weights = source.members[member % len(source.members)]
    head = f"{HEADS}{source.properties.index(task)}."
    kept = {name: value for name, value in weights.items() if not name.startswith(HEADS)}
    kept |= {f"{HEADS}0.{name.removeprefix(head)}": value for name, value in weights.items() if name.startswith(head)}
    model.load_state_dict(kept)


def set_precision(precision: str) -> None:
    """TF32 products on the GPU for `tf32` and `bfloat16`; full float32 otherwise."""
    torch.set_float32_matmul_precision("highest" if precision == "float32" else "high")


def _calibrate(
    checkpoint: Checkpoint, data: TrainingData, dataset: Dataset, formulas: FloatArray
) -> dict[str, dict[str, list[float]]]:
    """Validation residuals and spreads of each property: what split-conformal intervals are made from.

    Crystals whose value is zero by symmetry are left out: nothing is uncertain there.
    """
    rows = np.flatnonzero((data.fold[:, : len(checkpoint.properties)] == VAL).any(axis=1))
    models = checkpoint.models(dataset.device)
    values, spread = predict(
        models, dataset, rows, targets=checkpoint.targets, formulas=formulas[rows], zero=data.zero[rows]
    )
    calibration = {}
    for column, name in enumerate(checkpoint.properties):
        held = data.fold[rows, column] == VAL
        if checkpoint.targets[column].zero_by_symmetry:
            held &= ~data.zero[rows]
        residual = np.abs(values[held, column] - data.values[rows[held], column])
        calibration[name] = {
            "residual": residual.tolist(),
            "spread": spread[held, column].tolist() if len(models) > 1 else [],
        }
    return calibration


def _elements(data: TrainingData) -> list[int]:
    crystals = data.of_fold(TRAIN)
    return sorted(int(z) for z in np.unique(data.graphs.select(crystals).species))


def _summary(
    data: TrainingData,
    targets: list[Target],
    members: list[Member],
    model: CrystalModel,
    device: torch.device,
    settings: TierConfig,
    init: Checkpoint | None,
) -> dict[str, Any]:
    on_gpu = device.type == "cuda"
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return {
        "architecture": settings.model.architecture,
        "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "device": torch.cuda.get_device_name(device) if on_gpu else f"CPU, {torch.get_num_threads()} threads",
        "train_seconds": sum(member.seconds for member in members),
        "energy_joules": _energy(members),
        "peak_memory_mb": torch.cuda.max_memory_allocated(device) / 2**20 if on_gpu else kilobytes / 1024,
        "crystals_per_second": float(np.median([member.crystals_per_second for member in members])),
        "seeds": len(members),
        "epochs": members[0].epochs,
        "n_train": {target.name: target.n_train for target in targets},
        "train_median": {target.name: target.median for target in targets},
        "history": members[0].history,
        "versions": {
            "crystalmatrix": crystalmatrix.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "data_digest": data.data_digest,
        "source": data.source,
        "fold": _hold_out(data, settings, init),
    }


def _hold_out(data: TrainingData, settings: TierConfig, init: Checkpoint | None) -> str:
    """strict or masked: of a multi-task model; else `own`, or `masked` where the trunk saw held-out structures."""
    if len(data.tasks) > 1:
        return settings.training.hold_out
    return "masked" if init is not None and init.settings.training.hold_out == "masked" else "own"


def _energy(members: list[Member]) -> float | None:
    joules = [member.joules for member in members]
    return None if None in joules else sum(joule for joule in joules if joule is not None)


def weights_digest(data: TrainingData, settings: TierConfig, init: Checkpoint | None, seed: int) -> str:
    """Of everything that decides the weights, and of nothing else: a state with another digest is not continued."""
    training = settings.training.model_copy(update={"seeds": 1, "save_every_seconds": 1.0})
    content = hashlib.sha256(f"{STATE_VERSION}{settings.model_copy(update={'training': training}).to_json()}".encode())
    content.update(json.dumps(data.graph.identity, sort_keys=True).encode())
    content.update(data.data_digest.encode())
    content.update(",".join(data.tasks).encode())
    content.update(data.fold.tobytes())
    if init is not None:
        member = init.members[seed % len(init.members)]
        content.update(",".join(init.properties).encode())
        for name in sorted(member):
            content.update(name.encode() + member[name].cpu().numpy().tobytes())
    return f"{content.hexdigest()}-{seed}"


def _announce(
    tier: str, task: str, model: CrystalModel, data: TrainingData, settings: TierConfig, seed: int, *, member: int
) -> None:
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    print(
        f"{tier}/{task}: {n_parameters:,} parameters, {len(data.of_fold(TRAIN)):,} training crystals, "
        f"member {member} of {settings.training.seeds}, seed {seed}",
        flush=True,
    )
