"""Which runs of the workflow work in a folder: each holds a lock file that the system lets go when its process dies.

In: Snakemake's own folder, .snakemake/.  Out: .snakemake/runs/<host>@<process>@<random>.lock while the run lasts; and
Snakemake's locks of dead runs are gone, so that after a kill or a power cut the same command goes on.
"""

import atexit
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from crystalmatrix.locks import file_lock, take

RUNS = "runs"
LOCKS = "locks"  # where Snakemake notes the files that its runs read and write


@dataclass(frozen=True)
class Claim:
    """What a run found in its folder. Each run is named as `process 123 on host`."""

    living: tuple[str, ...]  # other runs that may still work here
    buried: tuple[str, ...]  # dead runs whose locks were removed


def claim(folder: Path) -> Claim:
    """Enter the folder until this process ends, and remove Snakemake's locks where all who left them are dead.

    A run of another machine counts as living as long as there are locks: not every network file system tells one
    machine what another holds. Of two runs that start at once, none takes the other's locks: both are there first.
    """
    host = socket.gethostname()
    mine = folder / RUNS / f"{host}@{os.getpid()}@{secrets.token_hex(4)}.lock"
    mine.parent.mkdir(parents=True, exist_ok=True)
    lock = file_lock(mine)
    take(lock, wait=True)
    atexit.register(_leave, lock, mine)
    locks = sorted((folder / LOCKS).glob("*.lock"))
    dead: list[Path] = []
    living: list[Path] = []
    for path in sorted(mine.parent.glob("*.lock")):
        if path == mine:
            continue
        here = path.name.startswith(f"{host}@")
        (living if _is_held(path) or (locks and not here) else dead).append(path)
    if living:
        return Claim(living=tuple(map(_name, living)), buried=())
    if not dead:
        locks = []  # they are of a run that left no name: only the user knows
    for path in [*locks, *dead]:
        path.unlink(missing_ok=True)
    return Claim(living=(), buried=tuple(map(_name, dead)) if locks else ())


def _is_held(path: Path) -> bool:
    lock = file_lock(path)
    held = not take(lock)
    lock.release()
    return held


def _leave(lock: FileLock, path: Path) -> None:
    lock.release()
    path.unlink(missing_ok=True)


def _name(path: Path) -> str:
    host, process, _ = path.name.split("@")
    return f"process {process} on {host}"
