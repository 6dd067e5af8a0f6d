"""What a machine decides: the user's name for a lock, the memory that a process took, how a training uses cores.

In: nothing.  Out: plain values.
"""

import getpass
import os
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
MOST_THREADS = 4
GPU_JOBS = "GPU_JOBS"


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
