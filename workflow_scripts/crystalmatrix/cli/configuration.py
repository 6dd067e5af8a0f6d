"""The configuration of one's own data: splits chosen for a reason, and a comment for every key.

In: entries, columns.  Out: Splits; the text of config.yaml, checked against the strict configuration.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from crystalmatrix.cli.columns import Column
from crystalmatrix.cli.own_data import ID_KEY
from crystalmatrix.config import load
from crystalmatrix.contracts.columns import TEST, TRAIN, VAL
from crystalmatrix.data.official import official_folds
from crystalmatrix.errors import DataError
from crystalmatrix.shipped import PROJECT

SMALLEST = 10  # crystals that can be split three ways
SMALL = 200  # below, a tenth is too few to measure an error on
CRYSTALS_PER_SHARD = 5000
MOST_SHARDS = 8


@dataclass(frozen=True)
class Splits:
    """How crystals are divided, and why so."""

    scheme: str
    fractions: tuple[float, float, float]  # train, val, test
    reason: str


def choose_splits(entries: list[dict[str, Any]], properties: list[str]) -> Splits:
    """Official folds where the ids are theirs; whole compositions together where one occurs twice. DataError."""
    good = [entry for entry in entries if isinstance(entry["atoms"], dict)]
    if len(good) < SMALLEST:
        raise DataError(f"found {len(good)} readable structures, expected at least {SMALLEST} to train and test on")
    fractions = (0.6, 0.2, 0.2) if len(good) < SMALL else (0.8, 0.1, 0.1)
    if all(_has_all_folds(entries, name) for name in properties):
        return Splits("official", fractions, "the ids are JARVIS's, so that errors compare with published ones")
    formulas = Counter(_formula(entry["atoms"]["elements"]) for entry in good)
    repeated = sum(n for n in formulas.values() if n > 1)
    if repeated:
        return Splits(
            "grouped", fractions, f"{repeated:,} of {len(good):,} crystals share their composition with another: "
            "equal ones stay together, or the test would measure memory",
        )  # fmt: skip
    return Splits("random", fractions, f"no two of the {len(good):,} crystals have the same composition")


def config_text(
    data: Path, columns: list[Column], splits: Splits, entries: list[dict[str, Any]], *, origin: str, unused: list[str]
) -> str:
    """YAML with a comment a key. Raises ConfigError where it would not run."""
    bad = sum(not isinstance(entry["atoms"], dict) for entry in entries)
    drop = max(0.01, -(-bad * 100 // len(entries)) / 100)
    dropped = f"{bad:,} of {len(entries):,} files here are no crystal" if bad else "all files here are crystals"
    shards = min(MOST_SHARDS, 1 + len(entries) // CRYSTALS_PER_SHARD)
    said = [f"#   {c.quantity}: column {c.column!r}, given in {c.unit}" for c in columns]
    said += [f"#   not used: {', '.join(unused)}"] if unused else []
    names = [column.quantity for column in columns]
    text = "\n".join(
        [
            f"# Made by `crystalmatrix init` from {origin}; what is not here is as in the project's config.yaml.",
            *said,
            "",
            "data:",
            f"  source: {json.dumps(str(data))} # the crystals with their labels in our units",
            f"  max_drop_rate: {drop} # share of invalid rows above which the run stops; {dropped}",
            f"  splits: {splits.scheme} # {splits.reason}",
            f"  split_fractions: {list(splits.fractions)} # train, val, test; not read with official splits",
            "",
            "graph:",
            f"  shards: {shards} # files of graphs, a job each",
            "",
            "matrix:",
            "  tiers: [lite] # minutes on a CPU; add std and pro (hours, a GPU) once this runs, cgcnn to compare",
            f"  properties: [{', '.join(names)}] # a model each",
            f"  multitask: {str(len(names) > 1).lower()} # and one of all of them, where there are several",
            "",
            "report:",
            "  bootstrap: 1000 # resamples of the intervals on the page",
            "",
        ]
    )
    load(PROJECT / "config.yaml", yaml.safe_load(text))
    return text


def _has_all_folds(entries: list[dict[str, Any]], name: str) -> bool:
    folds = official_folds(name)
    found = Counter(folds[e[ID_KEY]] for e in entries if e[ID_KEY] in folds and e.get(name))
    labelled = sum(bool(e.get(name)) for e in entries)
    return {TRAIN, VAL, TEST} <= found.keys() and found.total() > labelled / 2


def _formula(elements: list[str]) -> tuple[tuple[str, float], ...]:
    """Composition, whatever the cell: element and its share."""
    return tuple(sorted((element, round(n / len(elements), 6)) for element, n in Counter(elements).items()))
