"""Graph shards: one row per crystal with its neighbour edges and the cosine of every angle between them.

In: results/data/records.parquet.  Out: results/graphs/shard-{k}.parquet (columns: see columns.GRAPHS).
A shard knows the settings it was made with, its number and the digest of the records; the reader insists on all three.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from crystalmatrix import files
from crystalmatrix.config import CPU, GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.arrow import flat, to_numpy
from crystalmatrix.graphs.assign import assign
from crystalmatrix.graphs.ragged import Graphs, concatenate, nearest
from crystalmatrix.graphs.table import WITHOUT_ANGLES, graph_table, graphs_from_table

PIECE = 64  # crystals built at once: their arrays stay in the processor's cache, and memory does not grow with the set
ROW_GROUP_BYTES = 32 << 20  # of arrays in memory, that are then written as one row group
# Small integers repeat: dictionaries make them smaller and no slower. Floats do not.
_DICTIONARY = [
    f"{name}.list.element"
    for name in (
        columns.SPECIES,
        columns.N_NEIGHBOURS,
        columns.NEIGHBOUR,
        *columns.OFFSETS,
        columns.N_ANGLE_EDGES,
    )
]
_DELETE = "delete results/graphs and run again"


def write_shard(path: Path, records: Path, *, settings: GraphConfig, shard: int, search: str = CPU) -> int:
    """Build shard number `shard` of `settings.shards`; returns how many crystals it holds.

    The file is the same, byte for byte, by every `search`. Raises DataError, and ConfigError for one not installed.
    """
    digest = files.read_metadata(records, version=columns.RECORDS_VERSION)["digest"]
    with files.table_writer(
        path,
        columns.GRAPHS,
        version=columns.GRAPHS_VERSION,
        metadata={"graph": settings.identity, "shard": shard, "n_shards": settings.shards, "records_digest": digest},
        use_dictionary=_DICTIONARY,
        write_statistics=[columns.JID],
    ) as writer:
        n_crystals = 0
        pieces = _pieces(records, settings=settings, shard=shard)
        for row_group in _row_groups(pieces, settings=settings, search=search):
            writer.write_table(row_group)
            n_crystals += row_group.num_rows
    return n_crystals


def read_shards(paths: list[Path], *, settings: GraphConfig, neighbours: int | None = None) -> Graphs:
    """The graphs of all crystals, in the order of the records.

    `neighbours` gives `nearest(graphs, neighbours)` without ever holding all of the rest. Raises DataError, one line,
    for a missing or damaged shard, other settings, another schema, shards of different records, an incomplete set.
    """
    metadata = [files.read_metadata(path, version=columns.GRAPHS_VERSION) for path in paths]
    _check(paths, metadata, settings=settings)
    order = sorted(range(len(paths)), key=lambda k: metadata[k]["shard"])
    wanted = columns.GRAPHS.names if neighbours is None else WITHOUT_ANGLES
    tables = (files.read_table(paths[k], version=columns.GRAPHS_VERSION, columns=wanted)[0] for k in order)
    if neighbours is None:
        return graphs_from_table(pa.concat_tables(tables))
    return concatenate([nearest(graphs_from_table(table, recompute_angles=True), neighbours) for table in tables])


def shard_metadata(path: Path, *, settings: GraphConfig) -> dict[str, Any]:
    """What one shard says of itself. Raises DataError for other settings, as read_shards does."""
    metadata = files.read_metadata(path, version=columns.GRAPHS_VERSION)
    _check_settings(path, metadata, settings=settings)
    return metadata


def stream_shard(path: Path) -> Iterator[Graphs]:
    """The graphs of one shard, a row group (of about ROW_GROUP_BYTES) at a time. Raises DataError where damaged."""
    with files.open_table(path, version=columns.GRAPHS_VERSION, holds=columns.GRAPHS.names) as file:
        for group in range(file.num_row_groups):
            yield graphs_from_table(file.read_row_group(group))


def most_neighbours(paths: list[Path]) -> int:
    """The largest number of neighbours of any atom, at least 1."""
    wanted = [columns.N_NEIGHBOURS]
    tables = (files.read_table(path, version=columns.GRAPHS_VERSION, columns=wanted)[0] for path in paths)
    return max((int(flat(table, columns.N_NEIGHBOURS).max(initial=1)) for table in tables), default=1)


def _row_groups(pieces: Iterator[pa.Table], *, settings: GraphConfig, search: str) -> Iterator[pa.Table]:
    """The graphs of the pieces, gathered into tables of about ROW_GROUP_BYTES."""
    gathered: list[pa.Table] = []
    n_bytes = 0
    for piece in pieces:
        gathered.append(graph_table(piece, settings=settings, search=search))
        n_bytes += gathered[-1].nbytes
        if n_bytes >= ROW_GROUP_BYTES:
            yield pa.concat_tables(gathered)
            gathered, n_bytes = [], 0
    if gathered:
        yield pa.concat_tables(gathered)


def _pieces(records: Path, *, settings: GraphConfig, shard: int) -> Iterator[pa.Table]:
    """This shard's rows of the records, PIECE at a time; reads only the row groups that hold them."""
    needed = [columns.N_ATOMS, columns.VOLUME, columns.JID, columns.SPECIES, columns.FRACTIONAL, columns.LATTICE]
    with files.open_table(records, version=columns.RECORDS_VERSION, holds=needed) as file:
        size = file.read(columns=[columns.N_ATOMS, columns.VOLUME])
        bounds = assign(
            to_numpy(size[columns.N_ATOMS]),
            to_numpy(size[columns.VOLUME]),
            settings=settings,
        )
        first, end = int(bounds[shard]), int(bounds[shard + 1])
        row, groups, skipped = 0, [], 0
        for group in range(file.num_row_groups):
            next_row = row + file.metadata.row_group(group).num_rows
            if row < end and next_row > first:
                groups.append(group)
            elif next_row <= first:
                skipped = next_row
            row = next_row
        row = skipped
        wanted = [columns.JID, columns.SPECIES, columns.FRACTIONAL, columns.LATTICE]
        for batch in file.iter_batches(PIECE, row_groups=groups, columns=wanted):
            piece = batch[max(0, first - row) : max(0, end - row)]
            row += batch.num_rows
            if piece.num_rows:
                yield pa.Table.from_batches([piece])


def _check(paths: list[Path], metadata: list[dict[str, Any]], *, settings: GraphConfig) -> None:
    """Raise DataError unless the shards are one whole set with these settings."""
    if not paths:
        raise DataError("found no graph shards, expected results/graphs/shard-*.parquet; run snakemake to build them")
    for path, found in zip(paths, metadata, strict=True):
        _check_settings(path, found, settings=settings)
        for key in ("records_digest", "n_shards"):
            if found[key] != metadata[0][key]:
                raise DataError(f"{path}: {key} {found[key]}, expected {metadata[0][key]} as in {paths[0]}; {_DELETE}")
    numbers, n_shards = sorted(found["shard"] for found in metadata), metadata[0]["n_shards"]
    if numbers != list(range(n_shards)):
        raise DataError(f"{paths[0].parent}: found shards {numbers}, expected each of 0 to {n_shards - 1}; {_DELETE}")


def _check_settings(path: Path, metadata: dict[str, Any], *, settings: GraphConfig) -> None:
    for key, expected in settings.identity.items():
        if metadata["graph"].get(key) != expected:
            raise DataError(f"{path}: graphs of {key} {metadata['graph'].get(key)}, expected {expected}; {_DELETE}")
