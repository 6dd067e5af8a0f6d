"""More crystals for the training folds (`data.extra`): which of them may train, and what their labels are corrected by.

In: records, which end with the crystals of the extra sources (ids <name>:<id>); folds of the others.  Out: Extra.

No extra crystal may stand in for a held-out one. Left out, from every property, is
- what has the id of a crystal that is held out, here or in any official fold;
- what has the composition of a held-out crystal, and its space group or its interatomic distances, at any volume.

Labels of another functional are off by something: `offset` takes away what twins in the training fold differ by.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.config import ExtraConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.data.folds import TRAINS, FoldNumbers, Folds, held_out
from crystalmatrix.data.leakage import Signatures
from crystalmatrix.data.nearest import Nearest
from crystalmatrix.data.official import official_folds, official_properties
from crystalmatrix.elements import N_SPECIES
from crystalmatrix.errors import DataError
from crystalmatrix.properties import PROPERTIES

SEPARATOR = ":"  # between the name of an extra source and the id of its crystal
SAME_ID, SAME_GROUP, SAME_DISTANCES = "same id", "same composition and space group", "same composition and distances"
SIMILAR_BELOW = 0.03  # as leakage.SAME_BELOW, three times as wide: cells of another functional are strained
MIN_PAIRS = 20  # of twins, for an offset
RIDGE = 0.1  # of the offset by composition


class Removed(NamedTuple):
    """An extra crystal that may not train."""

    jid: str
    twin: str  # the held-out crystal
    why: str


class Extra(NamedTuple):
    """What the extra sources give to the folds."""

    rows: list[tuple[str, str, float, float]]  # (id, property, weight, offset of the label) of what trains
    removed: list[Removed]  # in the order of the records
    pairs: dict[str, dict[str, int]]  # source: {property: pairs of twins behind its offset}, where one was asked for


def own(records: pa.Table, names: Sequence[str]) -> pa.Table:
    """The records without those of the extra sources."""
    return records.filter(pa.array([not _is_extra(jid, names) for jid in records[c.JID].to_pylist()]))


def extra_of(records: pa.Table, folds: Folds, sources: Sequence[ExtraConfig]) -> Extra:
    """See the head of this file. `folds`: of the crystals of data.source, with which the records begin."""
    if not sources:
        return Extra([], [], {})
    jids: list[str] = records[c.JID].to_pylist()
    names = [source.name for source in sources]
    candidates = [row for row, jid in enumerate(jids) if _is_extra(jid, names)]
    groups = list(zip(records[c.FORMULA].to_pylist(), records[c.SPACE_GROUP].to_pylist(), strict=True))
    removed = _removed(records, jids, groups, candidates, folds)
    gone = {entry.jid for entry in removed}
    kept = [row for row in candidates if jids[row] not in gone]
    found = Extra([], removed, {source.name: {} for source in sources if source.offset != "none"})
    for source in sources:
        of_source = [row for row in kept if _is_extra(jids[row], [source.name])]
        for name in PROPERTIES:
            values = records[name].to_numpy()
            rows = [row for row in of_source if not np.isnan(values[row])]
            offset = np.zeros(len(rows))
            if source.offset != "none" and rows:
                twin = _twins_in_training(rows, groups, folds[name])
                offset, n_pairs = _offset(records, values, rows, twin, by_composition=source.offset == "composition")
                found.pairs[source.name][name] = n_pairs
            found.rows.extend((jids[row], name, source.weight, o) for row, o in zip(rows, offset.tolist(), strict=True))
    return found


def check_names(jids: Sequence[str], sources: Sequence[ExtraConfig]) -> None:
    """Raise DataError for an id of data.source that reads like one of an extra source."""
    for source in sources:
        clash = next((jid for jid in jids if _is_extra(jid, [source.name])), None)
        if clash is not None:
            raise DataError(f"data.extra: {clash} of data.source reads like an id of {source.name}; rename it")


def _is_extra(jid: str, names: Sequence[str]) -> bool:
    name, separator, _ = jid.partition(SEPARATOR)
    return bool(separator) and name in names


def _removed(
    records: pa.Table,
    jids: list[str],
    groups: list[tuple[str, int | None]],
    candidates: list[int],
    folds: Folds,
) -> list[Removed]:
    held_out_rows = np.flatnonzero(held_out(folds)).tolist()
    held_out_ids = {jids[row] for row in held_out_rows}
    official = {jid for name in official_properties() for jid, fold in official_folds(name).items() if fold != c.TRAIN}
    of_formula: dict[str, list[int]] = defaultdict(list)
    of_group: dict[tuple[str, int | None], int] = {}
    for row in held_out_rows:
        of_formula[groups[row][0]].append(row)
        of_group.setdefault(groups[row], row)
    near_ones: dict[str, Nearest] = {}  # by formula
    signatures = Signatures(records)
    removed = []
    for row in candidates:
        identity = jids[row].partition(SEPARATOR)[2]
        formula = groups[row][0]
        if identity in held_out_ids or identity in official:
            removed.append(Removed(jids[row], identity, SAME_ID))
        elif groups[row] in of_group:
            removed.append(Removed(jids[row], jids[of_group[groups[row]]], SAME_GROUP))
        elif formula in of_formula:
            if formula not in near_ones:
                others = np.array(of_formula[formula])
                near_ones[formula] = Nearest(others, np.zeros(len(others)), signatures.of(others))
            near = near_ones[formula].within(0, 0, signatures.of(np.array([row]))[0])  # at any volume
            if near and near.distance < SIMILAR_BELOW:
                removed.append(Removed(jids[row], jids[near.row], SAME_DISTANCES))
    return removed


def _twins_in_training(rows: list[int], groups: list[tuple[str, int | None]], fold: FoldNumbers) -> list[int | None]:
    """For each row a training crystal with its composition and space group, or None."""
    training = {groups[row]: row for row in np.flatnonzero(fold == TRAINS).tolist()}
    return [training.get(groups[row]) for row in rows]


def _offset(
    records: pa.Table, values: NDArray[np.float64], rows: list[int], twin: list[int | None], *, by_composition: bool
) -> tuple[NDArray[np.float64], int]:
    """(what the label of each row is too high by, pairs behind it); zero where there are too few pairs."""
    paired = [(row, other) for row, other in zip(rows, twin, strict=True) if other is not None]
    if len(paired) < MIN_PAIRS:
        return np.zeros(len(rows)), len(paired)
    first, second = (np.array(side) for side in zip(*paired, strict=True))
    difference = values[first] - values[second]
    centre = float(np.median(difference))
    if not by_composition:
        return np.full(len(rows), centre), len(paired)
    spread = float(np.median(np.abs(difference - centre))) or 1.0
    near = np.abs(difference - centre) <= 10 * spread  # a pair of other polymorphs says nothing of the functional
    fractions = _fractions(records, first[near].tolist())
    gram = fractions.T @ fractions + RIDGE * np.eye(N_SPECIES)
    slopes = np.linalg.solve(gram, fractions.T @ (difference[near] - centre))
    return centre + _fractions(records, rows) @ slopes, len(paired)


def _fractions(records: pa.Table, rows: list[int]) -> NDArray[np.float64]:
    """[len(rows), N_SPECIES] shares of the elements."""
    counts = np.array([np.bincount(z, minlength=N_SPECIES) for z in records[c.SPECIES].take(rows).to_pylist()])
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))
