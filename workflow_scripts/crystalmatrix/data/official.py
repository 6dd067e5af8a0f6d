"""The official JARVIS-Leaderboard folds and the labels of the minerals: bundled facts, see bundled/README.md.

In: bundled/folds.parquet, bundled/mineral_labels.parquet.  Out: {jid: fold} per property; labels per jid.
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import as_file, files

import pyarrow as pa
import pyarrow.parquet as pq

from crystalmatrix.contracts.columns import TEST, TRAIN, VAL

FOLDS_FILE = "folds.parquet"
LABELS_FILE = "mineral_labels.parquet"
ID_PREFIX = "JVASP-"
NUMBER = "number"  # column of the part of the id after the prefix
FOLD_BITS = {TRAIN: 1, VAL: 2, TEST: 4}


@cache
def _read(name: str) -> pa.Table:
    with as_file(files("crystalmatrix.data.bundled").joinpath(name)) as path:
        return pq.read_table(path)


@cache
def official_properties() -> frozenset[str]:
    """The properties that the leaderboard has folds of."""
    with as_file(files("crystalmatrix.data.bundled").joinpath(FOLDS_FILE)) as path:
        return frozenset(pq.read_schema(path).names) - {NUMBER}


def official_folds(name: str) -> dict[str, str]:
    """{jid: fold} of a property, none for one that the leaderboard does not have.

    An id published in several folds is in the most held-out one: test, val, train.
    """
    if name not in official_properties():
        return {}
    table = _read(FOLDS_FILE)
    fold_of = [most_held_out(fold for fold, bit in FOLD_BITS.items() if bits & bit) for bits in range(8)]
    numbers, bits = table[NUMBER].to_pylist(), table[name].to_pylist()
    return {f"{ID_PREFIX}{number}": fold_of[bit] for number, bit in zip(numbers, bits, strict=True) if bit}


def most_held_out(folds: Iterable[str]) -> str:
    """The fold of a crystal that is in several: test, val, train; "" where it is in none."""
    found = set(folds)
    return next((fold for fold in (TEST, VAL, TRAIN) if fold in found), "")


def duplicate_ids(name: str) -> list[str]:
    """The ids that the leaderboard publishes in more than one fold of this property."""
    if name not in official_properties():
        return []
    table = _read(FOLDS_FILE)
    numbers, bits = table[NUMBER].to_pylist(), table[name].to_pylist()
    return [f"{ID_PREFIX}{number}" for number, bit in zip(numbers, bits, strict=True) if bit.bit_count() > 1]


def mineral_labels() -> dict[str, dict[str, float]]:
    """{jid: {property or auxiliary field: value}} of the bundled minerals, only where a value is published."""
    return {
        row.pop("jid"): {name: value for name, value in row.items() if value is not None}
        for row in _read(LABELS_FILE).to_pylist()
    }
