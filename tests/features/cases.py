"""Records, graph shards and features of random crystals, as the workflow writes them."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.contracts.view import View
from crystalmatrix.features.store import write_features
from crystalmatrix.graphs.shards import most_neighbours, write_shard
from crystalmatrix.tiers import ModelSection

from ..models.cases import Crystal

ORIGIN = RecordsMetadata(
    source="x/a.json", release=None, raw_sha256="0", digest="digest of the records", symprec=0.01, fields={}
)


def write_records(path: Path, crystals: list[Crystal], **columns_of_all: list) -> Path:
    """Records with ids JVASP-0, JVASP-1 ...; further columns as given, the rest null."""
    rows = [
        {
            columns.JID: f"JVASP-{i}",
            columns.FORMULA: "X",
            columns.N_ATOMS: len(crystal.species),
            columns.SPECIES: crystal.species.tolist(),
            columns.FRACTIONAL: crystal.fractional.ravel().tolist(),
            columns.LATTICE: crystal.lattice.ravel().tolist(),
            columns.VOLUME: float(abs(np.linalg.det(crystal.lattice))),
            **{name: values[i] for name, values in columns_of_all.items()},
        }
        for i, crystal in enumerate(crystals)
    ]
    table = pa.Table.from_pylist(rows, schema=columns.RECORDS)
    files.write_table(path, table, version=columns.RECORDS_VERSION, metadata=ORIGIN.to_dict())
    return path


def write_shards(folder: Path, records: Path, settings: GraphConfig) -> list[Path]:
    paths = [folder / f"shard-{k}.parquet" for k in range(settings.shards)]
    for k, path in enumerate(paths):
        write_shard(path, records, settings=settings, shard=k)
    return paths


def write_stage(
    folder: Path, shards: list[Path], graph: GraphConfig, model: ModelSection, **options: int
) -> list[Path]:
    """The features of all shards, in a folder with the name of their view."""
    view = View.of(graph, model)
    paths = [folder / view.name / f"{shard.stem}.arrow" for shard in shards]
    for path, shard in zip(paths, shards, strict=True):
        write_features(path, shard, view=view, n_slots=view.neighbours or most_neighbours(shards), **options)
    return paths
