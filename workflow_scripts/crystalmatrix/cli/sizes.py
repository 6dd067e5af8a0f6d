"""How many crystals each training will see: from the folds of this folder, or, before there are any, the official ones.

In: the configuration; results/data/.  Out: Sizes.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crystalmatrix.config import Config
from crystalmatrix.contracts import columns as c
from crystalmatrix.crystals.symmetry import zero_by_symmetry
from crystalmatrix.data.minerals import mineral_structures
from crystalmatrix.data.official import most_held_out, official_folds
from crystalmatrix.data.releases import PINNED
from crystalmatrix.data.sources import MINERALS
from crystalmatrix.errors import DataError
from crystalmatrix.files import read_table
from crystalmatrix.properties import MULTITASK, PROPERTIES

# Of a crystal of JARVIS-DFT: the mean of 15,364 of them, as `crystalmatrix plan` prints it where the records are here.
JARVIS_ATOMS = 15.7


@dataclass(frozen=True)
class Sizes:
    """Crystals by task."""

    n_train: dict[str, int]
    n_val: dict[str, int]
    multitask: dict[str, int]  # of the crystals of the multi-task training, those with a label of each property
    train_atoms: dict[str, float]  # of a training crystal, in the mean
    n_crystals: int  # of the data set
    mean_atoms: float  # of its crystals
    origin: str  # for people


def sizes_of(config: Config, results: Path) -> Sizes:
    """Raises DataError where nobody can know before the data stage has run."""
    data = results / "data"
    if (data / "splits.parquet").exists() and (data / "records.parquet").exists():
        return _of_folder(config, data)
    if config.data.splits == "official" and config.data.source in (*PINNED, MINERALS):
        return _of_official_folds(config)
    raise DataError(
        f"found no {data / 'splits.parquet'} and a source without official folds ({config.data.source}), so nobody "
        "knows how many crystals there are; run the data stage first: snakemake results/data/splits.parquet --cores all"
    )


def _of_folder(config: Config, data: Path) -> Sizes:
    wanted = [c.JID, c.N_ATOMS, c.POINT_GROUP, c.HAS_INVERSION]
    records, _ = read_table(data / "records.parquet", version=c.RECORDS_VERSION, columns=wanted)
    splits, _ = read_table(data / "splits.parquet", version=c.SPLITS_VERSION)
    zero = zero_by_symmetry(records[c.HAS_INVERSION].to_pylist(), records[c.POINT_GROUP].to_pylist())
    zeros = set(pd.Series(records[c.JID].to_pylist())[zero])
    frame = splits.to_pandas()
    n_atoms = dict(zip(records[c.JID].to_pylist(), records[c.N_ATOMS].to_pylist(), strict=True))
    return _sizes(config, frame, zeros=zeros, n_atoms=n_atoms, origin=f"the folds in {data}")


def _of_official_folds(config: Config) -> Sizes:
    """As data/splits.py assigns them: a property that the leaderboard lacks is not counted on its own."""
    folds = {name: official_folds(name) for name in config.matrix.properties}
    n_atoms: dict[str, int] = {}
    if config.data.source == MINERALS:
        n_atoms = {entry["jid"]: len(entry["atoms"]["elements"]) for entry in mineral_structures()}
        folds = {name: {jid: fold for jid, fold in of.items() if jid in n_atoms} for name, of in folds.items()}
    held: dict[str, set[str]] = {}
    for of in folds.values():
        for jid, fold in of.items():
            held.setdefault(jid, set()).add(fold)
    rows = [
        (jid, name, fold, fold != c.TRAIN or most_held_out(held[jid]) == c.TRAIN)
        for name, of in folds.items()
        for jid, fold in of.items()
    ]
    frame = pd.DataFrame(rows, columns=[c.JID, c.PROPERTY, c.FOLD, c.STRICT])
    return _sizes(config, frame, zeros=set(), n_atoms=n_atoms, origin="the official folds, before any data is here")


def _sizes(config: Config, frame: pd.DataFrame, *, zeros: set[str], n_atoms: dict[str, int], origin: str) -> Sizes:
    """`n_atoms`: of each crystal; empty where nobody knows yet."""
    frame = frame[frame[c.PROPERTY].isin(config.matrix.properties)]
    trained = frame[(frame[c.FOLD] == c.TRAIN) & ~_taught_by_symmetry(frame, zeros)]
    validated = frame[frame[c.FOLD] == c.VAL]
    crystals = {str(name): set(rows[c.JID]) for name, rows in trained.groupby(c.PROPERTY)}
    strict = trained[trained[c.STRICT]]
    crystals[MULTITASK] = set(strict[c.JID])
    n_val = {str(name): rows[c.JID].nunique() for name, rows in validated.groupby(c.PROPERTY)}
    return Sizes(
        n_train={name: len(ids) for name, ids in crystals.items()},
        n_val=n_val | {MULTITASK: validated[c.JID].nunique()},
        multitask={str(name): rows[c.JID].nunique() for name, rows in strict.groupby(c.PROPERTY)},
        train_atoms={name: _mean([n_atoms[jid] for jid in ids if jid in n_atoms]) for name, ids in crystals.items()},
        n_crystals=len(n_atoms) or frame[c.JID].nunique(),
        mean_atoms=_mean(list(n_atoms.values())),
        origin=origin,
    )


def _mean(n_atoms: list[int]) -> float:
    return sum(n_atoms) / len(n_atoms) if n_atoms else JARVIS_ATOMS


def _taught_by_symmetry(frame: pd.DataFrame, zeros: set[str]) -> "pd.Series[bool]":
    """Labels that are zero by symmetry teach nothing."""
    odd = [name for name, row in PROPERTIES.items() if row.zero_by_symmetry]
    return frame[c.PROPERTY].isin(odd) & frame[c.JID].isin(zeros)
