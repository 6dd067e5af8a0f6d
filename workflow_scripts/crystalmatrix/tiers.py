"""The sections of config.yaml that say what a tier is: the sizes of its network, and how it is trained.

In: nested dictionaries.  Out: TierConfig with the settings of one of the architectures, and TrainingConfig.
"""

import json
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from crystalmatrix.errors import nearest
from crystalmatrix.properties import MULTITASK
from crystalmatrix.section import Section

PotentialName = Literal["7net-0", "chgnet"]  # of contracts/descriptors.POTENTIALS, and so are the layers
LayerName = Literal["atoms", "magnetic moment", "layer 1", "layer 2", "layer 3", "layer 4", "layer 5"]
SCRATCH = "scratch"
CHECKPOINT = ".pt"
MOST_CHANNELS, MOST_LAYERS = 4096, 64  # a checkpoint of others may ask for more than fits in memory
KERNEL_CACHE_MB = 1000  # of products of crystals that a fit keeps at hand
KISSING_NUMBER = 12  # so many equal spheres can touch one; the 13th is farther away
ARCHITECTURE = "architecture"  # the key of a tier's `model` section that says which of the following it is


class ModelSection(Section):
    """What the settings of every architecture have: the width of an atom's features, and how they are read out."""

    where: ClassVar[str] = "tiers.*.model"
    sees_neighbours: ClassVar[bool] = True  # whether `neighbours` and `angular_basis` mean anything to it
    channels: int = Field(32, ge=1, le=MOST_CHANNELS)  # features of an atom (of each irrep, where there are several)
    neighbours: int | None = 16  # nearest so many, whole shells; null: all edges of the shards
    pooling: Literal["mean", "attention", "moments"] = "mean"  # of a crystal's atoms; moments: mean and deviation
    descriptors: tuple[PotentialName, ...] = ()  # pretrained potentials whose features of the atoms it reads
    descriptor_layers: tuple[LayerName, ...] = ()  # of them, those that it reads; none: all
    # principal components of the descriptors that it reads; null: all
    components: int | None = Field(None, ge=1, le=MOST_CHANNELS)
    min_epochs: int | None = Field(None, ge=1)  # of this member of a blend, in place of training.min_epochs
    dropout: float = Field(0.0, ge=0, lt=1)  # of the atoms' and the crystal's features before the heads, in training

    @field_validator("neighbours")
    @classmethod
    def _check_neighbours(cls, n: int | None) -> int | None:
        if n is not None and n < KISSING_NUMBER:
            raise ValueError(
                f"found {n}, expected at least {KISSING_NUMBER} (or null for all): so many equal neighbours can "
                "surround an atom, and a shell that does not fit is left out whole, which would leave none"
            )
        return n

    @field_validator("descriptors")
    @classmethod
    def _check_descriptors(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError(f"found {', '.join(names)}, expected each potential once")
        return names

    @property
    def angular_basis(self) -> tuple[int, int]:
        """Radial and angular functions of the 3-body fingerprint that the model reads; (0, 0): it reads none."""
        return 0, 0


class EquivariantConfig(ModelSection):
    """Size of the equivariant network (models/equivariant.py)."""

    architecture: Literal["equivariant"]
    edge_channels: int = Field(32, ge=1, le=MOST_CHANNELS)  # width of the invariant edge branch
    layers: int = Field(2, ge=1, le=MOST_LAYERS)  # of message passing
    l_max: int = Field(1, ge=0, le=4)  # highest degree of the spherical harmonics
    n_radial: int = Field(8, ge=2, le=MOST_CHANNELS)  # functions of the distance
    descriptors_enter: Literal["early", "late", "both"] = "both"  # before the layers, after them (where there are any)
    angle_radial: int = Field(
        3, ge=0, le=MOST_CHANNELS
    )  # radial x angular basis of the 3-body fingerprint; 0: no angles (ablation)
    angle_angular: int = Field(6, ge=1, le=MOST_CHANNELS)  # functions of the angle

    @property
    def angular_basis(self) -> tuple[int, int]:
        return (self.angle_radial, self.angle_angular) if self.angle_radial else (0, 0)


class CGCNNConfig(ModelSection):
    """Size of the CGCNN baseline (Xie & Grossman, PRL 120, 145301 (2018))."""

    architecture: Literal["cgcnn"]
    channels: int = Field(64, ge=1, le=MOST_CHANNELS)
    layers: int = Field(3, ge=1, le=MOST_LAYERS)  # of convolution
    n_radial: int = Field(41, ge=2, le=MOST_CHANNELS)  # functions of the distance


class ReadoutConfig(ModelSection):
    """A perceptron on the descriptors of every atom (models/perceptron.py): no message passing, minutes on a CPU."""

    sees_neighbours: ClassVar[bool] = False
    architecture: Literal["readout"]
    channels: int = Field(192, ge=1, le=MOST_CHANNELS)
    layers: int = Field(2, ge=0, le=MOST_LAYERS)  # residual perceptrons
    pooling: Literal["mean", "attention", "moments"] = "moments"

    @model_validator(mode="after")
    def _check(self) -> Self:
        return _with_descriptors(self)


class KernelConfig(ModelSection):
    """Support vector regression on the pooled descriptors of a crystal (models/kernel.py)."""

    sees_neighbours: ClassVar[bool] = False
    architecture: Literal["kernel"]
    cost: float = Field(10.0, gt=0)  # C, in deviations of the target
    tube: float = Field(0.02, ge=0)  # epsilon, errors that cost nothing, in deviations of the target
    width: float = Field(0.3, gt=0)  # gamma of the Gaussian times the number of features
    most_crystals: int = Field(15_000, ge=2)  # of a larger training set so many, drawn at random: its time is quadratic

    @model_validator(mode="after")
    def _check(self) -> Self:
        return _with_descriptors(self)


# One entry an architecture; models/registry.py says which class each of them is the settings of.
Networks = EquivariantConfig | CGCNNConfig | ReadoutConfig | KernelConfig
AMember = Annotated[Networks, Field(discriminator="architecture")]


class BlendConfig(Section):
    """Members of different kinds in one model, weighted by what the validation fold says of each."""

    where: ClassVar[str] = "tiers.*.model"
    architecture: Literal["blend"]
    members: tuple[AMember, ...] = Field(min_length=2)  # sections like `model`

    @model_validator(mode="after")
    def _check(self) -> Self:
        networks = [member for member in self.members if member.sees_neighbours]
        for key in ("neighbours", "angular_basis"):
            found = {getattr(member, key) for member in networks}
            if len(found) > 1:
                raise ValueError(
                    f"members: found {key} {' and '.join(map(str, sorted(found, key=str)))}, expected one for all"
                )
        return self

    @property
    def _network(self) -> ModelSection:
        """A member that reads neighbours, where there is one."""
        return next((m for m in self.members if m.sees_neighbours), self.members[0])

    @property
    def neighbours(self) -> int | None:
        return self._network.neighbours

    @property
    def angular_basis(self) -> tuple[int, int]:
        return self._network.angular_basis

    @property
    def descriptors(self) -> tuple[str, ...]:
        """Of all members, in the order of their names."""
        return tuple(sorted({name for member in self.members for name in member.descriptors}))


Reader = TypeVar("Reader", bound=ModelSection)


def _with_descriptors(config: Reader) -> Reader:
    if not config.descriptors:
        raise ValueError("descriptors: found none, expected at least one potential: the model reads nothing else")
    return config


Seeing = ModelSection | BlendConfig  # what knows which features it reads

ModelConfig = Annotated[Networks | BlendConfig, Field(discriminator="architecture")]


class TrainingConfig(Section):
    """How a model is trained (training/loop.py)."""

    where: ClassVar[str] = "tiers.*.training"
    crystals_seen: int = Field(100_000, ge=1)  # length of the schedule; epochs = crystals_seen / training set size ...
    max_epochs: int = Field(100, ge=1)  # ... but no more epochs than this (small sets)
    min_epochs: int = Field(5, ge=1)  # ... and no fewer than this (large sets)
    patience: int = Field(50, ge=1)  # epochs without a better validation error after which training stops
    batch_size: int = Field(32, ge=1)  # crystals
    learning_rate: float = Field(2e-3, gt=0)  # peak; linear warm-up, then cosine to zero
    warmup: float = Field(0.05, ge=0, lt=1)  # share of the steps
    optimiser: Literal["adamw", "muon"] = "adamw"  # muon: of the matrices, embeddings and heads stay with AdamW
    weight_decay: float = Field(1e-5, ge=0)  # of the optimiser, apart from the gradient
    gradient_clip: float = Field(1.0, gt=0)  # norm
    ema_decay: float = Field(0.99, ge=0, lt=1)  # weights that are evaluated and kept: moving average; 0: none
    loss: Literal["l1", "huber", "mse"] = "l1"  # on the transformed target
    transform: bool = True  # the property's own scale (log, asinh); false: identity for all (ablation)
    hurdle: bool = False  # zero-inflated properties: one more output, the probability of a value that is not zero
    composition_reference: bool = True  # subtract a per-element fit of the training fold, decode ehull
    seeds: int = Field(1, ge=1)  # members of the ensemble inside the one checkpoint
    init: str = SCRATCH  # scratch; multitask: single-task models start from the tier's multi-task one; or a checkpoint
    task_weights: Literal["uniform", "learned"] = (
        "uniform"  # multi-task: 1 per task on standardised targets, or learned
    )
    sampling: Literal["uniform", "balanced"] = "balanced"  # multi-task: every crystal once an epoch, or by its labels
    auxiliary: bool = True  # multi-task: also learn epsx, epsy, epsz, which JARVIS gives for free
    hold_out: Literal["strict", "masked"] = "strict"  # multi-task: drop, or only mask, structures held out elsewhere
    outliers: Literal["ignore", "report", "drop"] = "report"  # extreme training labels: see results/data/outliers.csv
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"  # of a training step; all else is float32
    compile: bool = False  # torch.compile: worth its minutes of warm-up in long runs only
    window_gb: float = Field(8, gt=0)  # GB of features in use at a time; larger sets are shuffled in windows of it
    save_every_seconds: float = Field(60, gt=0)  # between states that a stopped training goes on from
    gpus_per_model: int = Field(1, ge=1, exclude=True)  # what a training asks the machine for; no part of the model

    @field_validator("init")
    @classmethod
    def _check_init(cls, init: str) -> str:
        if init not in (SCRATCH, MULTITASK) and not init.endswith(CHECKPOINT):
            known = f"{SCRATCH}, {MULTITASK} or the path of a checkpoint (*{CHECKPOINT})"
            raise ValueError(f"found {init!r}, expected {known}{nearest(init, (SCRATCH, MULTITASK))}")
        return init

    @property
    def init_path(self) -> str | None:
        """The checkpoint that `init` names, if it does."""
        return self.init if self.init.endswith(CHECKPOINT) else None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_epochs > self.max_epochs:
            raise ValueError(
                f"min_epochs: found {self.min_epochs}, expected at most max_epochs = {self.max_epochs}; "
                "lower the one or raise the other"
            )
        return self

    def epochs(self, n_train: int) -> int:
        """Of a training set of so many crystals, before patience ends."""
        return min(max(self.crystals_seen // n_train, self.min_epochs), self.max_epochs)

    @property
    def window_bytes(self) -> int:
        return round(self.window_gb * 1e9)


class TierConfig(Section):
    """One row of models: an architecture with its size, and how it is trained."""

    where: ClassVar[str] = "tiers.*"
    model: ModelConfig
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.training.hurdle and any(isinstance(member, KernelConfig) for member in self.members):
            raise ValueError("training.hurdle: found true with architecture kernel, which has no such output")
        return self

    @property
    def members(self) -> tuple["AMember", ...]:
        """The kinds of networks in the model, in turn: one, or those of a blend."""
        return self.model.members if isinstance(self.model, BlendConfig) else (self.model,)

    def of_member(self, index: int) -> "TierConfig":
        """The settings of kind `index` alone."""
        model, training = self.members[index], self.training
        if model.min_epochs is not None:
            fewest = min(model.min_epochs, training.max_epochs)
            training = training.model_copy(update={"min_epochs": fewest})
        return self.model_copy(update={"model": model, "training": training})

    def for_task(self, task: str) -> str:
        """JSON of the keys that concern the task: what a training is given, and what its card shows.

        The others are left out, so that changing them trains nothing again. A reader finds them at their defaults.
        """
        foreign = {"task_weights", "sampling", "auxiliary", "hold_out"}
        if task == MULTITASK:
            foreign = set() if self.training.init_path else {"init"}
        content = self.model_dump(mode="json", exclude={"training": foreign})
        return json.dumps(content, sort_keys=True, separators=(",", ":"))
