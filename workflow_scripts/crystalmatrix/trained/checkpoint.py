"""A checkpoint is self-describing: everything that a prediction needs, and nothing that must be executed.

In: the members of an ensemble and their context.  Out: results/{tier}/{task}.pt, loadable with weights_only=True.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig, TierConfig
from crystalmatrix.contracts import columns
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation.uncertainty import conformal_interval
from crystalmatrix.files import atomic
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.targets.target import FloatArray, Target
from crystalmatrix.trained.domain import Domain, domain_from_state, domain_state

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """One trained model: an ensemble of `len(members)` networks of the same shape."""

    tier: str
    task: str
    settings: TierConfig
    graph: GraphConfig
    targets: list[Target]  # one per head; auxiliary heads last
    properties: list[str]  # the heads that are predicted
    elements: list[int]  # atomic numbers in the training fold
    members: list[State]
    calibration: dict[str, dict[str, list[float]]]  # property: `residual` and `spread` of the validation crystals
    summary: dict[str, Any]  # cost, history, versions, digests: see columns.PREDICTIONS' metadata
    domain: Domain | None  # None: trained without validation crystals
    seen: dict[str, NDArray[np.int64]]  # property: TrainingData.keys of its training fold

    def models(self, device: torch.device) -> list[CrystalModel]:
        """The networks, ready to predict."""
        return [self._model(member).to(device).eval() for member in self.members]

    def interval(
        self, head: int, prediction: FloatArray, spread: FloatArray, zero: NDArray[np.bool_]
    ) -> tuple[FloatArray, FloatArray]:
        """Bounds [n] of the predictions [n] of a head, in its unit, within the range that predictions are bound to.

        Where symmetry says zero, the interval is that zero.
        """
        target = self.targets[head]
        residual, of_members = (np.array(self.calibration[target.name][key]) for key in ("residual", "spread"))
        ensemble = len(of_members) > 0
        lower, upper = conformal_interval(
            prediction,
            spread if ensemble else None,
            validation_residual=residual,
            validation_spread=of_members if ensemble else None,
        )
        lower, upper = np.clip(lower, target.low, target.high), np.clip(upper, target.low, target.high)
        if not target.zero_by_symmetry:
            return lower, upper
        return np.where(zero, 0.0, lower), np.where(zero, 0.0, upper)

    def _model(self, member: State) -> CrystalModel:
        model = build_model(self.settings, self.targets)
        model.load_state_dict(member)
        return model


def build_model(settings: TierConfig, targets: list[Target]) -> CrystalModel:
    """The network that a tier's settings and a list of targets ask for, freshly initialised."""
    return CrystalModel(settings.model, outputs_per_head=[target.n_outputs for target in targets])


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically. Tensors as they are, the rest as JSON."""
    header = {
        "version": columns.CHECKPOINT_VERSION,
        "tier": checkpoint.tier,
        "task": checkpoint.task,
        "settings": checkpoint.settings.model_dump(mode="json"),
        "graph": checkpoint.graph.model_dump(mode="json"),
        "targets": [target.to_dict() for target in checkpoint.targets],
        "properties": checkpoint.properties,
        "elements": checkpoint.elements,
        "calibration": checkpoint.calibration,
        "summary": checkpoint.summary,
    }
    with atomic(path) as temporary:
        torch.save(
            {
                "header": json.dumps(header, sort_keys=True),
                "members": checkpoint.members,
                "domain": domain_state(checkpoint.domain),
                "seen": {name: torch.from_numpy(keys) for name, keys in checkpoint.seen.items()},
            },
            temporary,
        )


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises DataError for a missing, damaged or foreign file or another version."""
    if not path.exists():
        raise DataError(f"{path}: not found; build it with: snakemake {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        header = json.loads(content["header"])
    except Exception as error:  # a cut or foreign file fails in many ways: zip, pickle, keys
        raise DataError(f"{path}: not a checkpoint of this workflow, or damaged ({type(error).__name__})") from None
    if header["version"] != columns.CHECKPOINT_VERSION:
        raise DataError(
            f"{path}: checkpoint schema {header['version']}, this version reads {columns.CHECKPOINT_VERSION}; "
            "delete it and train again"
        )
    return Checkpoint(
        tier=header["tier"],
        task=header["task"],
        settings=TierConfig.parse(header["settings"]),
        graph=GraphConfig.parse(header["graph"]),
        targets=[Target(**target) for target in header["targets"]],
        properties=header["properties"],
        elements=header["elements"],
        members=content["members"],
        calibration=header["calibration"],
        summary=header["summary"],
        domain=domain_from_state(content["domain"]),
        seen={name: keys.numpy() for name, keys in content["seen"].items()},
    )
