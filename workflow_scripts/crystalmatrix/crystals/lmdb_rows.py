"""Rows of an LMDB database of ASE's rows (.aselmdb, as OMat24 comes): any of them is found by its key.

In: a path, a place.  Out: (key, entry, or Damaged); InvalidCrystalError where it does not open.

The layout is that of fairchem's LMDBDatabase: under the ASCII digits of 1, 2, 3 ... a row of ase.db as JSON, packed
with zlib; `nextid` and `deleted_ids`, packed alike, say which keys there are. Pickles, which other LMDB databases hold,
are never loaded.
"""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from crystalmatrix.contracts.screening import Start
from crystalmatrix.crystals.crystal import UNREADABLE, InvalidCrystalError
from crystalmatrix.crystals.json_entries import Damaged

MOST_OF_ROW = 64 << 20  # bytes unpacked; 65,535 atoms with positions and forces have a quarter


def rows(path: Path, start: Start) -> Iterator[tuple[int, Any]]:
    """In the order of the keys, from `start` on."""
    with _transaction(path) as transaction:
        for key in islice(_keys(transaction), start.crystal, None):
            yield key, _unpacked(transaction, key)


def count(path: Path) -> int:
    """How many rows there are."""
    with _transaction(path) as transaction:
        return sum(1 for _ in _keys(transaction))


@contextmanager
def _transaction(path: Path) -> Iterator[Any]:
    import lmdb  # an extra: crystals/formats.py says so where it is missing

    try:
        with (
            lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False) as database,
            database.begin() as transaction,
        ):
            yield transaction
    except lmdb.Error as error:
        raise InvalidCrystalError(UNREADABLE, f"the LMDB database does not open: {error}") from None


def _keys(transaction: Any) -> Iterator[int]:
    if transaction.get(b"nextid") is None:
        said = "an LMDB database without the key `nextid`, expected rows of ASE as fairchem writes them (.aselmdb)"
        raise InvalidCrystalError(UNREADABLE, said)
    end = _unpacked(transaction, "nextid")
    deleted = _unpacked(transaction, "deleted_ids") if transaction.get(b"deleted_ids") is not None else []
    if not isinstance(end, int) or not isinstance(deleted, list) or not all(isinstance(key, int) for key in deleted):
        raise InvalidCrystalError(UNREADABLE, "`nextid` or `deleted_ids` of the LMDB database are damaged")
    gone, n_entries = set(deleted), transaction.stat()["entries"]
    if end - len(gone) > 2 * n_entries:
        said = (
            f"`nextid` of the LMDB database asks for {end - 1 - len(gone):,} rows, and there are {n_entries:,} entries"
        )
        raise InvalidCrystalError(UNREADABLE, said)
    return (key for key in range(1, end) if key not in gone)


def _unpacked(transaction: Any, key: int | str) -> Any:
    packed = transaction.get(str(key).encode())
    if packed is None:
        return Damaged("no such row")
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, MOST_OF_ROW)
        if unpacking.unconsumed_tail:
            return Damaged(f"the row unpacks to more than {MOST_OF_ROW >> 20} MB")
        return json.loads(text)
    except (ValueError, RecursionError, zlib.error):
        return Damaged("the row is no packed JSON, as fairchem writes it")
