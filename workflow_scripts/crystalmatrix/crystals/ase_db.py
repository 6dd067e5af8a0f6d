"""Rows of an SQLite database of ASE (ase.db): found by their keys, read one at a time.

In: a path, a place.  Out: (key, entry as ASE's todict has it, or Damaged); InvalidCrystalError where it does not open.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from crystalmatrix.contracts.screening import Start
from crystalmatrix.crystals.crystal import UNREADABLE, InvalidCrystalError
from crystalmatrix.crystals.json_entries import Damaged

_ATOMS = "SELECT id, numbers, positions, cell, pbc FROM systems"  # blobs of little-endian int32 and float64; bits


def rows(path: Path, start: Start) -> Iterator[tuple[int, Any]]:
    """In the order of the keys, from `start` on."""
    if start.place:
        yield from (_entry(row) for row in _found(path, f"{_ATOMS} WHERE id >= ? ORDER BY id", start.place))
    else:
        yield from (_entry(row) for row in _found(path, f"{_ATOMS} ORDER BY id LIMIT -1 OFFSET ?", start.crystal))


def sizes(path: Path) -> Iterator[tuple[int, float]]:
    """(key, number of atoms) of every row."""
    return _found(path, "SELECT id, length(numbers) / 4.0 FROM systems WHERE id >= ? ORDER BY id", 0)


def _found(path: Path, query: str, argument: int) -> Iterator[Any]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{_mode(path)}", uri=True)) as database:
            yield from database.execute(query, [argument])
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of SQLite's own message, with damaged names in it
        said = f"the SQLite database does not open as one of ASE, with a table `systems`: {error}"
        raise InvalidCrystalError(UNREADABLE, said) from None


def _mode(path: Path) -> str:
    """Without locks and files of SQLite's own, which a file system may refuse, where nobody has left changes to it."""
    left = [path.with_name(f"{path.name}-{kind}") for kind in ("wal", "journal")]
    return "mode=ro" if any(one.exists() for one in left) else "mode=ro&immutable=1"


def _entry(row: tuple[int, bytes, bytes, bytes, int]) -> tuple[int, Any]:
    key, numbers, positions, cell, periodic = row
    try:
        return key, {
            "numbers": np.frombuffer(numbers, "<i4"),
            "positions": np.frombuffer(positions, "<f8").reshape(-1, 3),
            "cell": np.frombuffer(cell, "<f8").reshape(3, 3),
            "pbc": [bool(int(periodic) >> axis & 1) for axis in range(3)],
        }
    except (TypeError, ValueError):
        return key, Damaged("numbers, positions, cell or pbc of the row are no arrays as ASE writes them")
