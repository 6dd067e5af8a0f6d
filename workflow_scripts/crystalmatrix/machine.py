"""What differs between Linux, macOS and Windows: the user's name for a lock, and the memory that a process took.

In: nothing.  Out: plain values of this process.
"""

import getpass
import os
import sys

import psutil

try:
    import resource
except ImportError:  # Windows, where psutil knows the peak
    resource = None  # type: ignore[assignment]  # None where the system has no such module


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
