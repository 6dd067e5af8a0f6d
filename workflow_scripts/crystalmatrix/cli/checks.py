"""What `verify` does with each kind of file: the reader of the stage that uses it, all of its content.

In: a path.  Out: None, or one line that says what is wrong with it.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from crystalmatrix.cli.library import CARD_DIGEST, METRICS, RESULTS, ModelFile
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.comparison import Comparison
from crystalmatrix.contracts.coverage import Coverage
from crystalmatrix.contracts.document import Document
from crystalmatrix.contracts.features import MostNeighbours, ViewShards
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.contracts.quality import Quality
from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.contracts.statistics import Statistics
from crystalmatrix.contracts.submission import Check
from crystalmatrix.contracts.tables import SplitsMetadata
from crystalmatrix.crystals.formats import check_listed
from crystalmatrix.errors import DataError, UserError
from crystalmatrix.files import read_json, read_metadata, read_table, sha256
from crystalmatrix.seal import sealed
from crystalmatrix.shipped import MODELS, shipped_folder

RAW, ORIGIN = "raw.json.zip", "raw.meta.json"
SPLITS, COMPARED, SUBMITTED = "splits.parquet", "comparison.json", "check.json"  # vouch for others in their folder
STATES = ("state.pt", "state.previous.pt")
_TABLES = {
    "records.parquet": columns.RECORDS_VERSION,
    "dropped.parquet": columns.RECORDS_VERSION,
    SPLITS: columns.SPLITS_VERSION,
    "leakage.parquet": columns.SPLITS_VERSION,
}
KINDS = f"*.pt, *.parquet, *.arrow, *.json, {RAW}"
_UNDER_NAMES = (".parquet", ".pt", ".arrow", ".json", ".csv", ".html", ".svg", ".zip", ".sh")  # no folder is
_DOCUMENTS: dict[str, type[Document]] = {
    ORIGIN: Origin,
    "quality.json": Quality,
    "coverage.json": Coverage,
    "statistics.json": Statistics,
    "most_neighbours.json": MostNeighbours,
    COMPARED: Comparison,
    "shards.json": ViewShards,
    SUBMITTED: Check,
}


def files_to_check(paths: list[Path]) -> list[Path]:
    """Those of a kind that has a check, each once, sorted. Raises DataError where a path is missing or holds none."""
    if not paths:
        paths = [path for path in (shipped_folder(), Path(RESULTS)) if path is not None and path.is_dir()]
        if not paths:
            raise DataError(
                f"found neither {MODELS}/ nor {RESULTS}/ in {Path.cwd()}, expected one; name what to verify"
            )
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: not found, expected a file or a folder to verify")
        if path.is_dir():
            check_listed(path)
        inside = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if _check_of(file)]
        if not inside:
            raise DataError(f"{path}: found no file in it that can be verified ({KINDS})")
        if path.is_file() and _check_of(path) is None:
            raise DataError(f"{path}: not a kind of file that can be verified ({KINDS}); name models or results")
        found |= dict.fromkeys(inside)
    return list(found)


def checkable(path: Path) -> bool:
    """Whether `complaint` has a say: not of temporary and set aside files, and of folders only under a file's name."""
    if path.name.startswith("."):
        return False
    if path.is_dir() or (path.is_symlink() and not path.exists()):
        return path.suffix in _UNDER_NAMES
    return _check_of(path) is not None


def complaint(path: Path) -> str | None:
    """What is wrong with a file."""
    if path.is_dir():
        return f"{path}: a folder, expected a file" if path.suffix in _UNDER_NAMES else None
    if path.is_symlink() and not path.exists():
        return f"{path}: a link to nowhere"
    check = _check_of(path)
    if check is None:
        return f"{path}: not a kind of file that can be verified ({KINDS})"
    try:
        check(path)
    except UserError as error:
        text = str(error)
        return text if text.startswith(str(path)) else f"{path}: {text}"
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); check the disk and its rights"
    return None


def _check_of(path: Path) -> Callable[[Path], object] | None:
    """By name and place. Logs have none: nothing is computed from them."""
    name, folder = path.name, path.parent.name
    if name.startswith(".") or not path.is_file():
        return None
    if name in STATES:
        return _check_state
    if name == RAW:
        return _check_raw
    if name in _TABLES:
        return lambda path: read_table(path, version=_TABLES[path.name])
    if name.endswith(".predictions.parquet"):
        return lambda path: read_table(path, version=columns.PREDICTIONS_VERSION)
    if folder == "graphs" and path.suffix == ".parquet":
        return _check_shard
    if name in _DOCUMENTS:
        return lambda path: _DOCUMENTS[path.name].read(path)
    if name.endswith(METRICS):
        return ModelScores.read
    if _vouched(path):
        return _check_vouched
    return {".pt": _check_model, ".arrow": _check_features, ".json": read_json}.get(path.suffix)


def _vouched(path: Path) -> tuple[Path, str] | None:
    """(file that holds the sha256 of this one, the name that it has there)."""
    for folder in (path.parent, path.parent.parent):
        for voucher in (folder / name for name in (SPLITS, COMPARED, SUBMITTED)):
            if (
                voucher.is_file()
                and path != voucher
                and (name := path.relative_to(folder).as_posix()) in _list(voucher)
            ):
                return voucher, name
    return None


def _list(voucher: Path) -> dict[str, str]:
    """{name: sha256}; empty where the file is damaged, which its own check says."""
    try:
        if voucher.name == SPLITS:
            return SplitsMetadata.of_table(voucher).lists
        return (Comparison if voucher.name == COMPARED else Check).read(voucher).files
    except DataError:
        return {}


def _check_vouched(path: Path) -> None:
    voucher, name = _vouched(path) or (path, "")
    if _list(voucher).get(name, "") != sha256(path):
        raise DataError(f"{path}: damaged or edited (checksum, as in {voucher}); delete it and run again")


def _check_shard(path: Path) -> None:
    """Row group by row group: a shard may be larger than memory."""
    from crystalmatrix.graphs.shards import stream_shard

    if sealed(path):
        read_metadata(path, version=columns.GRAPHS_VERSION, whole=True, holds=columns.GRAPHS.names)
        return
    for _ in stream_shard(path):
        pass


def _check_features(path: Path) -> None:
    from crystalmatrix.features.mapped import MappedBlocks, open_file

    opened = open_file(path)
    blocks = MappedBlocks([opened], limit=1)  # each given back as the next one comes
    for k in range(len(opened.blocks)):
        blocks[k]


def _check_raw(path: Path) -> None:
    meta = path.with_name(ORIGIN)
    _compare(path, Origin.read(meta).sha256, meta)


def _check_model(path: Path) -> None:
    from crystalmatrix.trained.checkpoint import load_checkpoint

    card = next(_cards(path), None)
    if card is not None and (expected := card.expected_sha256):
        _compare(path, expected, card.card)
    load_checkpoint(path)  # says what is missing, foreign or of another version
    _check_archive(path, remedy="get or make it again")


def _cards(path: Path) -> Iterator[ModelFile]:
    """The model with the card that lies beside it."""
    cards = [path.with_suffix(suffix) for suffix in (".json", ".md")]
    yield from (ModelFile(path, "", "", path.stem, card) for card in cards if card.exists())


def _check_state(path: Path) -> None:
    _check_archive(path, remedy="delete it, the training goes on from the one before")


def _check_archive(path: Path, *, remedy: str) -> None:
    """What torch saves is a zip archive, and torch does not look at the checksums of its members when it loads."""
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError):
        raise DataError(f"{path}: no archive of torch, or damaged; {remedy}") from None
    if bad is not None:
        raise DataError(f"{path}: damaged in {bad} (checksum); {remedy}")


def _compare(path: Path, expected: str, where: Path | None) -> None:
    if (found := sha256(path)) != expected:
        raise DataError(
            f"{path}: {CARD_DIGEST} {found[:12]}..., expected {expected[:12]}... as in {where}; get or make it again"
        )
