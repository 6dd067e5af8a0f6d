"""One network of a checkpoint after the other: built, given its start and its inputs, then trained or fitted.

In: TrainingData and the settings of a tier.  Out: Member.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from crystalmatrix.data.labels import TRAIN
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.models.crystal import HEADS, REFERENCE, CrystalModel
from crystalmatrix.targets.step import FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.tiers import KernelConfig, TierConfig
from crystalmatrix.trained.checkpoint import Checkpoint, State, build_model
from crystalmatrix.training.descriptors import fit_inputs
from crystalmatrix.training.labels import TrainingData
from crystalmatrix.training.loop import Member, Trainer
from crystalmatrix.training.state import STATE_VERSION
from crystalmatrix.training.stop import StopRequest
from crystalmatrix.training.world import World
from crystalmatrix.words import counted


@dataclass(frozen=True)
class MemberTraining:
    """What all members of a checkpoint have in common."""

    data: TrainingData
    dataset: Dataset
    targets: list[Target]  # of all heads
    formulas: FloatArray  # [n, N_SPECIES]
    tier: str
    task: str
    settings: TierConfig
    run: Path  # each member's state has a folder below
    init: Checkpoint | None
    n_properties: int
    stop: StopRequest
    world: World

    def train(self, kind: int, seed: int) -> Member:
        """The member of that kind (of a blend; else 0) and seed, from its saved state where there is one."""
        torch.manual_seed(seed)
        settings = self.settings.of_member(kind)
        model = build_model(self.settings, self.targets, member=kind)
        is_kernel = isinstance(settings.model, KernelConfig)
        start = None if self.init is None or is_kernel else starting_weights(self.init, kind=kind, seed=seed) or None
        if start is not None and self.init is not None:
            heads = {name: head for head, name in enumerate(self.init.properties)}
            warm_start(model, start, heads=[heads.get(target.name) for target in self.targets])
        fit_inputs(model, self.data, self.dataset, self.targets, self.formulas, inputs=start is None)
        several = len(self.settings.members) > 1
        self._announce(model, settings, kind, seed)
        if isinstance(settings.model, KernelConfig):
            from crystalmatrix.training.support import fit_support  # scikit-learn takes a second

            return fit_support(
                model, self.data, self.dataset, self.targets, self.formulas,
                config=settings.model, n_properties=self.n_properties, seed=seed,
            )  # fmt: skip
        trainer = Trainer(
            model,
            self.data,
            self.dataset,
            self.targets,
            self.formulas,
            settings=settings,
            n_properties=self.n_properties,
            seed=seed,
            run=self.run / (f"member-{kind}-seed-{seed}" if several else f"seed-{seed}"),
            digest=weights_digest(self.data, settings, self.init, seed, kind=kind),
            stop=self.stop,
            world=self.world,
        )
        return trainer.train()

    def _announce(self, model: CrystalModel, settings: TierConfig, kind: int, seed: int) -> None:
        n_parameters = sum(parameter.numel() for parameter in model.parameters())
        of_kind = f", kind {kind + 1} of {len(self.settings.members)}" if len(self.settings.members) > 1 else ""
        print(
            f"{self.tier}/{self.task}: {settings.model.architecture}{of_kind}, {n_parameters:,} parameters, "
            f"{counted(len(self.data.of_fold(TRAIN)), 'training crystal')}, seed {seed}, "
            f"{counted(settings.training.seeds, 'seed')} in all",
            flush=True,
        )


def starting_weights(source: Checkpoint, *, kind: int, seed: int) -> State:
    """Of the member of a multi-task checkpoint that a member of a single-task model starts from."""
    seeds = len(source.members) // len(source.settings.members)
    return source.members[kind * seeds + seed % seeds]


def warm_start(model: CrystalModel, weights: State, *, heads: list[int | None]) -> None:
    """Copy everything but the heads and the linear fit, and those heads that the other model has as well.

    `heads`: for each of the model's the number of the same in `weights`, or None.
    """
    own = {name: value for name, value in model.state_dict().items() if name.startswith((HEADS, REFERENCE))}
    kept = {name: value for name, value in weights.items() if not name.startswith((HEADS, REFERENCE))}
    for mine, other in enumerate(heads):
        of_head = f"{HEADS}{other}."
        for name, value in weights.items():
            here = f"{HEADS}{mine}.{name.removeprefix(of_head)}"
            if name.startswith(of_head) and own[here].shape == value.shape:  # a hurdle has one output more
                kept[here] = value
    model.load_state_dict(own | kept)


def weights_digest(
    data: TrainingData, settings: TierConfig, init: Checkpoint | None, seed: int, *, kind: int = 0
) -> str:
    """Of everything that decides the weights, and of nothing else: a state with another digest is not continued."""
    training = settings.training.model_copy(update={"seeds": 1, "save_every_seconds": 1.0})
    content = hashlib.sha256(f"{STATE_VERSION}{settings.model_copy(update={'training': training}).to_json()}".encode())
    content.update(json.dumps(data.graph.identity, sort_keys=True).encode())
    content.update(data.data_digest.encode())
    content.update(",".join(data.tasks).encode())
    content.update(data.fold.tobytes() + data.values.tobytes())
    content.update(b"" if data.weight is None else data.weight.tobytes())
    if init is not None:
        start = starting_weights(init, kind=kind, seed=seed)
        content.update(",".join(init.properties).encode())
        for name in sorted(start):
            content.update(name.encode() + start[name].cpu().numpy().tobytes())
    return f"{content.hexdigest()}-{seed}"
