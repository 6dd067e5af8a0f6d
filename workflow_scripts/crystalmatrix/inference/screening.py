"""Many crystals to a table, a chunk at a time: what is written stays, and the same command goes on after it.

In: a Predictor, files.  Out: rows as CSV, units in the names of its columns, or in another form; a summary in one
sentence.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from crystalmatrix.contracts import columns
from crystalmatrix.contracts.screening import ScreenMetadata
from crystalmatrix.contracts.versions import SCREEN_VERSION
from crystalmatrix.crystals.files import passed_over, structure_files
from crystalmatrix.crystals.survey import estimated_count, files_digest
from crystalmatrix.errors import one_line
from crystalmatrix.files import sha256
from crystalmatrix.inference.model import ERROR, IN_DOMAIN, NOTE
from crystalmatrix.inference.output import Output, PartialTable, Progress
from crystalmatrix.inference.predictor import Predictor
from crystalmatrix.inference.prepare import chunked
from crystalmatrix.inference.reading import Reading
from crystalmatrix.words import counted, named

Encode = Callable[[pd.DataFrame, dict[str, str], bool], bytes]  # of a table, units, whether it is the first
SECONDS_BETWEEN_LINES = 10.0


def as_csv(table: pd.DataFrame, units: dict[str, str], header: bool) -> bytes:
    """UTF-8; what a file's name has beside it is shown as \\xe9."""
    with_units = {name: f"{name} [{unit}]" for name, unit in units.items() if unit != "1"}
    text = StringIO()
    table.rename(columns=with_units).to_csv(text, header=header, index=False, float_format="%.6g", lineterminator="\n")
    return text.getvalue().encode("utf-8", errors="backslashreplace")


def screen(predictor: Predictor, paths: list[Path], output: Output, *, encode: Encode = as_csv) -> str:
    """Append the rows of every crystal in `paths` that `output` does not have yet; returns a summary. DataError."""
    files = structure_files(paths)
    reading = Reading(files, file=output.progress.file, crystal=output.progress.crystal)
    append_rows(predictor, reading, output, total=estimated_count(files), encode=encode)
    return summary(output.progress, passed_over(paths))


def append_rows(predictor: Predictor, reading: Reading, output: Output, *, total: int, encode: Encode) -> None:
    """The rows of all that `reading` still gives; `total`, about how many rows there will be, is for the progress."""
    tables = map(predictor.predict_items, chunked(reading, size=predictor.batch_size))
    for table in _with_progress(tables, total=total, done=output.progress.rows):
        done = output.progress
        output.append(
            encode(table, predictor.units, done.rows == 0),
            replace(
                done,
                rows=done.rows + len(table),
                file=reading.file,
                crystal=reading.crystal,
                failed=done.failed + int((table[ERROR] != "").sum()),
                noted=done.noted + int((table[NOTE] != "").sum()),
                outside=done.outside + int((~table[IN_DOMAIN].fillna(True)).sum()),
            ),
        )


def partial_table(
    out: Path, *, models: Sequence[Path], paths: list[Path], batch_size: int, properties: Sequence[str] = ()
) -> PartialTable:
    """The table of these structures with these models, to go on with if it was begun. Raises DataError."""
    digest = made_from(models, f"{batch_size} {' '.join(properties)}")
    return PartialTable(out, made_from=f"{digest} {files_digest(structure_files(paths))}")


def made_from(models: Sequence[Path], settings: str) -> str:
    """Digest of the models' contents, the settings and our versions."""
    digest = hashlib.sha256(f"{columns.CHECKPOINT_VERSION} {SCREEN_VERSION} {settings}".encode())
    for model in models:
        digest.update(sha256(model).encode())
    return digest.hexdigest()


def summary(done: Progress | ScreenMetadata, passed: list[Path]) -> str:
    """In one sentence; `passed`: files that were passed over."""
    parts = [
        counted(done.rows, "crystal"),
        f"{done.failed:,} of them lacking values (column {ERROR})",
        f"{done.noted:,} with a remark (column {NOTE})",
        f"{done.outside:,} outside the training domain (column {IN_DOMAIN})",
    ]
    if passed:
        others = named([one_line(str(path)) for path in passed])
        parts.append(f"{counted(len(passed), 'file')} of other kinds passed over ({others})")
    return ", ".join(parts).encode("utf-8", errors="backslashreplace").decode()


def _with_progress(tables: Iterable[pd.DataFrame], *, total: int, done: int) -> Iterator[pd.DataFrame]:
    """A bar on a terminal; elsewhere a line now and then. `total` is an estimate; `done` were there before."""
    with tqdm(total=total, initial=done, unit=" crystals", disable=not sys.stderr.isatty()) as bar:
        first, started = done, time.monotonic()
        said = started
        for table in tables:
            yield table
            done += len(table)
            bar.update(len(table))
            now = time.monotonic()
            if bar.disable and now - said > SECONDS_BETWEEN_LINES:
                said, rate = now, (done - first) / (now - started)
                left = max(total - done, 0) / rate
                print(f"{done:,} of {total:,} crystals  {rate:,.0f}/s  {left:.0f} s left", file=sys.stderr, flush=True)
