"""Extreme labels of the training folds, for a reader to judge; whether training drops them is the config's choice.

In: records, splits.  Out: rows (id, property, value, score), the most extreme first within each property.

Only training labels are looked at: a validation or test value is never listed, dropped or changed.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.tables import SplitsMetadata
from crystalmatrix.errors import DataError
from crystalmatrix.files import sha256
from crystalmatrix.properties import PROPERTIES

if TYPE_CHECKING:
    import pandas as pd

THRESHOLD = 3.5  # of the modified z-score: Iglewicz & Hoaglin, How to Detect and Handle Outliers (1993)
COLUMNS = ("id", "property", "value", "score")


def read_outliers(path: Path, splits: SplitsMetadata) -> "pd.DataFrame":
    """The list with COLUMNS. Raises DataError for another one than was written with the splits, which vouch for it."""
    if not path.is_file() or splits.lists.get(path.name, sha256(path)) != sha256(path):
        raise DataError(f"{path}: not found, damaged or edited (checksum); delete it and run again")
    import pandas as pd  # not above: the data stage does without

    types = dict(zip(COLUMNS, (str, str, float, float), strict=True))  # said, since a list may be empty
    return pd.read_csv(path, dtype=types, keep_default_na=False)


def find_outliers(records: pa.Table, splits: pa.Table) -> list[tuple[str, str, float, float]]:
    """Training labels whose robust score exceeds the threshold."""
    found = []
    for name, row in PROPERTIES.items():
        training = splits.filter((pc.field(c.PROPERTY) == name) & (pc.field(c.FOLD) == c.TRAIN))[c.JID]
        values = records[name].take(pc.index_in(training, value_set=records[c.JID])).to_numpy()
        scores = robust_scores(values, transform=row.transform)
        order = np.argsort(-np.abs(scores), kind="stable")
        order = order[: np.count_nonzero(np.abs(scores) > THRESHOLD)]
        listed = training.take(order).to_pylist()
        found += [(jid, name, float(values[i]), float(scores[i])) for jid, i in zip(listed, order, strict=True)]
    return found


def robust_scores(values: NDArray[np.float64], *, transform: str) -> NDArray[np.float64]:
    """[n] 0.6745 (x - median) / MAD, with x on the scale on which the property is learned.

    On the raw scale a tenth of all dielectric constants would be extreme: they spread over three decades. Exact zeros
    (metals, centrosymmetric crystals) are a class of their own: they neither count in median and MAD nor are scored.
    """
    scores = np.zeros(len(values))
    chosen = values != 0
    if not chosen.any():
        return scores
    scaled = _scaled(values[chosen], transform)
    deviation = scaled - np.median(scaled)
    spread = np.median(np.abs(deviation))
    if spread > 0:
        scores[chosen] = 0.6745 * deviation / spread
    return scores


def _scaled(values: NDArray[np.float64], transform: str) -> NDArray[np.float64]:
    if transform == "identity":
        return values
    if transform == "log" and values.min() > 0:
        return np.log(values)
    return np.arcsinh(values / np.median(np.abs(values)))
