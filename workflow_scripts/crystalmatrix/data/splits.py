"""The fold of every labelled crystal in every property.

In: records.  Out: the table columns.SPLITS in long format, and what of the official folds the data set holds.

official: the JARVIS-Leaderboard's folds, drawn property by property; crystals in none of them are not used. A property
          that the leaderboard lacks holds out what any official fold holds out, and draws the rest.
random:   one draw over all crystals, so that a crystal is in the same fold of every property.
grouped:  as random, but crystals of one composition and space group stay together.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.coverage import Coverage, FoldCounts, PropertyCoverage
from crystalmatrix.data.extra import Extra
from crystalmatrix.data.folds import FOLDS, NONE, TRAINS, FoldNumbers, Folds, held_out, numbers_of
from crystalmatrix.data.leakage import group_numbers
from crystalmatrix.data.official import most_held_out, official_folds, official_properties
from crystalmatrix.errors import DataError
from crystalmatrix.properties import PROPERTIES


def assign_folds(records: pa.Table, config: DataConfig) -> Folds:
    """Folds by the configured scheme. Raises DataError where no crystal is in any official fold."""
    if config.splits != "official":
        fold = _drawn(records, config)
        _check_none_empty(fold, config)
        return {name: _labelled(records, name, fold) for name in PROPERTIES}
    jids = records[c.JID]
    folds = {name: _labelled(records, name, numbers_of(jids, official_folds(name))) for name in PROPERTIES}
    if all((fold == NONE).all() for fold in folds.values()):
        raise DataError(
            f"data.splits: official, but none of the {records.num_rows} crystals is in a JARVIS-Leaderboard fold; "
            "expected ids like JVASP-1002; set data.splits to random or grouped"
        )
    lacking = [name for name in PROPERTIES if name not in official_properties()]
    if lacking := [name for name in lacking if records[name].null_count < records.num_rows]:
        anywhere = numbers_of(jids, _held_out_anywhere())
        fold = np.where(anywhere == NONE, _drawn(records, config), anywhere)
        folds |= {name: _labelled(records, name, fold) for name in lacking}
    return folds


def _held_out_anywhere() -> dict[str, str]:
    """{id: its most held-out fold in any official property}.

    A property that the leaderboard lacks follows it: no crystal more is then lost to multi-task training.
    """
    folds_of: dict[str, set[str]] = {}
    for name in official_properties():
        for jid, fold in official_folds(name).items():
            folds_of.setdefault(jid, set()).add(fold)
    return {jid: most_held_out(folds) for jid, folds in folds_of.items()}


def _drawn(records: pa.Table, config: DataConfig) -> FoldNumbers:
    """Drawn once over all crystals."""
    groups = group_numbers(records) if config.splits == "grouped" else np.arange(records.num_rows)
    drawn = draw_folds(groups, fractions=config.split_fractions, seed=config.split_seed)
    return np.select([drawn == fold for fold in FOLDS], range(len(FOLDS))).astype(np.int8)


def _check_none_empty(fold: FoldNumbers, config: DataConfig) -> None:
    held = [name for number, name in enumerate(FOLDS) if (fold == number).any()]
    if missing := set(FOLDS) - set(held):
        raise DataError(
            f"data.split_fractions: {len(fold)} crystals, split {config.splits}, leave no {min(missing)} fold at "
            f"{config.split_fractions}; expected a few in each: use more crystals or other fractions"
        )


def draw_folds(groups: NDArray[np.int64], *, fractions: tuple[float, float, float], seed: int) -> NDArray[np.str_]:
    """A fold for each row: whole groups in random order fill test, then val, to their share of rows; the rest trains.

    `groups`: [n_rows] label of each row's group.
    """
    rng = np.random.default_rng(seed)
    _, label, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    filled = np.cumsum(sizes[order]) - sizes[order] / 2  # a group belongs where its middle row falls
    _, val, test = (share * len(groups) for share in fractions)
    fold = np.where(filled < test, c.TEST, np.where(filled < test + val, c.VAL, c.TRAIN))
    of_group = np.empty(len(sizes), fold.dtype)
    of_group[order] = fold
    return of_group[label]


def splits_table(records: pa.Table, folds: Folds, extra: Extra | None = None) -> pa.Table:
    """Long format, property by property in the order of the records, with the `strict` flag; then extra crystals."""
    elsewhere = held_out(folds)
    tables = []
    for name, fold in folds.items():
        rows = np.flatnonzero(fold != NONE)
        number = fold[rows]
        columns = {
            c.JID: records[c.JID].take(rows),
            c.PROPERTY: pa.repeat(name, len(rows)),
            c.FOLD: pa.array(FOLDS).take(pa.array(number)),
            c.STRICT: pa.array((number != TRAINS) | ~elsewhere[rows]),
            c.WEIGHT: pa.nulls(len(rows), pa.float64()),
            c.OFFSET: pa.nulls(len(rows), pa.float64()),
        }
        tables.append(pa.table(columns, c.SPLITS))
    if extra is not None:
        more = [
            {c.JID: jid, c.PROPERTY: name, c.FOLD: c.TRAIN, c.STRICT: True, c.WEIGHT: weight, c.OFFSET: offset}
            for jid, name, weight, offset in extra.rows
        ]
        tables.append(pa.Table.from_pylist(more, c.SPLITS))
    return pa.concat_tables(tables).combine_chunks()


def coverage(records: pa.Table, splits: pa.Table, *, scheme: str, extra: Extra | None = None) -> Coverage:
    """How many crystals of each fold are held, and how many the official ones have; beside them, the extra ones."""
    held: dict[str, Counter[str]] = {name: Counter() for name in PROPERTIES}
    strict: Counter[str] = Counter()
    more: Counter[str] = Counter()
    kinds = splits.append_column("ours", splits[c.WEIGHT].is_null())
    kinds = kinds.group_by([c.PROPERTY, c.FOLD, c.STRICT, "ours"]).aggregate([([], "count_all")])
    for kind in kinds.to_pylist():
        name, fold, n = kind[c.PROPERTY], kind[c.FOLD], kind["count_all"]
        if kind["ours"]:
            held[name][fold] += n
            strict[name] += n * (fold == c.TRAIN and kind[c.STRICT])
        else:
            more[name] += n
    official = {
        name: Counter(official_folds(name).values()) if scheme == "official" else Counter() for name in PROPERTIES
    }
    return Coverage(
        properties={
            name: PropertyCoverage(
                official=_counts(official[name]) if official[name] else None,
                held=_counts(held[name]),
                strict_train=strict[name],
                without_fold=records.num_rows - records[name].null_count - held[name].total(),
                extra=more[name],
            )
            for name in PROPERTIES
        },
        extra_removed=dict(Counter(entry.why for entry in extra.removed)) if extra else {},
        offset_pairs=extra.pairs if extra else {},
    )


def _counts(folds: Counter[str]) -> FoldCounts:
    return FoldCounts(**{fold: folds[fold] for fold in FOLDS})


def _labelled(records: pa.Table, name: str, fold: FoldNumbers) -> FoldNumbers:
    """NONE where there is no label."""
    return np.where(records[name].is_valid().to_numpy(), fold, np.int8(NONE))
