"""Trials on this machine, in as many processes at once as the jobs will be, which share what the machine has.

In: settings; Machine.  Out: Rates of a tier, DescribingRate of a potential; DataError where a trial fails.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crystalmatrix.errors import DataError

if TYPE_CHECKING:
    from crystalmatrix.config import Config
    from crystalmatrix.tiers import TierConfig
    from crystalmatrix.training.describing import DescribingRate
    from crystalmatrix.training.rate import Rates

SECONDS = 3.0  # of steps a tier, or of batches a potential
TIER_SECONDS, POTENTIAL_SECONDS = 12, 12  # that a trial takes, roughly: said before the first, corrected after each


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


def measured(settings: "TierConfig", config: "Config", machine: Machine) -> "Rates":
    """Of trainings of a tier."""
    from crystalmatrix.training.rate import Rates

    command = ["crystalmatrix.training.rate", "--settings", settings.to_json(), "--graph", config.graph.to_json()]
    command += ["--device", machine.device, "--jobs", str(machine.parallel)]
    said = _side_by_side([*command, "--threads", str(machine.threads)], n=machine.parallel, what="training")
    return Rates.mean([Rates.model_validate_json(out) for out in said])


def measured_potential(name: str, machine: Machine, parallel: int) -> "DescribingRate":
    """Of jobs that describe atoms, of one thread each."""
    from crystalmatrix.training.describing import DescribingRate

    command = ["crystalmatrix.training.describing", "--potential", name, "--device", machine.device]
    command += ["--jobs", str(parallel), "--threads", "1"]
    return DescribingRate.mean(
        [DescribingRate.model_validate_json(out) for out in _side_by_side(command, n=parallel, what=name)]
    )


def environment() -> dict[str, str]:
    """In which another process finds this very package."""
    package = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}


def _side_by_side(module: list[str], *, n: int, what: str) -> list[str]:
    """What `n` processes of a module print. Raises DataError."""
    from crystalmatrix.machine import ALLOCATOR

    command = [sys.executable, "-m", *module, "--seconds", str(SECONDS)]
    running = [
        subprocess.Popen(
            command, env=environment() | ALLOCATOR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(n)
    ]
    ended = [process.communicate() for process in running]
    for process, (_, said) in zip(running, ended, strict=True):
        if process.returncode:
            last = (said.strip().splitlines() or ["no reason given"])[-1]
            if last.startswith("error: "):
                raise DataError(last.removeprefix("error: "))
            raise DataError(
                f"the trial of {what} ended with code {process.returncode}; too little memory, or a defect of ours: "
                "try fewer --cores, or report it"
            )
    return [out.splitlines()[-1] for out, _ in ended]
