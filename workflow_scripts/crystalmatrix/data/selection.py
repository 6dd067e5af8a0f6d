"""Only some crystals of a data set: `data: {ids: part}` in config.yaml, or a file with an id a line.

In: the name of a bundled table of ids, or a file; entries of a data set.  Out: the entries with these ids.

`part` is the 15,343 crystals of dft_3d_2021 with labels on which the figures of docs/results.md were measured.
"""

from collections.abc import Iterable, Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from crystalmatrix.data.official import ID_PREFIX, NUMBER
from crystalmatrix.errors import ConfigError, DataError, nearest

PART = "part"
BUNDLED = {PART: "part_ids.parquet"}


def selected_ids(name: str) -> set[str]:
    """The ids of a bundled table, or of a file with one a line. ConfigError where there is neither, or no id."""
    if name in BUNDLED:
        with as_file(files("crystalmatrix.data.bundled").joinpath(BUNDLED[name])) as path:
            return {f"{ID_PREFIX}{number}" for number in pq.read_table(path)[NUMBER].to_pylist()}
    try:
        lines = Path(name).expanduser().read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"data.ids: found {name!r}, expected `{PART}` or a text file with an id a line{nearest(name, BUNDLED)}"
        ) from None
    ids = {line.strip() for line in lines} - {""}
    if not ids:
        raise ConfigError(f"data.ids: {name} holds no id, expected one a line")
    return ids


def select(entries: Iterable[Any], ids: set[str], *, id_key: str, where: str) -> Iterator[Any]:
    """Yield the entries whose id is wanted. Raises DataError at the end for wanted ids that the data set lacks."""
    left = set(ids)
    for entry in entries:
        identity = str(entry.get(id_key)) if isinstance(entry, dict) else None
        if identity in ids:
            left.discard(identity)
            yield entry
    if left:
        raise DataError(
            f"data.ids: {where} lacks {len(left):,} of the {len(ids):,} ids, {min(left)} among them; expected every "
            f"one (`{PART}` is a part of dft_3d_2021)"
        )
