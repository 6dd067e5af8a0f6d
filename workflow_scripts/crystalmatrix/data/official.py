"""The official JARVIS-Leaderboard folds and the labels of the minerals: bundled facts, see bundled/README.md.

In: bundled/folds.parquet, bundled/mineral_labels.parquet.  Out: {jid: fold} per property; labels per jid.
"""

from functools import cache
from importlib.resources import as_file, files

import pyarrow as pa
import pyarrow.parquet as pq

from crystalmatrix.contracts.columns import TEST, TRAIN, VAL

FOLDS_FILE = "folds.parquet"
LABELS_FILE = "mineral_labels.parquet"
ID_PREFIX = "JVASP-"
FOLD_BITS = {TRAIN: 1, VAL: 2, TEST: 4}


@cache
def _read(name: str) -> pa.Table:
    with as_file(files("crystalmatrix.data.bundled").joinpath(name)) as path:
        return pq.read_table(path)


def official_folds(name: str) -> dict[str, str]:
    """{jid: fold} of a property, none for one that the leaderboard does not have.

    An id published in several folds is in the most held-out one: test, val, train.
    """
    table = _read(FOLDS_FILE)
    if name not in table.column_names:
        return {}
    fold_of = [_most_held_out(bits) for bits in range(8)]
    numbers, bits = table["number"].to_pylist(), table[name].to_pylist()
    return {f"{ID_PREFIX}{number}": fold_of[bit] for number, bit in zip(numbers, bits, strict=True) if bit}


def _most_held_out(bits: int) -> str:
    return next((fold for fold in (TEST, VAL, TRAIN) if bits & FOLD_BITS[fold]), "")


def duplicate_ids(name: str) -> list[str]:
    """The ids that the leaderboard publishes in more than one fold of this property."""
    table = _read(FOLDS_FILE)
    if name not in table.column_names:
        return []
    numbers, bits = table["number"].to_pylist(), table[name].to_pylist()
    return [f"{ID_PREFIX}{number}" for number, bit in zip(numbers, bits, strict=True) if bit.bit_count() > 1]


def mineral_labels() -> dict[str, dict[str, float]]:
    """{jid: {property or auxiliary field: value}} of the bundled minerals, only where a value is published."""
    return {
        row.pop("jid"): {name: value for name, value in row.items() if value is not None}
        for row in _read(LABELS_FILE).to_pylist()
    }
