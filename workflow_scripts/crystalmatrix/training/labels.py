"""What one model is trained on: graphs, labels, folds and symmetry flags of its crystals, side by side.

In: records, splits, outliers and shards.  Out: TrainingData, crystals in the order of the shards.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix import files
from crystalmatrix.config import GraphConfig, TrainingConfig
from crystalmatrix.contracts import columns
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.shards import read_shards
from crystalmatrix.properties import AUXILIARY_FIELDS, MULTITASK, PROPERTIES, as_read

NONE, TRAIN, VAL, TEST = 0, 1, 2, 3
_FOLD_CODE = {columns.TRAIN: TRAIN, columns.VAL: VAL, columns.TEST: TEST}


@dataclass(frozen=True)
class TrainingData:
    """`n` crystals and `n_tasks` columns of labels."""

    graphs: Graphs  # [n]
    tasks: list[str]  # properties, then auxiliary fields (train only)
    values: NDArray[np.float64]  # [n, n_tasks] in the property's unit, NaN where not computed
    fold: NDArray[np.int8]  # [n, n_tasks] NONE, TRAIN, VAL or TEST
    zero: NDArray[np.bool_]  # [n] odd-rank tensors vanish by symmetry
    graph: GraphConfig
    data_digest: str
    source: dict[str, Any] = field(default_factory=dict)  # name, release, raw_sha256, fields, scheme of the folds
    companions: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # task: [n] Property.companion, NaN unless
    # that label is in its own training fold

    def of_fold(self, *codes: int) -> NDArray[np.int64]:
        """Crystals with a label of any task in one of the folds, ascending."""
        return np.flatnonzero(np.isin(self.fold, codes).any(axis=1))

    def keys(self, crystals: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number for each crystal that depends on its id and its atoms: how a checkpoint knows what it has seen."""
        pointer, species = self.graphs.atom_pointer, self.graphs.species
        return np.array(
            [
                int.from_bytes(
                    hashlib.blake2b(
                        self.graphs.jid[i].encode() + np.sort(species[pointer[i] : pointer[i + 1]]).tobytes(),
                        digest_size=8,
                    ).digest(),
                    "big",
                    signed=True,
                )
                for i in crystals
            ],
            np.int64,
        )

    def unit(self, name: str) -> str:
        """Unit of a property, as its source gives it, or of an auxiliary field."""
        if name in AUXILIARY_FIELDS:
            return AUXILIARY_FIELDS[name]
        return as_read(name, self.source.get("fields", {})).unit


def load(
    records: Path,
    splits: Path,
    outliers: Path | None,
    shards: list[Path],
    *,
    task: str,
    properties: list[str],
    training: TrainingConfig,
) -> TrainingData:
    """Labels and graphs of one task. Raises DataError for files that do not fit together, or a task with no labels."""
    graph = shard_settings(shards[0])
    graphs = read_shards(shards, settings=graph)
    multitask = task == MULTITASK
    names = list(properties) if multitask else [task]
    auxiliary = list(AUXILIARY_FIELDS) if multitask and training.auxiliary else []
    tied = {name: companion for name in names if (companion := PROPERTIES[name].companion)}
    table, metadata = files.read_table(
        records,
        version=columns.RECORDS_VERSION,
        columns=[
            *(columns.JID, columns.POINT_GROUP, columns.HAS_INVERSION),
            *dict.fromkeys([*names, *auxiliary, *tied.values()]),
        ],
    )
    frame = table.to_pandas().set_index(columns.JID)
    missing = set(graphs.jid) - set(frame.index)
    if missing:
        raise DataError(f"{shards[0].parent}: {len(missing)} crystals are not in {records}; delete it to rebuild")
    frame = frame.loc[graphs.jid]
    values = frame[names + auxiliary].to_numpy(np.float64)
    strict = multitask and training.hold_out == "strict"
    fold = _folds(splits, graphs.jid, names, strict=strict)
    companions = {
        name: np.where(
            _folds(splits, graphs.jid, [companion], strict=strict)[:, 0] == TRAIN,
            frame[companion].to_numpy(np.float64),
            np.nan,
        )
        for name, companion in tied.items()
    }
    if auxiliary:
        fold = np.hstack([fold, _auxiliary_folds(splits, graphs.jid, values[:, len(names) :])])
    fold[np.isnan(values)] = NONE
    if training.outliers == "drop":
        if outliers is None:
            raise DataError(
                "training.outliers: found drop and no list of outliers, expected outliers.csv of the data stage"
            )
        _drop_outliers(fold, graphs.jid, names, outliers)
    zero = zero_by_symmetry(frame[columns.HAS_INVERSION], frame[columns.POINT_GROUP])
    for name, column in zip(names, fold.T, strict=False):
        if not ((column == TRAIN) & ~(zero & PROPERTIES[name].zero_by_symmetry)).any():
            raise DataError(
                f"{splits}: no training label for {name}: the source has none, its ids have no official fold, or "
                "all are zero by symmetry; use data.splits: random or grouped, or leave it out of matrix.properties"
            )
    if not (fold[:, : len(names)] == VAL).any():
        raise DataError(
            f"{splits}: no validation label for {', '.join(names)}, expected some to choose the best epoch by; "
            "use more crystals, or data.splits: random with a larger second fraction"
        )
    kept = (fold == TRAIN).any(axis=0)  # a source may have no auxiliary labels
    used = np.flatnonzero((fold != NONE).any(axis=1))
    return TrainingData(
        graphs=graphs.select(used),
        tasks=[name for name, taught in zip(names + auxiliary, kept, strict=True) if taught],
        values=values[used][:, kept],
        fold=fold[used][:, kept],
        zero=zero[used],
        graph=graph,
        data_digest=metadata["digest"],
        source={
            "name": PurePath(metadata["source"]).name,
            **{key: metadata.get(key) for key in ("release", "raw_sha256", "fields")},
            "scheme": files.read_metadata(splits, version=columns.SPLITS_VERSION)["scheme"],
        },
        companions={name: values[used] for name, values in companions.items()},
    )


def shard_settings(shard: Path) -> GraphConfig:
    """The graph settings that a shard was made with."""
    metadata = files.read_metadata(shard, version=columns.GRAPHS_VERSION)
    return GraphConfig.parse({**metadata["graph"], "shards": metadata["n_shards"]})


def zero_by_symmetry(has_inversion: pd.Series, point_group: pd.Series) -> NDArray[np.bool_]:
    """[n] whether a third-rank tensor such as piezoelectricity vanishes: inversion centre, or point group 432."""
    return (has_inversion.fillna(False).astype(bool) | (point_group == "432")).to_numpy()


def _folds(splits: Path, jid: NDArray[np.str_], names: list[str], *, strict: bool) -> NDArray[np.int8]:
    """[n, len(names)]; with `strict`, training rows whose structure is held out for another property count as NONE."""
    table, _ = files.read_table(splits, version=columns.SPLITS_VERSION)
    frame = table.to_pandas()
    frame = frame[frame[columns.PROPERTY].isin(names)]
    if strict:
        frame = frame[frame[columns.STRICT] | (frame[columns.FOLD] != columns.TRAIN)]
    wide = frame.pivot(index=columns.JID, columns=columns.PROPERTY, values=columns.FOLD)
    wide = wide.reindex(index=jid, columns=names)
    return wide.apply(lambda column: column.map(_FOLD_CODE)).fillna(NONE).to_numpy(np.int8, copy=True)


def _auxiliary_folds(splits: Path, jid: NDArray[np.str_], values: NDArray[np.float64]) -> NDArray[np.int8]:
    """Auxiliary labels train wherever the structure is held out for no property."""
    table, _ = files.read_table(splits, version=columns.SPLITS_VERSION, columns=[columns.JID, columns.FOLD])
    held_out = table.filter(pa.compute.not_equal(table[columns.FOLD], columns.TRAIN))[columns.JID].to_pylist()
    free = ~np.isin(jid, held_out)
    return np.where(free[:, None] & ~np.isnan(values), TRAIN, NONE).astype(np.int8)


def _drop_outliers(fold: NDArray[np.int8], jid: NDArray[np.str_], names: list[str], outliers: Path) -> None:
    """Take the listed training labels out of the training fold; validation and test stay as they are."""
    listed = pd.read_csv(outliers, dtype={"id": str}, keep_default_na=False)
    for column, name in enumerate(names):
        ids = listed.loc[listed[columns.PROPERTY] == name, "id"]
        fold[np.isin(jid, ids) & (fold[:, column] == TRAIN), column] = NONE


def fit_arguments(name: str, training: TrainingConfig) -> dict[str, object]:
    """Keyword arguments of Target.fit for a property or an auxiliary field, but for the unit."""
    if name in AUXILIARY_FIELDS:
        return {"name": name, "transform": "log" if training.transform else "identity"}
    row = PROPERTIES[name]
    return {
        "name": name,
        "transform": row.transform if training.transform else "identity",
        "hurdle": training.hurdle and row.zero_inflated,
        "zero_by_symmetry": row.zero_by_symmetry,
        "composition_reference": training.composition_reference,
    }
