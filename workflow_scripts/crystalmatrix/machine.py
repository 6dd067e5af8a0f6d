"""What a machine decides: the user's name for a lock, the memory that a process took, how a training uses cores.

In: nothing.  Out: plain values.
"""

import ctypes
import getpass
import os
import shutil
import sys

import psutil

try:
    import resource
except ImportError:  # Windows, where psutil knows the peak
    resource = None  # type: ignore[assignment]  # None where the system has no such module

# glibc hands large blocks back to the system after every step; keeping them takes 40 % off a training step on the CPU.
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "20000000000",
    "MALLOC_TOP_PAD_": "67108864",
}
_MALLOPT = {-4: 0, -1: 2_000_000_000, -2: 67_108_864}  # the same three, by glibc's numbers for mallopt
MOST_THREADS = 4
GPU_JOBS = "GPU_JOBS"


def has_gpu_driver() -> bool:
    """Whether an NVIDIA or AMD driver is installed, as far as its commands tell: torch would take seconds to ask."""
    return any(map(shutil.which, ["nvidia-smi", "rocm-smi"]))


def spare_the_cpu() -> None:
    """Before torch is loaded: threads sleep while they wait, and memory is kept; nothing that the user set is changed.

    Waiting threads spin otherwise: two of them on two cores with another process took 2.3 times as long to predict.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_memory()


def keep_memory() -> None:
    """What ALLOCATOR tells processes that start, told to this one; without effect where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None) if os.name == "posix" else None, "mallopt", None)
    if mallopt is not None:
        for parameter, value in _MALLOPT.items():
            mallopt(parameter, value)


def user() -> str:
    """Who runs this process, as a part of a file name: the number where the system has one, else the name."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def peak_memory_mb() -> float:
    """The most main memory that this process has taken so far, in MiB; where nobody counts it, what it takes now."""
    if resource is not None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, but bytes on macOS
        return peak / (2**20 if sys.platform == "darwin" else 2**10)
    memory = psutil.Process().memory_info()
    return getattr(memory, "peak_wset", memory.rss) / 2**20


def gpu_jobs() -> int:
    """How many jobs of this run may use a GPU at once: `--resources gpu`, as Snakemake's process hands it on."""
    return int(os.environ.get(GPU_JOBS, "1"))


def train_threads(cores: int) -> int:
    """Trainings side by side use cores better than threads of one do: in small steps threads wait for each other."""
    return min(MOST_THREADS, max(1, cores // 2))
