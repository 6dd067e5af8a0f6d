"""Many crystals to a CSV file, a chunk at a time, with a word on how far it is.

In: a Predictor, files.  Out: CSV with a row per crystal, units in the names of its columns.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import pandas as pd
from tqdm import tqdm

from crystalmatrix.crystals.files import estimated_count, read_structures, structure_files
from crystalmatrix.inference.predictor import ERROR, IN_DOMAIN, Predictor

SECONDS_BETWEEN_LINES = 10.0


def screen(predictor: Predictor, paths: list[Path], out: TextIO) -> str:
    """Write the table of every crystal in `paths`; returns a summary in one sentence. Raises DataError."""
    files = structure_files(paths)
    tables = predictor.stream(read_structures(files))
    n_crystals = n_failed = n_outside = 0
    for table in _with_progress(tables, total=estimated_count(files)):
        table.rename(columns=_with_units(predictor.units)).to_csv(
            out, header=n_crystals == 0, index=False, float_format="%.6g", lineterminator="\n"
        )
        n_crystals += len(table)
        n_failed += int((table[ERROR] != "").sum())
        n_outside += int((~table[IN_DOMAIN].fillna(True)).sum())
    return (
        f"{n_crystals:,} crystals, {n_failed:,} of them without values (column {ERROR}), "
        f"{n_outside:,} outside the training domain (column {IN_DOMAIN})"
    )


def _with_units(units: dict[str, str]) -> dict[str, str]:
    """{column: column with its unit}: band_gap [eV]; pure numbers keep their names."""
    return {name: f"{name} [{unit}]" for name, unit in units.items() if unit != "1"}


def _with_progress(tables: Iterable[pd.DataFrame], *, total: int) -> Iterator[pd.DataFrame]:
    """A bar on a terminal; elsewhere a line now and then. `total` is an estimate."""
    with tqdm(total=total, unit=" crystals", disable=not sys.stderr.isatty()) as bar:
        done, started = 0, time.monotonic()
        said = started
        for table in tables:
            yield table
            done += len(table)
            bar.update(len(table))
            now = time.monotonic()
            if bar.disable and now - said > SECONDS_BETWEEN_LINES:
                said, rate = now, done / (now - started)
                left = max(total - done, 0) / rate
                print(f"{done:,} of {total:,} crystals  {rate:,.0f}/s  {left:.0f} s left", file=sys.stderr, flush=True)
