"""Which device a job uses: a free GPU of its own, or the CPU with one clear line.

In: the user's wish.  Out: a torch device, held by a file lock while it is used.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from filelock import FileLock

from crystalmatrix.errors import ConfigError
from crystalmatrix.locks import file_lock, take
from crystalmatrix.machine import user
from crystalmatrix.training.world import ALONE, World

PAUSE = 2.0  # s between two looks for a free GPU


def claim_device(wish: str, *, jobs: int = 1, world: World = ALONE) -> tuple[torch.device, list[FileLock]]:
    """`auto`, `cpu` or `cuda`. With several GPUs each job takes a free one; when none is free it waits.

    Snakemake runs local jobs without setting CUDA_VISIBLE_DEVICES, so the jobs share the GPUs out by file locks. Where
    more `jobs` may run at once than there are GPUs, so many share each as it takes. The processes of one training, a
    `world`, share none, since two of them would take the same one. The locks hold as long as somebody keeps them.
    """
    if wish == "cpu":
        return torch.device("cpu"), []
    if not torch.cuda.is_available():
        if wish == "cuda":
            raise ConfigError("--device cuda: PyTorch sees no GPU on this machine; use --device auto or cpu")
        _say("no GPU found: using the CPU")
        return torch.device("cpu"), []
    n_gpus = torch.cuda.device_count()
    if world.size > n_gpus:
        raise ConfigError(
            f"gpus_per_model: found {world.size} processes for {n_gpus} GPUs, expected one a GPU; run again with "
            f"--resources gpu={n_gpus}"
        )
    if world.size == 1:
        index, lock = _take_one([(index, place) for place in range(-(-jobs // n_gpus)) for index in range(n_gpus)])
        locks = [lock]
    else:
        claimed = _take_several(world.size, n_gpus) if world.leads else []
        index = world.of_the_first([index for index, _ in claimed])[world.rank]
        locks = [lock for _, lock in claimed]
    torch.cuda.set_device(index)
    _say(f"using GPU {index}: {torch.cuda.get_device_name(index)}")
    return torch.device("cuda", index), locks


def _take_one(places: Sequence[tuple[int, int]]) -> tuple[int, FileLock]:
    """The first that is free of (GPU, place on it)."""
    locks = [(index, file_lock(_lock_path(index, place))) for index, place in places]
    waiting = False
    while True:
        for index, lock in locks:
            if take(lock):
                return index, lock
        if not waiting:
            _say(f"all {len({index for index, _ in places})} GPUs are taken by other jobs: waiting")
        waiting = True
        time.sleep(PAUSE)


def _take_several(number: int, n_gpus: int) -> list[tuple[int, FileLock]]:
    """Whole GPUs. One training at a time collects them: two with half of theirs each would wait for each other."""
    collecting = file_lock(_named("gpus"))
    take(collecting, wait=True)
    taken: list[tuple[int, FileLock]] = []
    try:
        while len(taken) < number:
            mine = [index for index, _ in taken]
            taken.append(_take_one([(index, 0) for index in range(n_gpus) if index not in mine]))
    finally:
        collecting.release()
    return taken


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
    """By the card, since every job of a cluster may see its own as index 0."""
    card = getattr(torch.cuda.get_device_properties(index), "uuid", index)  # not every build of torch tells
    return _named(f"gpu-{card}-{place}" if place else f"gpu-{card}")


def _named(name: str) -> Path:
    """By the user too, who owns the file."""
    return Path(tempfile.gettempdir()) / f"crystalmatrix-{user()}-{name}.lock"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # a script may print its table to stdout
