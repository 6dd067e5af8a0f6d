"""What a finished training says of itself.

In: the members of an ensemble and their context.  Out: ModelSummary.
"""

import platform

import numpy as np
import torch

import crystalmatrix
from crystalmatrix.contracts.summary import HoldOut, ModelSummary
from crystalmatrix.machine import peak_memory_mb
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.targets.target import Target
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.calibration import LEVEL
from crystalmatrix.trained.checkpoint import Checkpoint
from crystalmatrix.training.labels import TrainingData
from crystalmatrix.training.loop import Member
from crystalmatrix.words import counted


def summarise(
    data: TrainingData,
    members: list[Member],
    models: list[CrystalModel],
    *,
    tier: str,
    task: str,
    targets: list[Target],
    device: torch.device,
    settings: TierConfig,
    init: Checkpoint | None,
) -> ModelSummary:
    """`models`: a network of each kind; `targets`: of the properties, without auxiliary ones."""
    on_gpu = device.type == "cuda"
    return ModelSummary(
        tier=tier,
        task=task,
        architecture=settings.model.architecture,
        n_parameters=sum(parameter.numel() for model in models for parameter in model.parameters()),
        device=torch.cuda.get_device_name(device) if on_gpu else f"CPU, {counted(torch.get_num_threads(), 'thread')}",
        train_seconds=sum(member.seconds for member in members),
        energy_joules=_energy(members),
        peak_memory_mb=torch.cuda.max_memory_allocated(device) / 2**20 if on_gpu else peak_memory_mb(),
        crystals_per_second=float(np.median([member.crystals_per_second for member in members])),
        seeds=len(members),
        epochs=len(members[0].history),
        n_train={target.name: target.n_train for target in targets},
        train_median={target.name: target.median for target in targets},
        history=tuple(members[0].history),
        versions={
            "crystalmatrix": crystalmatrix.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        data_digest=data.data_digest,
        source=data.source,
        hold_out=_hold_out(data, settings, init),
        interval_level=LEVEL,
        potentials=settings.model.descriptors,
    )


def _hold_out(data: TrainingData, settings: TierConfig, init: Checkpoint | None) -> HoldOut:
    """A multi-task model's own; of a single-task one `own`, or `masked` where its trunk saw held-out structures."""
    if len(data.tasks) > 1:
        return settings.training.hold_out
    return "masked" if init is not None and init.settings.training.hold_out == "masked" else "own"


def _energy(members: list[Member]) -> float | None:
    joules = [member.joules for member in members]
    return None if None in joules else sum(joule for joule in joules if joule is not None)
