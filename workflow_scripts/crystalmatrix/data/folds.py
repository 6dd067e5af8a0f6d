"""Folds as small numbers, one a row of the records: millions of crystals need no dictionary of ids.

In: {id: fold}.  Out: [n] numbers that stand for c.TRAIN, c.VAL, c.TEST.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c

FOLDS = (c.TRAIN, c.VAL, c.TEST)
TRAINS = FOLDS.index(c.TRAIN)
NONE = -1  # in no fold
FoldNumbers = NDArray[np.int8]  # [n], places in FOLDS, or NONE
Folds = dict[str, FoldNumbers]  # by property; NONE where the crystal has no label


def numbers_of(jids: pa.ChunkedArray, fold_of: Mapping[str, str]) -> FoldNumbers:
    """The fold of each id, NONE for those that `fold_of` lacks."""
    numbers = np.array([*map(FOLDS.index, fold_of.values()), NONE], np.int8)
    place = pc.index_in(jids, value_set=pa.array(list(fold_of), pa.string()))
    return numbers[pc.fill_null(place, len(fold_of)).to_numpy()]


def held_out(folds: Folds) -> NDArray[np.bool_]:
    """[n] whether a crystal validates or tests any property."""
    return np.asarray(np.any([fold > TRAINS for fold in folds.values()], axis=0))
