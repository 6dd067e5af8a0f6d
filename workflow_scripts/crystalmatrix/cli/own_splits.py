"""Splits of one's own data, chosen for a reason and tried: the folds are drawn as the data stage will draw them.

In: the records of the crystals, the properties.  Out: Splits; DataError where no scheme leaves labels in each fold.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.crystals.symmetry import zero_by_symmetry
from crystalmatrix.data.folds import FOLDS
from crystalmatrix.data.leakage import group_numbers
from crystalmatrix.data.official import official_folds
from crystalmatrix.data.splits import assign_folds, splits_table
from crystalmatrix.errors import DataError
from crystalmatrix.properties import PROPERTIES

FEWEST = 10  # labels of a property that can be split three ways
SMALL = 200  # below, a tenth is too few to measure an error on
SEEDS = range(20)  # tried in turn, since a draw over all crystals may leave the few labels of a property in one fold


@dataclass(frozen=True)
class Splits:
    """How crystals are divided, and why so."""

    scheme: str
    fractions: tuple[float, float, float]  # train, val, test
    seed: int
    reason: str


def count_labels(records: pa.Table, properties: list[str]) -> dict[str, int]:
    """{property: its labels}."""
    return {name: records.num_rows - records[name].null_count for name in properties}


def choose_splits(records: pa.Table, properties: list[str]) -> Splits:
    """Official folds where the ids are theirs; equal crystals together where one occurs twice; else each by itself."""
    labels = count_labels(records, properties)
    for name, n in labels.items():
        if n < FEWEST:
            raise DataError(
                f"{name}: found {n} labels of readable structures, expected at least {FEWEST} to train and test on"
            )
    fractions = (0.6, 0.2, 0.2) if min(labels.values()) < SMALL else (0.8, 0.1, 0.1)
    lacking = ""
    for scheme, reason in _schemes(records, properties):
        for seed in SEEDS:
            config = DataConfig(splits=scheme, split_fractions=fractions, split_seed=seed)
            lacking = _lacking(records, config, properties)
            if not lacking:
                return Splits(scheme, fractions, seed, reason)
            if scheme == "official":  # drawn by others
                break
    raise DataError(
        f"{len(SEEDS)} draws of {records.num_rows:,} crystals all left a fold without a label, the last {lacking}; "
        "add labels, or leave out files without one"
    )


def _schemes(records: pa.Table, properties: list[str]) -> Iterator[tuple[str, str]]:
    """(scheme, why), the best first."""
    if all(_mostly_official(records, name) for name in properties):
        yield "official", "the ids are JARVIS's, so that errors compare with published ones"
    sizes = Counter(group_numbers(records).tolist())
    repeated = sum(n for n in sizes.values() if n > 1)
    if not repeated:
        yield "random", f"no two of the {records.num_rows:,} crystals have the same composition and space group"
        return
    said = f"{repeated:,} of {records.num_rows:,} crystals share composition and space group with another"
    yield "grouped", f"{said}: equal ones stay together, or the test would measure memory"
    yield (
        "random",
        f"{said}, but whole groups leave a fold without labels: near twins of test crystals train, so new "
        "compounds will have larger errors",
    )


def _lacking(records: pa.Table, config: DataConfig, properties: list[str]) -> str:
    """Which fold of which property has no label that training can use; empty where none lacks one."""
    try:
        table = splits_table(records, assign_folds(records, config)).to_pandas()
    except DataError as error:
        return str(error)
    if len(properties) > 1:  # the multi-task model holds out what any property holds out
        table = table[table[c.STRICT]]
    zero = zero_by_symmetry(records[c.HAS_INVERSION].to_pylist(), records[c.POINT_GROUP].to_pylist())
    zeros = {jid for jid, is_zero in zip(records[c.JID].to_pylist(), zero, strict=True) if is_zero}
    for name in properties:
        rows = table[table[c.PROPERTY] == name]
        if PROPERTIES[name].zero_by_symmetry:
            rows = rows[~rows[c.JID].isin(zeros)]
        if missing := [fold for fold in FOLDS if fold not in set(rows[c.FOLD])]:
            return f"{name} without {missing[0]}"
    return ""


def _mostly_official(records: pa.Table, name: str) -> bool:
    """Whether most of its labels are in the leaderboard's folds."""
    folds = official_folds(name)
    labelled = records[c.JID].filter(records[name].is_valid()).to_pylist()
    return sum(jid in folds for jid in labelled) > len(labelled) / 2
