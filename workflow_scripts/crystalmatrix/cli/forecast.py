"""From rates and sizes to hours, memory and disk.

In: the configuration, Sizes, Rates of each tier.  Out: Forecast of each tier.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from crystalmatrix.cli.sizes import Sizes
from crystalmatrix.config import Config
from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.contracts.view import View
from crystalmatrix.errors import ConfigError, nearest
from crystalmatrix.properties import AUXILIARY_FIELDS, MULTITASK
from crystalmatrix.tiers import KERNEL_CACHE_MB, KernelConfig, TierConfig
from crystalmatrix.training.rates import DescribingRate, Rates

# In starts of such a process, which are measured: what a training is before its first step and after its last (imports,
# features, calibration), and what predicting the held-out folds, the metrics and the model's part of the page are.
TRAINING_STARTS = 1.7
EVALUATION_STARTS = 2.3
BYTES_PER_WEIGHT = 4  # and of a site energy
HALF_BYTES = 2  # a descriptor
WEIGHTS_KEPT = 10  # in a checkpoint and the two states of its run: weights, averages, moments of the optimiser
AUXILIARY_OF = "dielectric"  # which crystals have the labels that a multi-task model learns beside the properties
GRAPH_BYTES_PER_ATOM = 315  # of the shards, as 76 MB for the 15,364 crystals of the part


@dataclass(frozen=True)
class Forecast:
    """Of the trainings of a tier."""

    tier: str
    trainings: int
    done: int
    crystals: int  # that the trainings to come will see, all epochs of all members
    crystals_per_second: float  # of a process
    seconds: list[float]  # of each training to come
    memory_gb: float  # of a process
    disk_gb: float
    evaluation_seconds: float  # of what comes after these trainings
    on_gpu: bool


@dataclass(frozen=True)
class Describing:
    """Of the descriptors of a potential, once for all crystals, before the first training that reads them."""

    potential: str
    shards: int
    done: int
    crystals: int  # to come
    crystals_per_second: float  # of a process
    seconds: float  # of all that is to come, side by side
    parallel: int
    memory_gb: float  # of a process
    disk_gb: float  # of what is to come


def wanted_tasks(config: Config, wanted: list[str]) -> dict[str, list[str]]:
    """{tier: tasks}; `wanted`: tiers, tier/task or results/tier/task.pt, none: the matrix. Raises ConfigError."""
    if not wanted:
        return {tier: list(config.tasks) for tier in config.matrix.tiers}
    chosen: dict[str, list[str]] = {}
    for text in wanted:
        tier, _, task = text.removeprefix("results/").removesuffix(".pt").partition("/")
        if tier not in config.matrix.tiers:
            raise ConfigError(f"{text}: no tier {tier!r} in the matrix{nearest(tier, config.matrix.tiers)}")
        if task:
            config.check_pair(tier, task)
        tasks = chosen.setdefault(tier, [])
        tasks += [name for name in ([task] if task else config.tasks) if name not in tasks]
    for tier, tasks in chosen.items():  # what they start from is trained too
        if config.tiers[tier].training.init == "multitask" and MULTITASK not in tasks:
            tasks.append(MULTITASK)
    return chosen


def forecast(
    config: Config, tier: str, tasks: list[str], *, sizes: Sizes, rates: Rates | None, results: Path
) -> Forecast:
    """`rates`: None where nothing of the tier is left to train."""
    settings = config.tiers[tier]
    left = [task for task in tasks if not (results / tier / f"{task}.pt").exists() and sizes.n_train.get(task)]
    n_atoms = sizes.n_crystals * sizes.mean_atoms
    each = [training(settings, task, sizes=sizes, rates=rates) for task in left] if rates else []
    seconds = [one for _, one in each]
    crystals = sum(seen for seen, _ in each)
    at_work = sum(seconds) - TRAINING_STARTS * rates.start_seconds * len(each) if rates else 0.0
    features = n_atoms * rates.bytes_per_atom if rates else 0.0
    held = min(features, settings.training.window_bytes)
    weights = rates.n_parameters * BYTES_PER_WEIGHT * WEIGHTS_KEPT * len(left) if rates else 0.0
    return Forecast(
        tier=tier,
        trainings=len(tasks),
        done=sum((results / tier / f"{task}.pt").exists() for task in tasks),
        crystals=crystals,
        crystals_per_second=crystals / at_work if at_work else 0.0,
        seconds=seconds,
        memory_gb=(rates.memory_mb * 2**20 + held) / 1e9 + _kernel_gb(settings, left, sizes) if rates else 0.0,
        disk_gb=weights / 1e9,
        evaluation_seconds=EVALUATION_STARTS * rates.start_seconds * len(seconds) if rates else 0.0,
        on_gpu=rates is not None and rates.device != "CPU",
    )


def shards_to_describe(config: Config, tiers: list[str], results: Path) -> dict[str, int]:
    """{potential that these tiers read: its shards to come}."""
    potentials = sorted({name for tier in tiers for name in config.tiers[tier].model.descriptors})
    return {
        name: sum(not (results / f"descriptors/{name}/shard-{k}.parquet").exists() for k in range(config.graph.shards))
        for name in potentials
    }


def describing(
    name: str, left: int, config: Config, *, sizes: Sizes, rate: DescribingRate | None, parallel: int
) -> Describing:
    """`left`: shards to come; `rate`: None where there are none."""
    share = left / config.graph.shards
    crystals = round(share * sizes.n_crystals)
    of_shard = sizes.n_crystals * sizes.mean_atoms / config.graph.shards * rate.atom_seconds if rate else 0.0
    kept = HALF_BYTES * POTENTIALS[name].width + BYTES_PER_WEIGHT  # of an atom
    return Describing(
        potential=name,
        shards=config.graph.shards,
        done=config.graph.shards - left,
        crystals=crystals,
        crystals_per_second=1 / (sizes.mean_atoms * rate.atom_seconds) if rate else 0.0,
        seconds=math.ceil(left / parallel) * (rate.start_seconds + of_shard) if rate else 0.0,
        parallel=parallel,
        memory_gb=rate.memory_mb * 2**20 / 1e9 if rate else 0.0,
        disk_gb=crystals * sizes.mean_atoms * kept / 1e9,
    )


def wall_seconds(seconds: list[float], *, parallel: int) -> float:
    """Of trainings side by side, the longest first."""
    return max([sum(seconds) / parallel, *seconds], default=0.0)


def features_gb(config: Config, tiers: list[str], sizes: Sizes, rates: dict[str, Rates]) -> float:
    """Graphs once, and the features of each view once."""
    n_atoms = sizes.n_crystals * sizes.mean_atoms
    views = {
        View.of(config.graph, config.tiers[tier].model).name: rates[tier].bytes_per_atom
        for tier in tiers
        if tier in rates
    }
    return n_atoms * (GRAPH_BYTES_PER_ATOM + sum(views.values())) / 1e9


def training(settings: TierConfig, task: str, *, sizes: Sizes, rates: Rates) -> tuple[int, float]:
    """Crystals that its members will see, and seconds, of one training, if patience does not end it."""
    n_train, n_val, n_atoms = sizes.n_train[task], sizes.n_val.get(task, 0), sizes.train_atoms[task]
    passes = 2 if len(settings.members) > 1 else 1  # of the validation fold at the end: intervals, weights of a blend
    seen, seconds = 0, 0.0
    for kind, (member, rate) in enumerate(zip(settings.members, rates.members, strict=True)):
        if isinstance(member, KernelConfig):
            seen += n_train
            seconds += rate.kernel_seconds * _squares(member, settings, task, sizes)
            continue
        one = settings.of_member(kind).training
        epochs = one.epochs(n_train)
        steps = math.ceil(n_train / one.batch_size)
        seen += epochs * n_train
        seconds += epochs * (steps * rate.step_seconds + n_train * n_atoms * rate.atom_seconds)
        seconds += (epochs + passes) * n_val * n_atoms * rate.validation_seconds
    seeds = settings.training.seeds
    return seeds * seen, TRAINING_STARTS * rates.start_seconds + seeds * seconds


def _kernel_gb(settings: TierConfig, tasks: list[str], sizes: Sizes) -> float:
    """Of the products of crystals that a fit keeps at hand."""
    kernels = [member for member in settings.members if isinstance(member, KernelConfig)]
    largest = max((max(_crystals(kernel, settings, task, sizes)) for kernel in kernels for task in tasks), default=0)
    return min(BYTES_PER_WEIGHT * largest**2 / 1e9, KERNEL_CACHE_MB / 1e3)


def _squares(kernel: KernelConfig, settings: TierConfig, task: str, sizes: Sizes) -> int:
    return sum(n**2 for n in _crystals(kernel, settings, task, sizes))


def _crystals(kernel: KernelConfig, settings: TierConfig, task: str, sizes: Sizes) -> list[int]:
    """That the kernel is fitted to, one regression a label."""
    learned = [sizes.n_train[task]]
    if task == MULTITASK:
        auxiliary = len(AUXILIARY_FIELDS) if settings.training.auxiliary else 0
        learned = [*sizes.multitask.values(), *[sizes.multitask.get(AUXILIARY_OF, 0)] * auxiliary]
    return [min(n, kernel.most_crystals) for n in learned]
