"""Graph shards: one row per crystal with its neighbour edges and the cosine of every angle between them.

In: results/data/records.parquet.  Out: results/graphs/shard-{k}.parquet (columns: see columns.GRAPHS).
A shard knows the settings it was made with, its number and the digest of the records; whoever reads it checks them.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from crystalmatrix import files
from crystalmatrix.config import CPU, GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import GraphsMetadata, RecordsMetadata
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.arrow import flat, to_numpy
from crystalmatrix.graphs.assign import assign
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.table import graph_table, graphs_from_table

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
    metadata = GraphsMetadata(
        graph=settings,
        shard=shard,
        n_shards=settings.shards,
        records_digest=RecordsMetadata.of_table(records).digest,
    )
    with files.table_writer(
        path,
        columns.GRAPHS,
        version=GraphsMetadata.VERSION,
        metadata=metadata.to_dict(),
        use_dictionary=_DICTIONARY,
        write_statistics=[columns.JID],
    ) as writer:
        n_crystals = 0
        pieces = _pieces(records, settings=settings, shard=shard)
        for row_group in _row_groups(pieces, settings=settings, search=search):
            writer.write_table(row_group)
            n_crystals += row_group.num_rows
    return n_crystals


def shard_metadata(path: Path, *, settings: GraphConfig) -> GraphsMetadata:
    """What one shard says of itself. Raises DataError, one line, also where its graphs have other settings."""
    metadata = GraphsMetadata.of_table(path)
    found = metadata.graph.identity
    for key, expected in settings.identity.items():
        if found[key] != expected:
            raise DataError(f"{path}: graphs of {key} {found[key]}, expected {expected}; {_DELETE}")
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
