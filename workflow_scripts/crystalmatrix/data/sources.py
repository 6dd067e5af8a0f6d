"""Where the crystals come from: the bundled minerals, a JARVIS release, a URL, a file or a folder.

In: the `data` section of config.yaml.  Out: results/data/raw.json.zip, always one JSON list in JARVIS's format inside a
zip archive, and what is known of its origin (raw.meta.json).

Adding a source is one function `(config, out) -> origin` and one line in `fetch`.
"""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crystalmatrix.config import DataConfig
from crystalmatrix.data.archive import read_entries, write_entries
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.files import atomic, sha256

MINERALS = "minerals"


def fetch(config: DataConfig, out: Path) -> dict[str, Any]:
    """Write the raw data set to `out`, complete and checked, or nothing; return its origin.

    The origin: {"source", "release", "origin" (URL, file name or package), "bytes", "sha256" (of `out`), "n_entries",
    "date"}. Raises DataError, one line, for anything that is missing, damaged or not what was expected.
    """
    origin = _source(config)(config, out)
    return origin | {
        "source": config.source,
        "bytes": out.stat().st_size,
        "sha256": sha256(out),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _source(config: DataConfig) -> Callable[[DataConfig, Path], dict[str, Any]]:
    if config.source == MINERALS:
        return _minerals
    return _file


def _minerals(config: DataConfig, out: Path) -> dict[str, Any]:
    return {"release": None, "origin": "jarvis-tools", "n_entries": write_entries(out, mineral_entries())}


def _file(config: DataConfig, out: Path) -> dict[str, Any]:
    """A local file in JARVIS's format; a zip archive is copied as it is, others are packed into one."""
    path = Path(config.source)
    count = 0
    with path.open("rb") as handle:
        packed = handle.read(2) == b"PK"
    if packed:
        count = sum(1 for _ in read_entries(path))
        with atomic(out) as temporary:
            shutil.copyfile(path, temporary)
    else:
        count = write_entries(out, read_entries(path))
    return {"release": None, "origin": path.name, "n_entries": count}
