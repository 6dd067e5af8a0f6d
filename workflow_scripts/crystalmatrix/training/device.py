"""Which device a job uses: a free GPU of its own, or the CPU with one clear line.

In: the user's wish.  Out: a torch device, held by a file lock while it is used.
"""

import sys
import tempfile
import time
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from crystalmatrix.errors import ConfigError
from crystalmatrix.machine import user


def claim_device(wish: str, *, jobs: int = 1, together: int = 1) -> tuple[torch.device, FileLock | None]:
    """`auto`, `cpu` or `cuda`. With several GPUs each job takes a free one; when none is free it waits.

    Snakemake runs local jobs without setting CUDA_VISIBLE_DEVICES, so the jobs share the GPUs out by file locks. Where
    more `jobs` may run at once than there are GPUs, so many share each as it takes. The processes of one training,
    `together`, share none, since two of them would take the same one.
    """
    if wish == "cpu":
        return torch.device("cpu"), None
    if not torch.cuda.is_available():
        if wish == "cuda":
            raise ConfigError("--device cuda: PyTorch sees no GPU on this machine; use --device auto or cpu")
        _say("no GPU found: using the CPU")
        return torch.device("cpu"), None
    n_gpus = torch.cuda.device_count()
    places = 1 if together > 1 else -(-jobs // n_gpus)
    locks = [(index, FileLock(_lock_path(index, place))) for place in range(places) for index in range(n_gpus)]
    waiting = False
    while True:
        for index, lock in locks:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            torch.cuda.set_device(index)
            _say(f"using GPU {index}: {torch.cuda.get_device_name(index)}")
            return torch.device("cuda", index), lock
        if not waiting:
            _say(f"all {n_gpus} GPUs are taken by other jobs: waiting")
        waiting = True
        time.sleep(2)


def flush_denormals() -> None:
    """Numbers below 1e-38, as in the Gaussian of a far distance, count as zero in this whole process from now on.

    An Intel Xeon is slow with them: a CGCNN trains five times as fast there, to the same errors. For scripts alone: a
    user's own process may want them.
    """
    torch.set_flush_denormal(True)


def power_watts(device: torch.device) -> float | None:
    """What the GPU draws now, or None where it does not tell (the CPU, or no nvidia-ml-py)."""
    if device.type != "cuda":
        return None
    try:
        return torch.cuda.power_draw(device) / 1000
    except (ImportError, RuntimeError):
        return None


def _lock_path(index: int, place: int = 0) -> Path:
    """By the card, since every job of a cluster may see its own as index 0; and by the user, who owns the file."""
    card = getattr(torch.cuda.get_device_properties(index), "uuid", index)  # not every build of torch tells
    shared = f"-{place}" if place else ""
    return Path(tempfile.gettempdir()) / f"crystalmatrix-{user()}-gpu-{card}{shared}.lock"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # a script may print its table to stdout
