"""The resumable state of a training run: written atomically, the previous one kept, one trainer per folder.

In: a dictionary of tensors and plain values.  Out: run/state.pt, run/state.previous.pt; the newest readable one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from crystalmatrix.errors import DataError
from crystalmatrix.files import SET_ASIDE, atomic, move_aside
from crystalmatrix.locks import file_lock, take
from crystalmatrix.trained.torch_file import read_torch_file, torch_bytes

STATE = "state.pt"
STATE_VERSION = 6  # of what the trainer saves: part of a run's digest, so that another version starts afresh
PREVIOUS = "state.previous.pt"
LOG = "log.jsonl"  # a contracts.summary.Epoch a line


@contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold the run folder; wait while another trainer holds it. The system lets it go when that process ends.

    A killed snakemake leaves its trainer alive: the next one waits for it and goes on from the state that it leaves.
    """
    run.mkdir(parents=True, exist_ok=True)
    lock = file_lock(run / ".lock")
    if not take(lock):
        print(f"{run}: another trainer works here, left over from a killed run: waiting for its end", flush=True)
        take(lock, wait=True)
    try:
        yield
    finally:
        lock.release()


def save_state(run: Path, state: dict[str, Any]) -> None:
    """Write the state; the one before becomes the previous."""
    with atomic(run / STATE) as temporary:
        temporary.write_bytes(torch_bytes(state))
        if (run / STATE).exists():
            (run / STATE).replace(run / PREVIOUS)


def check_processes(state: dict[str, Any], run: Path, *, size: int) -> None:
    """Each number of processes adds gradients up in its own order: another one would not continue these weights."""
    if (found := state.get("processes", 1)) != size:
        raise DataError(
            f"{run / STATE}: found a training by {found} processes, expected {size}, one a GPU; give it gpu={found} "
            "again (gpus_per_model), or delete the folder to start afresh"
        )


def load_state(run: Path, *, digest: str) -> dict[str, Any] | None:
    """The newest readable state of the same settings and data, or None. Says what it skips, and moves it aside.

    A damaged state would become the previous one, in place of a sound one; a folder could not be written over.
    """
    for path in (run / name for name in (STATE, PREVIOUS, LOG)):
        if path.is_dir():
            print(f"{path}: a folder; {_made_place(path)}", flush=True)
    for name in (STATE, PREVIOUS):
        path = run / name
        if not path.exists():
            continue
        try:
            state = read_torch_file(path)
            found = state["digest"]
        except (DataError, OSError, KeyError, TypeError) as error:  # another file of torch, one without rights
            reason = str(error) if isinstance(error, DataError) else f"{path}: not a state ({type(error).__name__})"
            print(f"{reason}; {_made_place(path)}, trying the one before", flush=True)
            continue
        if found == digest:
            return state
        print(f"{path}: made with other settings, data or version, starting afresh", flush=True)
        return None
    return None


def _made_place(path: Path) -> str:
    """What to say of it. Of several processes of a training one is first."""
    if path.exists():
        with suppress(FileNotFoundError):
            move_aside(path)
    return f"kept as {path.name}{SET_ASIDE}"
