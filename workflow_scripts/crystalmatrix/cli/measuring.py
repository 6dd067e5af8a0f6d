"""Trials on this machine, in as many processes at once as the jobs will be, which share what the machine has.

In: settings; Machine.  Out: Rates of a tier, DescribingRate of a potential; DataError where a trial fails.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from multiprocessing import get_all_start_methods, get_context
from typing import TYPE_CHECKING, Any, TypeVar

from crystalmatrix.errors import DataError, is_out_of_memory
from crystalmatrix.training.rates import DescribingRate, Rates

if TYPE_CHECKING:
    from crystalmatrix.config import Config
    from crystalmatrix.tiers import TierConfig

T = TypeVar("T")
SECONDS = 2.0  # of steps a tier, or of batches a potential
TIER_SECONDS, POTENTIAL_SECONDS = 8, 8  # that a trial takes, roughly: said before the first, corrected after each


@dataclass(frozen=True)
class Machine:
    """How a run will use it."""

    cores: int
    threads: int  # of a training
    parallel: int  # trainings at once
    device: str  # for --device of a job

    @property
    def on_gpu(self) -> bool:
        return self.device != "cpu"


def machine_of(*, cores: int, threads: int | None, gpus: int, wish: str) -> Machine:
    """`wish`: auto, cpu or cuda; `gpus`: jobs that may use a GPU at once; `threads`: None for those of a run."""
    from crystalmatrix.machine import has_gpu_driver, train_threads

    threads = min(threads or train_threads(cores), cores)
    parallel = max(1, cores // threads)
    wanted = wish == "cuda" or (wish == "auto" and gpus > 0 and has_gpu_driver())
    if not wanted:
        return Machine(cores, threads, parallel, "cpu")
    # A driver may be here without a PyTorch that knows it: trainings then run on the CPU, and as many as on GPUs.
    return Machine(cores, threads, max(1, min(gpus, parallel)), wish if wish == "cuda" or _torch_sees_gpu() else "cpu")


def _torch_sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def measured(settings: "TierConfig", config: "Config", machine: Machine) -> Rates:
    """Of trainings of a tier."""
    trial = partial(_tier, settings.to_json(), config.graph.to_json())
    return Rates.mean(side_by_side(trial, machine, n=machine.parallel, threads=machine.threads, what="training"))


def measured_potential(name: str, machine: Machine, parallel: int) -> DescribingRate:
    """Of jobs that describe atoms, of one thread each."""
    return DescribingRate.mean(side_by_side(partial(_potential, name), machine, n=parallel, threads=1, what=name))


def _tier(settings: str, graph: str, **how: Any) -> Rates:
    from crystalmatrix.training.trials import of_tier

    return of_tier(settings, graph, **how)


def _potential(name: str, **how: Any) -> DescribingRate:
    from crystalmatrix.training.trials import of_potential

    return of_potential(name, **how)


def side_by_side(trial: Callable[..., T], machine: Machine, *, n: int, threads: int, what: str) -> list[T]:
    """What `n` processes find, each a fork of one that has loaded the packages. Raises DataError."""
    context = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
    context.set_forkserver_preload(["crystalmatrix.training.trials"])
    how = {"device": machine.device, "jobs": n, "threads": threads, "seconds": SECONDS}
    try:
        with ProcessPoolExecutor(n, mp_context=context, max_tasks_per_child=1) as pool:
            return [begun.result() for begun in [pool.submit(_silently, trial, how) for _ in range(n)]]
    except (BrokenProcessPool, MemoryError, RuntimeError) as error:
        if not isinstance(error, BrokenProcessPool) and not is_out_of_memory(error):
            raise
        raise DataError(f"the trial of {what} died, as where memory runs out; try fewer --cores") from None


def _silently(trial: Callable[..., T], how: dict[str, Any]) -> T:
    """Which GPU a trial takes, what a potential says of itself: not between the lines of a table."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return trial(**how)
