"""Labels and folds of given crystals: what training and prediction both read of the data stage.

In: records.parquet, splits.parquet, ids.  Out: Labels; codes of folds, weights and offsets, [n, n_names].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crystalmatrix import files
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.crystals.symmetry import zero_by_symmetry

FloatArray = NDArray[np.float64]

NONE, TRAIN, VAL, TEST = 0, 1, 2, 3
_FOLD_CODE = {columns.TRAIN: TRAIN, columns.VAL: VAL, columns.TEST: TEST}


@dataclass(frozen=True)
class Labels:
    """Of `n` crystals, in their order."""

    values: pd.DataFrame  # [n] rows, a column a property or auxiliary field, in its unit; NaN where not computed
    zero: NDArray[np.bool_]  # [n] odd-rank tensors vanish by symmetry


def records_metadata(records: Path) -> RecordsMetadata:
    """Raises DataError for a missing, damaged or foreign file or another version."""
    return RecordsMetadata.of_table(records)


def read_labels(records: Path, jid: NDArray[np.str_], names: Sequence[str]) -> Labels:
    """The records of `jid`, of which each is among them. Raises DataError."""
    wanted = [columns.JID, columns.POINT_GROUP, columns.HAS_INVERSION, *dict.fromkeys(names)]
    table, _ = files.read_table(records, version=columns.RECORDS_VERSION, columns=wanted)
    zero = zero_by_symmetry(table[columns.HAS_INVERSION].to_pylist(), table[columns.POINT_GROUP].to_pylist())
    frame = table.select(list(dict.fromkeys(names))).to_pandas()
    rows = pd.Index(table[columns.JID].to_pylist()).get_indexer(pd.Index(jid))
    return Labels(frame.iloc[rows].reset_index(drop=True), zero[rows])


def read_folds(splits: Path, jid: NDArray[np.str_], names: Sequence[str], *, strict: bool = False) -> NDArray[np.int8]:
    """[n, n_names]; with `strict`, training rows whose structure is held out for another property count as NONE."""
    table, _ = files.read_table(splits, version=columns.SPLITS_VERSION, holds=columns.SPLITS.names)
    frame = table.to_pandas()
    frame = frame[frame[columns.PROPERTY].isin(names)]
    if strict:
        frame = frame[frame[columns.STRICT] | (frame[columns.FOLD] != columns.TRAIN)]
    wide = _wide(frame, columns.FOLD, jid, names)
    return wide.apply(lambda column: column.map(_FOLD_CODE)).fillna(NONE).to_numpy(np.int8, copy=True)


def read_extra(splits: Path, jid: NDArray[np.str_], names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """(what each label weighs, what it is too high by in its unit), [n, n_names]; 1 and 0 but for extra crystals."""
    wanted = [columns.JID, columns.PROPERTY, columns.WEIGHT, columns.OFFSET]
    table, _ = files.read_table(splits, version=columns.SPLITS_VERSION, columns=wanted)
    frame = table.filter(table[columns.WEIGHT].is_valid()).to_pandas()
    frame = frame[frame[columns.PROPERTY].isin(names)]
    weight = _wide(frame, columns.WEIGHT, jid, names).fillna(1.0).to_numpy(np.float64)
    return weight, _wide(frame, columns.OFFSET, jid, names).fillna(0.0).to_numpy(np.float64)


def _wide(frame: pd.DataFrame, column: str, jid: NDArray[np.str_], names: Sequence[str]) -> pd.DataFrame:
    """A column of the splits as [n, n_names]."""
    return frame.pivot(index=columns.JID, columns=columns.PROPERTY, values=column).reindex(
        index=jid, columns=list(names)
    )
