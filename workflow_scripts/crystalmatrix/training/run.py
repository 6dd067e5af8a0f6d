"""One model of the matrix, from files to checkpoint: an ensemble of seeds, calibrated on the validation fold.

In: TrainingData, settings.  Out: Checkpoint.
"""

from contextlib import nullcontext
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crystalmatrix.contracts.summary import ModelSummary
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.labels import TRAIN, VAL
from crystalmatrix.errors import DataError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.properties import AUXILIARY_FIELDS
from crystalmatrix.targets.step import Crystals, FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.tiers import BlendConfig, TierConfig
from crystalmatrix.trained.calibrate import calibrate
from crystalmatrix.trained.checkpoint import Checkpoint, build_model
from crystalmatrix.trained.domain import fit_domain
from crystalmatrix.training.blend import fit_weights
from crystalmatrix.training.labels import TrainingData, fit_arguments
from crystalmatrix.training.loop import Member
from crystalmatrix.training.members import MemberTraining
from crystalmatrix.training.start import check_start
from crystalmatrix.training.state import run_lock
from crystalmatrix.training.stop import StopRequest
from crystalmatrix.training.summary import summarise
from crystalmatrix.training.world import ALONE, World

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
    world: World = ALONE,
) -> Checkpoint:
    """Train, or finish training, all members. TrainingStoppedError after a signal, state saved in `run`.

    All processes of `world` return the checkpoint; the first one is to keep it.
    """
    if init is not None:
        check_start(init, data, settings)
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    targets = fit_targets(data, formulas, settings=settings)
    properties = [name for name in data.tasks if name not in AUXILIARY_FIELDS]
    used = settings if init is None else _for_fine_tuning(settings)
    stop = StopRequest()
    with run_lock(run) if world.leads else nullcontext(), stop.listening():
        dataset = Dataset(data.features, device)
        one = MemberTraining(
            data, dataset, targets, formulas, tier, task, used, run, init, len(properties), stop, world
        )
        seeds = range(first_seed, first_seed + settings.training.seeds)
        members = [one.train(kind, seed) for kind, seed in product(range(len(settings.members)), seeds)]
    summary = summarise(
        data,
        members,
        [build_model(settings, targets, member=kind) for kind in range(len(settings.members))],
        tier=tier,
        task=task,
        targets=targets[: len(properties)],
        device=device,
        settings=settings,
        init=init,
    )
    checkpoint = _uncalibrated(data, members, targets, properties=properties, settings=settings, summary=summary)
    if isinstance(settings.model, BlendConfig):
        ready = checkpoint.models(device)
        weights = fit_weights(ready, data, dataset, targets, formulas, n_properties=len(properties))
        checkpoint = replace(checkpoint, weights=weights).without_idle()
    intervals = calibrate(checkpoint, dataset, values=data.values, fold=data.fold, formulas=formulas, zero=data.zero)
    return replace(checkpoint, calibration=intervals)


def fit_targets(data: TrainingData, formulas: FloatArray, *, settings: TierConfig) -> list[Target]:
    """One Target per task, from its training fold alone."""
    targets = []
    for column, name in enumerate(data.tasks):
        rows = data.fold[:, column] == TRAIN
        arguments: dict[str, Any] = fit_arguments(name, settings.training) | {"unit": data.unit(name)}
        if name in data.companions:
            arguments["companion"] = data.companions[name][rows]
        values = data.values[rows, column]
        if not np.isfinite(values).all():
            bad = data.features.jid[np.flatnonzero(rows)[~np.isfinite(values)][0]]
            raise DataError(f"{name}: the label of {bad} is not a finite number, expected one; correct the source")
        _say_scale(name, arguments["transform"], values)
        targets.append(Target.fit(values, Crystals(formulas[rows], data.zero[rows]), **arguments))
    return targets


def _for_fine_tuning(settings: TierConfig) -> TierConfig:
    """What the trainer uses; the checkpoint keeps what the user wrote."""
    rate = settings.training.learning_rate * FINE_TUNING_RATE
    return settings.model_copy(update={"training": settings.training.model_copy(update={"learning_rate": rate})})


def _uncalibrated(
    data: TrainingData,
    members: list[Member],
    targets: list[Target],
    *,
    properties: list[str],
    settings: TierConfig,
    summary: ModelSummary,
) -> Checkpoint:
    """The checkpoint as it is before its residuals are known, which it takes itself to find."""
    return Checkpoint(
        settings=settings,
        graph=data.graph,
        targets=targets,
        properties=properties,
        elements=_elements(data),
        members=[member.weights for member in members],
        calibration={},
        summary=summary,
        seen={name: data.keys(np.flatnonzero(data.fold[:, i] == TRAIN)) for i, name in enumerate(properties)},
        domain=fit_domain(data.features, train=data.of_fold(TRAIN), validation=data.of_fold(VAL)),
    )


def _elements(data: TrainingData) -> list[int]:
    crystals = data.of_fold(TRAIN)
    return sorted(int(z) for z in np.unique(data.features.select(crystals).species))


def _say_scale(name: str, transform: str, values: FloatArray) -> None:
    if transform == "log" and (n_not_positive := int((values <= 0).sum())):
        print(
            f"{name}: {n_not_positive:,} of {len(values):,} training values are not positive and have no logarithm: "
            "learned on the scale asinh instead of log",
            flush=True,
        )
