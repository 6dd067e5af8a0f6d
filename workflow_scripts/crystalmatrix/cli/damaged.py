"""Results that are not what was written: looked for when a run starts, so that it makes them again.

In: the folder of results; a file that keeps what was found whole, and when it was written.  Out: {path: what is wrong}.
A file is read once, and again when its time, size or place on the disk has changed; `verify` reads all of them always.
What a killed process had half written goes.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from crystalmatrix.cli.checks import checkable, complaint
from crystalmatrix.errors import DataError
from crystalmatrix.files import SET_ASIDE, TEMPORARY, move_aside, read_json, write_json

_OTHERS = ("logs", "benchmarks", "runs", "screen", "release")  # texts, states, and what their own readers look after


def damaged(results: Path, known: Path) -> dict[Path, str]:
    """Raises nothing: what cannot be read is damaged."""
    before = _read(known)
    found, whole = {}, {}
    for path in _files(results):
        about = path.lstat()
        key, now = str(path), [about.st_size, about.st_mtime_ns, about.st_ino]
        said = None if before.get(key) == now else complaint(path)
        if said:
            found[path] = said
        else:
            whole[key] = now
    write_json(known, whole)
    return found


def set_aside(path: Path, reason: str) -> str:
    """A damaged file makes place for a new one, and stays under another name: what it was worth, its owner knows.

    Returns what to say of it; nothing where it went with its folder. What was set aside before goes, whatever it is.
    Raises DataError where rights are missing.
    """
    if path.parent.name == "figures" or path.parent.parent.name == "leaderboard":
        path = path.parent  # an output is the whole folder
    if not os.path.lexists(path):
        return ""
    try:
        kept = move_aside(path)
    except OSError as error:
        raise DataError(f"{path}: damaged, and cannot be moved ({error.strerror}); remove it and run again") from None
    said = reason.removesuffix("; delete it and run again")
    return f"{said}; kept as {kept.name}, to be built again where it is needed"


def remove_left_over(folder: Path, *, idle: float = 0.0) -> tuple[int, int]:
    """Remove what `atomic` could not, since its process was killed; returns how many files and how many bytes.

    A process of this machine is asked for; one of another machine is dead where it has written nothing for `idle` s.
    """
    n_files = n_bytes = 0
    for place, _, names in os.walk(folder):
        for name in names:
            found = TEMPORARY.fullmatch(name)
            if found is None or psutil.pid_exists(int(found["process"])):
                continue
            path = Path(place, name)
            with suppress(OSError):  # it has got its name meanwhile
                about = path.stat()
                if time.time() - about.st_mtime >= idle:
                    path.unlink()
                    n_files, n_bytes = n_files + 1, n_bytes + about.st_size
    return n_files, n_bytes


def _files(results: Path) -> Iterator[Path]:
    """What can be checked, a folder in the place of such a file too."""
    for folder, folders, files in os.walk(results):
        if Path(folder) == results:
            folders[:] = [name for name in folders if name not in _OTHERS]
        folders[:] = [name for name in folders if not name.endswith(SET_ASIDE)]
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            if checkable(path):
                yield path


def _read(known: Path) -> dict[str, Any]:
    try:
        content = read_json(known)
    except DataError:  # the first run here, or damaged itself: all is looked at
        return {}
    return content if isinstance(content, dict) else {}
