"""Which device a trainer uses: a free GPU of its own, or the CPU with one clear line.

In: the user's wish.  Out: a torch device, held by a file lock while it is used.
"""

import tempfile
import time
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from crystalmatrix.errors import ConfigError


def claim_device(wish: str) -> tuple[torch.device, FileLock | None]:
    """`auto`, `cpu` or `cuda`. With several GPUs each trainer takes a free one; when none is free it waits.

    Snakemake runs local jobs without setting CUDA_VISIBLE_DEVICES, so the jobs share the GPUs out by file locks.
    """
    if wish == "cpu":
        return torch.device("cpu"), None
    if not torch.cuda.is_available():
        if wish == "cuda":
            raise ConfigError("--device cuda: PyTorch sees no GPU on this machine; use --device auto or cpu")
        print("no GPU found: training on the CPU", flush=True)
        return torch.device("cpu"), None
    locks = [FileLock(_lock_path(index)) for index in range(torch.cuda.device_count())]
    waiting = False
    while True:
        for index, lock in enumerate(locks):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            torch.cuda.set_device(index)
            print(f"training on GPU {index}: {torch.cuda.get_device_name(index)}", flush=True)
            return torch.device("cuda", index), lock
        if not waiting:
            print(f"all {len(locks)} GPUs are taken by other trainers: waiting", flush=True)
        waiting = True
        time.sleep(2)


def power_watts(device: torch.device) -> float | None:
    """What the GPU draws now, or None where it does not tell (the CPU, or no nvidia-ml-py)."""
    if device.type != "cuda":
        return None
    try:
        return torch.cuda.power_draw(device) / 1000
    except (ImportError, RuntimeError):
        return None


def _lock_path(index: int) -> Path:
    return Path(tempfile.gettempdir()) / f"crystalmatrix-gpu-{index}.lock"
