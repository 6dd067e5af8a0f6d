"""The fold of every labelled crystal in every property.

In: records.  Out: the table columns.SPLITS in long format, and what of the official folds the data set holds.

official: the JARVIS-Leaderboard's folds, drawn property by property; crystals in none of them are not used. A property
          that the leaderboard lacks holds out what any official fold holds out, and draws the rest.
random:   one draw over all crystals, so that a crystal is in the same fold of every property.
grouped:  as random, but crystals of one composition and space group stay together.
"""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.coverage import Coverage, FoldCounts, PropertyCoverage
from crystalmatrix.data.extra import Extra
from crystalmatrix.data.leakage import group_numbers
from crystalmatrix.data.official import most_held_out, official_folds, official_properties
from crystalmatrix.errors import DataError
from crystalmatrix.properties import PROPERTIES

FOLDS = (c.TRAIN, c.VAL, c.TEST)
Folds = dict[str, dict[str, str]]  # property: {jid: fold}, only labelled crystals


def assign_folds(records: pa.Table, config: DataConfig) -> Folds:
    """Folds by the configured scheme. Raises DataError where no crystal is in any official fold."""
    labelled = {name: _labelled(records, name) for name in PROPERTIES}
    if config.splits != "official":
        fold_of = _drawn(records, config)
        _check_none_empty(fold_of, config)
        return {name: _restrict(fold_of, labelled[name]) for name in PROPERTIES}
    folds = {name: _restrict(official_folds(name), labelled[name]) for name in PROPERTIES}
    if not any(folds.values()):
        raise DataError(
            f"data.splits: official, but none of the {records.num_rows} crystals is in a JARVIS-Leaderboard fold; "
            "expected ids like JVASP-1002; set data.splits to random or grouped"
        )
    if lacking := [name for name in PROPERTIES if name not in official_properties() and labelled[name]]:
        fold_of = _drawn(records, config) | _held_out_anywhere()
        folds |= {name: _restrict(fold_of, labelled[name]) for name in lacking}
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


def _drawn(records: pa.Table, config: DataConfig) -> dict[str, str]:
    """{id: fold}, drawn once over all crystals."""
    groups = group_numbers(records) if config.splits == "grouped" else np.arange(records.num_rows)
    drawn = draw_folds(groups, fractions=config.split_fractions, seed=config.split_seed)
    return dict(zip(records[c.JID].to_pylist(), drawn.tolist(), strict=True))


def _check_none_empty(fold_of: dict[str, str], config: DataConfig) -> None:
    if missing := set(FOLDS) - set(fold_of.values()):
        raise DataError(
            f"data.split_fractions: {len(fold_of)} crystals, split {config.splits}, leave no {min(missing)} fold at "
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
    held_out = {jid for fold_of in folds.values() for jid, fold in fold_of.items() if fold != c.TRAIN}
    rows: dict[str, list[Any]] = {name: [] for name in c.SPLITS.names}
    for name, fold_of in folds.items():
        jids = [jid for jid in records[c.JID].to_pylist() if jid in fold_of]
        rows[c.JID] += jids
        rows[c.PROPERTY] += [name] * len(jids)
        rows[c.FOLD] += [fold_of[jid] for jid in jids]
        rows[c.STRICT] += [fold_of[jid] != c.TRAIN or jid not in held_out for jid in jids]
        rows[c.WEIGHT] += [None] * len(jids)
        rows[c.OFFSET] += [None] * len(jids)
    table = pa.table(rows, c.SPLITS)
    if extra is None:
        return table
    more = [
        {c.JID: jid, c.PROPERTY: name, c.FOLD: c.TRAIN, c.STRICT: True, c.WEIGHT: weight, c.OFFSET: offset}
        for jid, name, weight, offset in extra.rows
    ]
    return pa.concat_tables([table, pa.Table.from_pylist(more, c.SPLITS)]).combine_chunks()


def coverage(records: pa.Table, splits: pa.Table, *, scheme: str, extra: Extra | None = None) -> Coverage:
    """How many crystals of each fold are held, and how many the official ones have; beside them, the extra ones."""
    held: dict[str, Counter[str]] = {name: Counter() for name in PROPERTIES}
    strict: Counter[str] = Counter()
    more: Counter[str] = Counter()
    columns = (splits[name].to_pylist() for name in (c.PROPERTY, c.FOLD, c.STRICT, c.WEIGHT))
    for name, fold, is_strict, weight in zip(*columns, strict=True):
        if weight is not None:
            more[name] += 1
            continue
        held[name][fold] += 1
        strict[name] += fold == c.TRAIN and is_strict
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


def _labelled(records: pa.Table, name: str) -> list[str]:
    return records[c.JID].filter(records[name].is_valid()).to_pylist()


def _restrict(fold_of: dict[str, str], jids: list[str]) -> dict[str, str]:
    return {jid: fold_of[jid] for jid in jids if jid in fold_of}
