"""Graph shards: one row per crystal with its neighbour edges and the cosine of every angle between them.

In: results/data/records.parquet.  Out: results/graphs/shard-{k}.parquet (columns: see columns.GRAPHS).

The reader recomputes vectors and cosines from coordinates and edges: that is exact, and several times faster than
reading the stored cosines back (benchmarks/graphs.py). The stored ones are for everybody else.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crystalmatrix import columns, files
from crystalmatrix.config import GraphConfig
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.assign import assign
from crystalmatrix.graphs.build import Crystals, edges_of, graphs_of
from crystalmatrix.graphs.neighbours import Edges
from crystalmatrix.graphs.ragged import Graphs, concatenate


def write_shard(path: Path, records: Path, *, settings: GraphConfig, shard: int) -> int:
    """Build shard number `shard` of `settings.shards` from `records`; returns the number of its crystals."""
    digest = files.read_metadata(records, version=columns.RECORDS_VERSION)["digest"]
    size = pq.read_table(records, columns=[columns.N_ATOMS, columns.VOLUME])
    first = assign(size[columns.N_ATOMS].to_numpy(), size[columns.VOLUME].to_numpy(), settings=settings)
    table = pq.read_table(records, columns=[columns.JID, columns.SPECIES, columns.FRACTIONAL, columns.LATTICE])
    table = table.slice(first[shard], first[shard + 1] - first[shard])
    metadata = {"graph": _graph(settings), "shard": shard, "n_shards": settings.shards, "records_digest": digest}
    files.write_table(path, to_table(table, settings=settings), version=columns.GRAPHS_VERSION, metadata=metadata)
    return table.num_rows


def to_table(records: pa.Table, *, settings: GraphConfig) -> pa.Table:
    """Rows of records to rows of columns.GRAPHS."""
    crystals = Crystals.from_records(records)
    edges = edges_of(crystals, settings=settings)
    graphs = graphs_of(crystals, edges)
    per_atom, per_edge = graphs.atom_pointer, graphs.edge_pointer[graphs.atom_pointer]
    cosine = np.rint(graphs.cosine * columns.COSINE_SCALE).astype(np.int16)
    values = {
        columns.JID: records[columns.JID],
        columns.SPECIES: _lists(graphs.species, per_atom),
        columns.FRACTIONAL: records[columns.FRACTIONAL],
        columns.LATTICE: records[columns.LATTICE],
        columns.N_NEIGHBOURS: _lists(np.diff(edges.edge_pointer).astype(np.uint16), per_atom),
        columns.NEIGHBOUR: _lists(edges.neighbour, per_edge),
        columns.OFFSET: _lists(edges.offset.reshape(-1), 3 * per_edge),
        columns.N_ANGLE_EDGES: _lists(edges.n_angle_edges.astype(np.uint16), per_atom),
        columns.COSINE: _lists(cosine, graphs.angle_pointer[graphs.atom_pointer]),
    }
    return pa.table(values, schema=columns.GRAPHS)


def read_shards(paths: list[Path], *, settings: GraphConfig) -> Graphs:
    """The graphs of all crystals, in the order of the records.

    Raises DataError, one line, for a missing, damaged or incomplete set of shards or one of other settings.
    """
    metadata = [files.read_metadata(path, version=columns.GRAPHS_VERSION) for path in paths]
    _check(paths, metadata, settings=settings)
    ordered = sorted(range(len(paths)), key=lambda k: metadata[k]["shard"])
    return concatenate([from_table(_read(paths[k])) for k in ordered])


def from_table(table: pa.Table) -> Graphs:
    """Rows of columns.GRAPHS to Graphs; vectors and cosines are computed, COSINE is not needed."""
    crystals = Crystals.from_records(table)
    edge_pointer = np.zeros(len(crystals.species) + 1, np.int64)
    np.cumsum(_flat(table, columns.N_NEIGHBOURS), out=edge_pointer[1:])
    edges = Edges(
        edge_pointer=edge_pointer,
        neighbour=_flat(table, columns.NEIGHBOUR),
        offset=_flat(table, columns.OFFSET).reshape(-1, 3),
        n_angle_edges=_flat(table, columns.N_ANGLE_EDGES).astype(np.int32),
        failed=-1,
    )
    return graphs_of(crystals, edges)


def _read(path: Path) -> pa.Table:
    wanted = [name for name in columns.GRAPHS.names if name != columns.COSINE]
    return files.read_table(path, version=columns.GRAPHS_VERSION, columns=wanted)[0]


def _check(paths: list[Path], metadata: list[dict[str, Any]], *, settings: GraphConfig) -> None:
    """Raise DataError unless the shards are one whole set with these settings."""
    for path, found in zip(paths, metadata, strict=True):
        for key, value in _graph(settings).items():
            if found["graph"][key] != value:
                raise DataError(
                    f"{path}: graphs with {key} = {found['graph'][key]}, expected {value}; "
                    "delete results/graphs and run again"
                )
        for key in ("records_digest", "n_shards"):
            if found[key] != metadata[0][key]:
                raise DataError(
                    f"{path}: {key} {found[key]}, but {metadata[0][key]} in {paths[0]}; "
                    "delete results/graphs and run again"
                )
    if not paths:
        raise DataError("no graph shards given")
    numbers = sorted(found["shard"] for found in metadata)
    if numbers != list(range(metadata[0]["n_shards"])):
        raise DataError(
            f"{paths[0].parent}: found shards {numbers}, expected 0 to {metadata[0]['n_shards'] - 1}, each once; "
            "delete results/graphs and run again"
        )


def _graph(settings: GraphConfig) -> dict[str, Any]:
    """What the graphs depend on: the settings without the number of shards."""
    return settings.model_dump(mode="json", exclude={"shards"})


def _lists(values: NDArray, pointer: NDArray[np.int64]) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(pointer.astype(np.int32)), pa.array(values))


def _flat(table: pa.Table, name: str) -> NDArray:
    return table[name].combine_chunks().flatten().to_numpy()
