"""One part of a screening: rows as they are made, then a Parquet table; and the CSV of all parts.

In: a plan (crystals/survey.py), a Predictor.  Out: results/screen/<name>/part-<k>.parquet, typed, the unit of a column
in its metadata; one CSV.

Rows are kept in part-<k>.rows.part, as messages of Arrow's stream format, so that a part that was stopped goes on.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from crystalmatrix import files
from crystalmatrix.contracts.screening import ScreenMetadata, ScreenPlan
from crystalmatrix.contracts.versions import SCREEN_VERSION
from crystalmatrix.crystals.files import structure_files
from crystalmatrix.crystals.survey import files_digest
from crystalmatrix.errors import DataError
from crystalmatrix.inference.model import (
    ERROR,
    FORMULA,
    ID,
    IN_DOMAIN,
    N_ATOMS,
    NOTE,
    NOVELTY,
    columns_of,
    domain_of,
)  # fmt: skip
from crystalmatrix.inference.output import PartialTable
from crystalmatrix.inference.predictor import Predictor
from crystalmatrix.inference.reading import Reading
from crystalmatrix.inference.screening import append_rows, as_csv, made_from

UNIT = b"unit"
ROWS_A_GROUP = 65_536
ROWS_AT_ONCE = 4_096  # from Parquet to CSV


def schema_of(units: dict[str, str]) -> pa.Schema:
    """Of the table of a Predictor with these {column: unit}."""
    values = [pa.field(name, pa.float64(), metadata={UNIT: unit.encode()}) for name, unit in units.items()]
    before = [pa.field(ID, pa.string()), pa.field(FORMULA, pa.string()), pa.field(N_ATOMS, pa.int64())]
    after = [pa.field(NOVELTY, pa.float64()), pa.field(IN_DOMAIN, pa.bool_())]
    after += [pa.field(domain_of(name), pa.bool_()) for name in units if set(columns_of(name)) <= units.keys()]
    return pa.schema([*before, *values, *after, pa.field(NOTE, pa.string()), pa.field(ERROR, pa.string())])


def as_messages(table: pd.DataFrame, units: dict[str, str], first: bool) -> bytes:
    """Of Arrow's stream: the schema before the first rows."""
    schema = schema_of(units)
    batch = pa.RecordBatch.from_pandas(table, schema=schema, preserve_index=False)
    return (schema.serialize().to_pybytes() if first else b"") + batch.serialize().to_pybytes()


def screen_part(
    predictor: Predictor, paths: Sequence[Path], plan: ScreenPlan, part: int, out: Path, *, model: Path
) -> ScreenMetadata:
    """Write the table of one part; goes on after the rows that an earlier try kept. Raises DataError."""
    found = structure_files(paths)
    if files_digest(found) != plan.files_digest:
        raise DataError(f"{paths[0]}: changed while it was being screened; run the same command again")
    begin, end = plan.parts[part], plan.parts[part + 1] if part + 1 < len(plan.parts) else None
    source = f"{made_from([model], str(predictor.batch_size))} {plan.files_digest} {part} of {len(plan.parts)}"
    with PartialTable(out.with_suffix(".rows"), made_from=source, wait=True) as table:
        metadata = _finished(out, source) if table.waited else None
        if metadata is None:
            reading = Reading(found, file=table.progress.file, crystal=table.progress.crystal, part=begin, end=end)
            append_rows(predictor, reading, table, total=begin.n_crystals, encode=as_messages)
            metadata = to_parquet(table, out, units=predictor.units)
    table.out.unlink()
    return metadata


def _finished(out: Path, source: str) -> ScreenMetadata | None:
    """What the job that was waited for says of the part, if it has finished this one."""
    try:
        metadata = ScreenMetadata.of_table(out)
    except DataError:
        return None
    return metadata if metadata.made_from == source else None


def write_csv(parts: Sequence[Path], out: Path) -> ScreenMetadata:
    """The rows of all parts as one CSV table; returns what all of them say together. Raises DataError."""
    said = [ScreenMetadata.of_table(part) for part in parts]
    units = said[0].units
    with files.atomic(out) as temporary, temporary.open("wb") as handle:
        for part in parts:
            with files.open_table(part, version=SCREEN_VERSION, holds=[ID]) as table:
                if part == parts[0]:
                    handle.write(as_csv(table.schema_arrow.empty_table().to_pandas(), units, True))
                for batch in table.iter_batches(batch_size=ROWS_AT_ONCE):
                    handle.write(as_csv(batch.to_pandas(), units, False))
    names = ("rows", "failed", "noted", "outside")
    return ScreenMetadata(units=units, **{name: sum(getattr(one, name) for one in said) for name in names})


def to_parquet(table: PartialTable, out: Path, *, units: dict[str, str]) -> ScreenMetadata:
    """The rows that `as_messages` made, in row groups of a size that readers like, a group in memory at once."""
    done = table.progress
    said = ScreenMetadata(
        units=units,
        rows=done.rows,
        failed=done.failed,
        noted=done.noted,
        outside=done.outside,
        made_from=table.made_from,
    )
    with files.table_writer(out, schema_of(units), version=SCREEN_VERSION, metadata=said.to_dict()) as writer:
        for batches in _groups(table.path):
            writer.write_table(pa.Table.from_batches(batches))
    return said


def _groups(stream: Path) -> Iterator[list[pa.RecordBatch]]:
    if not stream.stat().st_size:
        return  # a part without crystals
    group: list[pa.RecordBatch] = []
    with stream.open("rb") as handle, pa.ipc.open_stream(handle) as reader:
        for batch in reader:
            group.append(batch)
            if sum(one.num_rows for one in group) >= ROWS_A_GROUP:
                yield group
                group = []
    if group:
        yield group
