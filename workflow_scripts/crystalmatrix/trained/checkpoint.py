"""A checkpoint is self-describing: everything that a prediction needs, and nothing that must be executed.

In: the members of an ensemble and their context.  Out: results/{tier}/{task}.pt, loadable with weights_only=True.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.document import Document
from crystalmatrix.contracts.features import NEIGHBOURHOOD_WIDTH
from crystalmatrix.contracts.summary import ModelSummary
from crystalmatrix.errors import DataError
from crystalmatrix.files import atomic
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.targets.step import BoolArray, FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.calibration import Calibration
from crystalmatrix.trained.domain import Domain, domain_from_state, domain_state
from crystalmatrix.trained.torch_file import read_torch_file, torch_bytes

State = dict[str, torch.Tensor]


class Header(Document):
    """What of a checkpoint is JSON."""

    VERSION: ClassVar[int] = columns.CHECKPOINT_VERSION

    settings: TierConfig  # the user's; keys that do not concern the task are left out and come back as defaults
    graph: GraphConfig
    targets: tuple[Target, ...]  # one per head; auxiliary heads last
    properties: tuple[str, ...]  # the heads that are predicted
    elements: tuple[int, ...]  # atomic numbers in the training fold
    summary: ModelSummary


@dataclass(frozen=True)
class Checkpoint:
    """One trained model: an ensemble of `len(members)` networks of the same shape, or a blend of several."""

    settings: TierConfig
    graph: GraphConfig
    targets: list[Target]  # one per head; auxiliary heads last
    properties: list[str]  # the heads that are predicted
    elements: list[int]  # atomic numbers in the training fold
    members: list[State]  # empty: left out, since it counts for nothing
    calibration: dict[str, Calibration]  # by property
    summary: ModelSummary
    domain: Domain | None  # None: trained without validation crystals
    seen: dict[str, NDArray[np.int64]]  # property: TrainingData.keys of its training fold
    weights: FloatArray | None = None  # [n_members, n_targets] of a blend, summing to one; None: the members' median

    @property
    def tier(self) -> str:
        return self.summary.tier

    @property
    def task(self) -> str:
        return self.summary.task

    def models(self, device: torch.device) -> list[CrystalModel]:
        """The networks that count, ready to predict."""
        return [self._model(k).to(device).eval() for k in self.used]

    @property
    def used(self) -> list[int]:
        """The members that count: of a blend, those with a weight."""
        return [k for k, state in enumerate(self.members) if state]

    @property
    def used_weights(self) -> FloatArray | None:
        """[len(used), n_targets] of a blend."""
        return None if self.weights is None else self.weights[self.used]

    def without_idle(self) -> "Checkpoint":
        """The same predictions from a smaller file: the weights of members that count for nothing are left out."""
        if self.weights is None:
            return self
        weights = self.weights
        return replace(self, members=[state if weights[k].any() else {} for k, state in enumerate(self.members)])

    def with_half_parameters(self) -> "Checkpoint":
        """Trained parameters as float16 (relative error 2^-11), half the file; fitted inputs stay as they are."""
        members = []
        for k, state in enumerate(self.members):
            trained = {name for name, _ in self._model(k).named_parameters()} if state else set()
            members.append({name: tensor.half() if name in trained else tensor for name, tensor in state.items()})
        return replace(self, members=members)

    def interval(
        self, head: int, prediction: FloatArray, spread: FloatArray, zero: BoolArray
    ) -> tuple[FloatArray, FloatArray]:
        """Bounds [n] of the predictions [n] of a head, in its unit, within the range that predictions are bound to.

        Where symmetry says zero, the interval is that zero.
        """
        target = self.targets[head]
        bounds = self.calibration[target.name].bounds(prediction, spread, level=self.summary.interval_level)
        lower, upper = (np.clip(bound, *target.bounds) for bound in bounds)
        if not target.zero_by_symmetry:
            return lower, upper
        return np.where(zero, 0.0, lower), np.where(zero, 0.0, upper)

    def _model(self, index: int) -> CrystalModel:
        kinds = len(self.settings.members)
        model = build_model(self.settings, self.targets, member=index * kinds // len(self.members))
        try:
            model.load_state_dict(self.members[index])
        except RuntimeError:  # what does not fit, a line each
            said = f"{self.tier}/{self.task}: weights of another network than its header says; get or make it again"
            raise DataError(said) from None
        return model


def build_model(settings: TierConfig, targets: list[Target], *, member: int = 0) -> CrystalModel:
    """The network that a tier's settings and a list of targets ask for, fresh; of a blend its kind `member`."""
    return CrystalModel(
        settings.members[member],
        outputs_per_head=[target.n_outputs for target in targets],
        seen=settings.model.descriptors,
    )


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically. Tensors as they are, the rest as JSON."""
    header = Header(
        settings=checkpoint.settings,
        graph=checkpoint.graph,
        targets=tuple(checkpoint.targets),
        properties=tuple(checkpoint.properties),
        elements=tuple(checkpoint.elements),
        summary=checkpoint.summary,
    ).to_dict()
    header["settings"] = json.loads(checkpoint.settings.for_task(checkpoint.task))
    content = {
        "header": json.dumps(header, sort_keys=True),
        "members": checkpoint.members,
        "calibration": {name: _calibration_state(held) for name, held in checkpoint.calibration.items()},
        "domain": domain_state(checkpoint.domain),
        "weights": None if checkpoint.weights is None else torch.from_numpy(checkpoint.weights),
        "seen": {name: torch.from_numpy(keys) for name, keys in checkpoint.seen.items()},
    }
    with atomic(path) as temporary:
        temporary.write_bytes(torch_bytes(content))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises DataError for a missing, damaged or foreign file or another version."""
    if not path.exists():
        raise DataError(f"{path}: not found; build it with: snakemake {path}")
    try:
        content = read_torch_file(path)
        read = json.loads(content["header"])
    except DataError as error:
        raise DataError(f"{error}; delete it and train again, or copy it again") from None
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    except (OSError, KeyError, TypeError, ValueError) as error:  # a folder, another file of torch
        raise DataError(f"{path}: not a checkpoint of this workflow ({type(error).__name__})") from None
    header = Header.parse(read, where=str(path))
    try:
        checkpoint = _of(header, content)
        _check(checkpoint)
    except Exception as error:  # sound as a file, and made by hand or by another program
        said = f"{error}" if isinstance(error, DataError) else type(error).__name__
        raise DataError(f"{path}: its parts do not fit together ({said}); get or make it again") from None
    return checkpoint


def _of(header: Header, content: dict[str, Any]) -> Checkpoint:
    return Checkpoint(
        settings=header.settings,
        graph=header.graph,
        targets=list(header.targets),
        properties=list(header.properties),
        elements=list(header.elements),
        members=content["members"],
        calibration={name: _calibration(state) for name, state in content["calibration"].items()},
        summary=header.summary,
        domain=domain_from_state(content["domain"]),
        seen={name: keys.numpy() for name, keys in content["seen"].items()},
        weights=None if content.get("weights") is None else content["weights"].numpy(),
    )


def _check(checkpoint: Checkpoint) -> None:
    """Raise where the parts do not fit; whether weights fit a network, `models` says."""
    names = [target.name for target in checkpoint.targets]
    if not checkpoint.members or not set(checkpoint.properties) <= set(names) & set(checkpoint.calibration):
        raise DataError("members, properties, targets and calibrations")
    if not all(isinstance(tensor, torch.Tensor) for state in checkpoint.members for tensor in state.values()):
        raise DataError("weights")
    weights, domain = checkpoint.weights, checkpoint.domain
    if weights is not None and weights.shape != (len(checkpoint.members), len(names)):
        raise DataError("weights of the blend")
    if domain is not None and domain.neighbourhood.shape != (len(domain.species), NEIGHBOURHOOD_WIDTH):
        raise DataError("domain")


def _calibration_state(calibration: Calibration) -> dict[str, torch.Tensor]:
    """Without `spread` for a single model."""
    held = {"residual": calibration.residual, "spread": calibration.spread}
    return {name: torch.from_numpy(values) for name, values in held.items() if values is not None}


def _calibration(state: dict[str, torch.Tensor]) -> Calibration:
    return Calibration(state["residual"].numpy(), state["spread"].numpy() if "spread" in state else None)
