"""Rows of a Parquet table of structures, a few hundred in memory at once.

In: a path, a place.  Out: (number from 0, entry); InvalidCrystalError where no column holds crystals.

Of the columns are read: an id; `atoms` or `structure`, a struct or JSON text as crystals/entry.py takes it; or flat
ones with the same names: ASE's (`numbers`, `positions`, `cell`, `pbc`), JARVIS's, OPTIMADE's (`species_at_sites`,
`cartesian_site_positions`, `lattice_vectors`, as LeMat-Bulk comes), or our own (`species`, `fractional`, `lattice`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crystalmatrix.contracts.screening import Start
from crystalmatrix.crystals.crystal import NO_STRUCTURE, UNREADABLE, InvalidCrystalError
from crystalmatrix.crystals.entry import IDS, KEYS, is_entry

_ROWS = 256  # at once
_BUFFER = 1 << 20  # bytes of each column read at once


def rows(path: Path, start: Start) -> Iterator[tuple[int, Any]]:
    """In the order of the table, from `start` on."""
    with _opened(path) as file:
        names = [name for name in file.schema_arrow.names if name in KEYS or name in IDS]
        if not is_entry(dict.fromkeys(names)):
            found = ", ".join(file.schema_arrow.names[:8])
            said = f"found the columns {found:.120}, expected structures: see docs/predict.md for their names"
            raise InvalidCrystalError(NO_STRUCTURE, said)
        group, before = _group_of(file.metadata, start.crystal)
        groups = list(range(group, file.metadata.num_row_groups))
        number = before
        for batch in file.iter_batches(batch_size=_ROWS, row_groups=groups, columns=names):
            skipped = min(max(start.crystal - number, 0), batch.num_rows)
            yield from enumerate(batch.slice(skipped).to_pylist(), number + skipped)
            number += batch.num_rows


def sizes(path: Path) -> Iterator[tuple[int, int]]:
    """(rows, bytes unpacked) of every row group."""
    with _opened(path) as file:
        groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
        yield from ((group.num_rows, group.total_byte_size) for group in groups)


def _group_of(metadata: pq.FileMetaData, crystal: int) -> tuple[int, int]:
    """The row group in which a row lies, and the rows before that group."""
    before = 0
    for group in range(metadata.num_row_groups):
        n_rows = metadata.row_group(group).num_rows
        if crystal < before + n_rows:
            return group, before
        before += n_rows
    return metadata.num_row_groups, before


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        # otherwise a row group is fetched whole, and pandas puts up to 1,048,576 rows into one
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError):  # the last of a damaged name of a column
        raise InvalidCrystalError(UNREADABLE, "the Parquet table is damaged or cut short; fetch it again") from None
