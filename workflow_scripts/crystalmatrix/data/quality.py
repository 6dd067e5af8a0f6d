"""Label quality of a data set: what a reader should know about each property before believing a model of it.

In: the records and what was dropped.  Out: Quality, results/data/quality.json.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.contracts.quality import Histogram, PropertyQuality, Quality, QualityNote, Repeat
from crystalmatrix.crystals.symmetry import zero_by_symmetry
from crystalmatrix.data.defects import known_defects
from crystalmatrix.data.records import Records
from crystalmatrix.properties import PROPERTIES, Property, as_read

N_BINS = 40
MIN_REPEATS = 10  # a value given fewer times than this is no suspicion ...
REPEAT_RATIO = 5  # ... nor one given less than five times as often as the values
MAX_NOTES = 200  # listed; all are counted
NEIGHBOURS = 10  # next to it, so many on each side


def quality(records: Records, *, source: Origin, fields: dict[str, str]) -> Quality:
    """Counts of rows and drops, and per property counts, suspicious values, quantiles and a histogram.

    `fields`: {property: key in the data set}. Values and edges are in the property's unit.
    """
    table = records.table
    reasons = Counter(records.dropped["reason"].to_pylist())
    return Quality(
        source=source,
        n_raw=table.num_rows + records.dropped.num_rows,
        n_kept=table.num_rows,
        dropped=dict(reasons.most_common()),
        without_symmetry=table[c.SPACE_GROUP].null_count,
        unreadable_labels={name: dict(texts.most_common(5)) for name, texts in records.unreadable.items()},
        n_notes=len(records.notes),
        notes=tuple(QualityNote(jid=jid, note=note) for jid, note in records.notes[:MAX_NOTES]),
        known_defects=tuple(known_defects(table)),
        properties={name: _property_quality(table, as_read(name, fields)) for name in PROPERTIES},
    )


def _property_quality(table: pa.Table, row: Property) -> PropertyQuality:
    column = table[row.name]
    values = column.drop_null().to_numpy()
    low, high = row.plausible
    labelled = table.filter(column.is_valid())
    symmetric = zero_by_symmetry(labelled[c.HAS_INVERSION].to_pylist(), labelled[c.POINT_GROUP].to_pylist())
    return PropertyQuality(
        unit=row.unit,
        plausible=row.plausible,
        count=len(values),
        zeros=int((values == 0).sum()),
        negatives=int((values < 0).sum()),
        out_of_range=int(((values < low) | (values > high)).sum()),
        repeats=tuple(Repeat(value=value, count=n) for value, n in suspicious_repeats(values)),
        min=float(values.min()) if len(values) else None,
        median=float(np.median(values)) if len(values) else None,
        max=float(values.max()) if len(values) else None,
        histogram=histogram(values) if len(values) else None,
        nonzero_against_symmetry=int((symmetric & (values != 0)).sum()) if row.zero_by_symmetry else None,
    )


def suspicious_repeats(values: NDArray[np.float64]) -> list[tuple[float, int]]:
    """Non-zero values given far more often than their neighbours on the axis: 0.19 GPa thirty times.

    Rounded data repeat values too, but then all of them, so a count is held against the median of those around it.
    """
    unique, counts = np.unique(values[values != 0], return_counts=True)
    found = []
    for i in np.flatnonzero(counts >= MIN_REPEATS):
        around = np.concatenate([counts[max(i - NEIGHBOURS, 0) : i], counts[i + 1 : i + NEIGHBOURS + 1]])
        if len(around) == 0 or counts[i] >= REPEAT_RATIO * np.median(around):
            found.append((float(unique[i]), int(counts[i])))
    return sorted(found, key=lambda repeat: -repeat[1])


def histogram(values: NDArray[np.float64]) -> Histogram:
    """Equal bins over the central 99 %; what lies beyond is counted in the first and last bin."""
    low, high = np.quantile(values, [0.005, 0.995])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, N_BINS + 1)
    counts, _ = np.histogram(np.clip(values, low, high), edges)
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))
