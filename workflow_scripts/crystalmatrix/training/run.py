"""One model of the matrix, from files to checkpoint: an ensemble of seeds, calibrated on the validation fold.

In: TrainingData, settings.  Out: Checkpoint.
"""

import hashlib
import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.labels import TRAIN, VAL
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.models.crystal import HEADS, REFERENCE, CrystalModel
from crystalmatrix.properties import AUXILIARY_FIELDS
from crystalmatrix.targets.step import Crystals, FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.tiers import BlendConfig, KernelConfig, TierConfig
from crystalmatrix.trained.calibration import Calibration
from crystalmatrix.trained.checkpoint import Checkpoint, build_model
from crystalmatrix.trained.domain import fit_domain
from crystalmatrix.trained.prediction import predict
from crystalmatrix.training.blend import fit_weights
from crystalmatrix.training.descriptors import fit_inputs
from crystalmatrix.training.labels import TrainingData, fit_arguments
from crystalmatrix.training.loop import Member, Trainer
from crystalmatrix.training.state import STATE_VERSION, run_lock
from crystalmatrix.training.stop import StopRequest
from crystalmatrix.training.summary import summarise
from crystalmatrix.training.support import fit_support

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
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    targets = fit_targets(data, formulas, settings=settings)
    properties = [name for name in data.tasks if name not in AUXILIARY_FIELDS]
    used = settings if init is None else _for_fine_tuning(settings)
    stop = StopRequest()
    with run_lock(run), stop.listening():
        dataset = Dataset(data.features, device)
        members: list[Member] = []
        models: list[CrystalModel] = []
        for k, seed in product(range(len(settings.members)), range(first_seed, first_seed + settings.training.seeds)):
            torch.manual_seed(seed)
            model = build_model(settings, targets, member=k)
            if init is not None:
                warm_start(model, init, member=seed, task=task)
            fit_inputs(model, data, dataset, targets, formulas, inputs=init is None)
            of_member = used.of_member(k)
            _announce(tier, task, model, data, of_member, seed, member=len(members) + 1, of=settings.n_members)
            if isinstance(of_member.model, KernelConfig):
                members.append(
                    fit_support(
                        model, data, dataset, targets, formulas,
                        config=of_member.model, n_properties=len(properties), seed=seed,
                    )
                )  # fmt: skip
                models.append(model)
                continue
            trainer = Trainer(
                model,
                data,
                dataset,
                targets,
                formulas,
                settings=of_member,
                n_properties=len(properties),
                seed=seed,
                run=run / (f"seed-{seed}" if len(settings.members) == 1 else f"member-{k}-seed-{seed}"),
                digest=weights_digest(data, of_member, init, seed),
                stop=stop,
            )
            members.append(trainer.train())
            models.append(model)
    checkpoint = Checkpoint(
        settings=settings,
        graph=data.graph,
        targets=targets,
        properties=properties,
        elements=_elements(data),
        members=[member.weights for member in members],
        calibration={},
        summary=summarise(
            data,
            members,
            models,
            tier=tier,
            task=task,
            targets=targets[: len(properties)],
            device=device,
            settings=settings,
            init=init,
        ),
        seen={name: data.keys(np.flatnonzero(data.fold[:, i] == TRAIN)) for i, name in enumerate(properties)},
        domain=fit_domain(data.features, train=data.of_fold(TRAIN), validation=data.of_fold(VAL)),
    )
    if isinstance(settings.model, BlendConfig):
        ready = checkpoint.models(device)
        weights = fit_weights(ready, data, dataset, targets, formulas, n_properties=len(properties))
        checkpoint = replace(checkpoint, weights=weights)
    return replace(checkpoint, calibration=_calibrate(checkpoint, data, dataset, formulas))


def fit_targets(data: TrainingData, formulas: FloatArray, *, settings: TierConfig) -> list[Target]:
    """One Target per task, from its training fold alone."""
    targets = []
    for column, name in enumerate(data.tasks):
        rows = data.fold[:, column] == TRAIN
        arguments: dict[str, Any] = fit_arguments(name, settings.training) | {"unit": data.unit(name)}
        if name in data.companions:
            arguments["companion"] = data.companions[name][rows]
        values = data.values[rows, column]
        _say_scale(name, arguments["transform"], values)
        targets.append(Target.fit(values, Crystals(formulas[rows], data.zero[rows]), **arguments))
    return targets


def warm_start(model: CrystalModel, source: Checkpoint, *, member: int, task: str) -> None:
    """Copy everything but the heads, and the head of `task`, from a member of a multi-task checkpoint."""
    weights = source.members[member % len(source.members)]
    head = f"{HEADS}{source.properties.index(task)}."
    kept = {name: value for name, value in weights.items() if not name.startswith((HEADS, REFERENCE))}
    kept |= {f"{HEADS}0.{name.removeprefix(head)}": value for name, value in weights.items() if name.startswith(head)}
    kept |= {name: value for name, value in model.state_dict().items() if name.startswith(REFERENCE)}  # fitted after
    model.load_state_dict(kept)


def _for_fine_tuning(settings: TierConfig) -> TierConfig:
    """What the trainer uses; the checkpoint keeps what the user wrote."""
    rate = settings.training.learning_rate * FINE_TUNING_RATE
    return settings.model_copy(update={"training": settings.training.model_copy(update={"learning_rate": rate})})


def _calibrate(
    checkpoint: Checkpoint, data: TrainingData, dataset: Dataset, formulas: FloatArray
) -> dict[str, Calibration]:
    """Validation residuals and spreads of each property: what prediction intervals are made from.

    Crystals whose value is zero by symmetry are left out: nothing is uncertain there.
    """
    rows = np.flatnonzero((data.fold[:, : len(checkpoint.properties)] == VAL).any(axis=1))
    models = checkpoint.models(dataset.device)
    values, spread = predict(
        models, dataset, rows, targets=checkpoint.targets, formulas=formulas[rows], zero=data.zero[rows],
        weights=checkpoint.weights,
    )  # fmt: skip
    calibration = {}
    for column, name in enumerate(checkpoint.properties):
        held = data.fold[rows, column] == VAL
        if checkpoint.targets[column].zero_by_symmetry:
            held &= ~data.zero[rows]
        residual = np.abs(values[held, column] - data.values[rows[held], column])
        calibration[name] = Calibration(residual, spread[held, column] if len(models) > 1 else None)
    return calibration


def _elements(data: TrainingData) -> list[int]:
    crystals = data.of_fold(TRAIN)
    return sorted(int(z) for z in np.unique(data.features.select(crystals).species))


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
    tier: str, task: str, model: CrystalModel, data: TrainingData, settings: TierConfig, seed: int,
    *, member: int, of: int,
) -> None:  # fmt: skip
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    print(
        f"{tier}/{task}: {n_parameters:,} parameters, {len(data.of_fold(TRAIN)):,} training crystals, "
        f"{settings.members[0].architecture}, member {member} of {of}, seed {seed}",
        flush=True,
    )


def _say_scale(name: str, transform: str, values: FloatArray) -> None:
    if transform == "log" and (n_not_positive := int((values <= 0).sum())):
        print(
            f"{name}: {n_not_positive:,} of {len(values):,} training values are not positive and have no logarithm: "
            "learned on the scale asinh instead of log",
            flush=True,
        )
