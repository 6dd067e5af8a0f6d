"""Where the crystals come from: the bundled minerals, a release, a URL, a file or a folder.

In: the `data` section of config.yaml, or one of its `extra`.  Out: results/data/raw.json.zip, always one JSON list in
JARVIS's format inside a zip archive, and what is known of its origin (raw.meta.json).

Adding a source is one function `(config, out) -> origin` and one line in `fetch`.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from crystalmatrix.config import SourceConfig
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.data.archive import pack, read_entries, write_entries
from crystalmatrix.data.download import Remote, fetch_remote
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.data.progress import tracked
from crystalmatrix.data.releases import PINNED, find_release
from crystalmatrix.errors import DataError
from crystalmatrix.files import sha256

MINERALS = "minerals"
SUFFIXES = (".json", ".gz", ".zip")


def fetch(config: SourceConfig, out: Path) -> Origin:
    """Write the raw data set to `out`, complete and checked, or nothing; return its origin.

    Raises DataError, one line, for anything that is missing, damaged or not what was expected.
    """
    path = Path(config.source).expanduser()
    if config.source == MINERALS:
        origin = _from_minerals(config, out)
    elif "://" in config.source:
        origin = _from_url(config, out)
    elif path.is_dir():
        origin = _from_folder(config, out)
    elif path.exists() or path.suffix in SUFFIXES or len(path.parts) > 1:
        origin = _from_file(config, out)
    else:
        origin = _from_release(config, out)
    if origin["n_entries"] == 0:
        out.unlink()
        raise DataError(f"{config.source}: holds no crystal")
    return Origin(
        source=config.source,
        release=origin.get("release"),
        origin=origin["origin"],
        bytes=out.stat().st_size,
        sha256=sha256(out),
        n_entries=origin["n_entries"],
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


def addresses(config: SourceConfig) -> tuple[str, ...]:
    """Where `fetch` would ask for the source, as far as that is known without a long look; none where it lies here."""
    if "://" in config.source:
        return (*config.mirrors, config.source)
    pinned = PINNED.get(config.source)
    return (*config.mirrors, pinned.url) if pinned and not Path(config.source).expanduser().exists() else ()


def _from_minerals(config: SourceConfig, out: Path) -> dict[str, Any]:
    return {"origin": "jarvis-tools", "n_entries": write_entries(out, mineral_entries())}


def _from_url(config: SourceConfig, out: Path) -> dict[str, Any]:
    name = Path(unquote(urlsplit(config.source).path)).name or "data.json.zip"
    remote = Remote(addresses(config), name, sha256=config.sha256)
    return {"origin": config.source, "n_entries": fetch_remote(remote, out)}


def _from_release(config: SourceConfig, out: Path) -> dict[str, Any]:
    release = find_release(config.source)
    urls = (*config.mirrors, release.url)
    remote = Remote(
        urls, f"{release.file}.zip", n_entries=release.n_entries, sha256=config.sha256, named=config.mirrors
    )
    return {"release": release.file, "origin": release.url, "n_entries": fetch_remote(remote, out)}


def _from_folder(config: SourceConfig, out: Path) -> dict[str, Any]:
    from crystalmatrix.data.folder import folder_entries  # late: ase.io takes most of a second to load

    folder = Path(config.source).expanduser()
    entries = folder_entries(folder, id_key=config.id_key)
    return {"origin": folder.name, "n_entries": write_entries(out, entries)}


def _from_file(config: SourceConfig, out: Path) -> dict[str, Any]:
    path = Path(config.source).expanduser()
    if not path.exists():
        raise DataError(f"data.source: {path} not found; expected a .json, .json.gz or .json.zip file, or a folder")
    if config.sha256 and sha256(path) != config.sha256:
        raise DataError(f"{path}: found sha256 {sha256(path)}, expected data.sha256 = {config.sha256}")
    count = sum(
        1 for _ in tracked(read_entries(path), "checking entries")
    )  # the whole file is read before any of it counts
    pack(path, out)
    return {"origin": path.name, "n_entries": count}
