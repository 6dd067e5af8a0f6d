"""Files that are either absent or complete, and tables that know what they are.

In: content and a final path.  Out: the file, written under a temporary name, synced and renamed; a parquet table
carries its schema version and a JSON dictionary of metadata.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crystalmatrix.errors import DataError, DiskError
from crystalmatrix.seal import EMPTY, KEY, broken, seal

_KEY = b"crystalmatrix"
_REFUSED = (errno.EACCES, errno.EEXIST, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
ARROW = ".arrow"  # suffix of tables that are mapped; all others are parquet
SET_ASIDE = ".damaged"  # behind the name of what was moved out of the way
TEMPORARY = re.compile(r"\..+\.(?P<process>\d+)-[0-9a-f]{8}\.part")  # names that `atomic` gives


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it to `path`, on failure remove it.

    Raises DiskError where the disk is full, or nothing may be written there.
    """
    own = f"{os.getpid()}-{secrets.token_hex(4)}"  # two nodes may count to the same process
    temporary = path.with_name(f".{path.name}.{own}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("r+b") as handle:  # Windows syncs only what may be written
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise_if_full(error, path)
        if error.errno in _REFUSED and error.filename in (None, *map(str, (temporary, *temporary.parents))):
            said = f"{path}: cannot be written ({os.strerror(error.errno)}); check the folder and its rights"
            raise DiskError(said) from None
        raise
    finally:
        with suppress(OSError):  # of a folder that is gone, or of a disk that is read only by now
            temporary.unlink(missing_ok=True)


def move_aside(path: Path) -> Path:
    """Give a file, folder or link another name, which it returns; what had that name before goes. Raises OSError."""
    kept = path.with_name(f"{path.name}{SET_ASIDE}")
    if kept.is_dir() and not kept.is_symlink():
        shutil.rmtree(kept)
    else:
        kept.unlink(missing_ok=True)
    path.replace(kept)
    return kept


def raise_if_full(error: OSError, path: Path) -> None:
    """Raise DiskError if that is what the system's error says."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(path.parent).free
        said = os.strerror(error.errno)  # pyarrow's own text holds a path and the word twice
        raise DiskError(f"{path}: {said}, {free / 1e6:,.0f} MB free; make room and run again") from None


def write_text(path: Path, text: str) -> None:
    """Write text atomically, in UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically: sorted keys, two spaces, no NaN."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON. Raises DataError for a missing or damaged file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: not found") from None
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}, expected a file; delete it and run again") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error}); delete it and run again") from None


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """{name: hex digest} of files in a folder, for one among them that vouches for the others."""
    return {name: sha256(folder / name) for name in names}


def described(schema: pa.Schema, *, version: int, metadata: dict[str, Any]) -> pa.Schema:
    """The schema with what `read_metadata` gives back."""
    return schema.with_metadata({_KEY: json.dumps({"version": version, **metadata}, sort_keys=True).encode()})


@contextmanager
def table_writer(
    path: Path, schema: pa.Schema, *, version: int, metadata: dict[str, Any], **options: Any
) -> Iterator[pq.ParquetWriter]:
    """Write a parquet table atomically and piece by piece, with its schema version and metadata.

    Pages carry checksums and the file a seal, so that a reader notices a damaged one; `options` go to pyarrow's writer.
    """
    options = {"compression": "zstd", "write_page_checksum": True, **options}
    with atomic(path) as temporary:
        with pq.ParquetWriter(temporary, described(schema, version=version, metadata=metadata), **options) as writer:
            writer.add_key_value_metadata({KEY: EMPTY})
            yield writer
        seal(temporary)


@contextmanager
def arrow_writer(
    path: Path, schema: pa.Schema, *, version: int, metadata: dict[str, Any]
) -> Iterator[pa.ipc.RecordBatchFileWriter]:
    """Write a table that readers map, atomically and block by block, with a seal on its footer."""
    schema = described(schema, version=version, metadata=metadata)
    schema = schema.with_metadata({**(schema.metadata or {}), KEY: EMPTY})
    with atomic(path) as temporary:
        with pa.ipc.new_file(str(temporary), schema) as writer:
            yield writer
        seal(temporary)


def write_table(path: Path, table: pa.Table, *, version: int, metadata: dict[str, Any], **options: Any) -> None:
    """Write a parquet table atomically, with its schema version and metadata; `options` go to pyarrow's writer."""
    with table_writer(path, table.schema, version=version, metadata=metadata, **options) as writer:
        writer.write_table(table)


def read_metadata(path: Path, *, version: int, whole: bool = False, holds: Sequence[str] = ()) -> dict[str, Any]:
    """The metadata of a table of ours. Raises DataError for a missing or damaged file or another version.

    `whole`: all of the file is checked, not the footer alone. `holds`: columns without which it is another table.
    """
    try:
        wrong = broken(path, whole=whole)
        if wrong is None:
            schema = pa.ipc.open_file(str(path)).schema if path.suffix == ARROW else pq.read_schema(path)
            raw = (schema.metadata or {}).get(_KEY)
            found = None if raw is None else json.loads(raw)["version"]
            lacks = [name for name in holds if name not in schema.names]
    except FileNotFoundError:
        raise DataError(f"{path}: not found") from None
    except Exception as error:  # a damaged footer without a seal fails in many ways: memory, text, keys
        wrong = type(error).__name__
    if wrong:
        raise DataError(f"{path}: damaged ({wrong}); delete it and run again")
    if raw is None:
        raise DataError(f"{path}: no schema version, so not a file of this workflow")
    if found != version:
        raise DataError(f"{path}: schema {found}, this version reads {version}; delete it and run again")
    if lacks:
        raise DataError(f"{path}: no column {lacks[0]}, so another table than its name says; delete it and run again")
    return json.loads(raw)


def read_table(
    path: Path, *, version: int, columns: list[str] | None = None, holds: Sequence[str] = ()
) -> tuple[pa.Table, dict[str, Any]]:
    """Read a table of ours and its metadata. Raises DataError for a missing or damaged file or another version.

    Of a few `columns`, only their pages are checked.
    """
    metadata = read_metadata(path, version=version, whole=columns is None, holds=columns or holds)
    with _or_damaged(path):
        return pq.read_table(path, columns=columns, page_checksum_verification=True), metadata


@contextmanager
def open_table(path: Path, *, version: int, holds: Sequence[str]) -> Iterator[pq.ParquetFile]:
    """A table of ours, checked as a whole, to be read piece by piece. Raises DataError as read_table does."""
    read_metadata(path, version=version, whole=True, holds=holds)
    with _or_damaged(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        yield file


@contextmanager
def _or_damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged ({type(error).__name__}); delete it and run again") from None


def numbered(path: Path, n: int) -> list[Path]:
    """shard-0.arrow to shard-<n - 1>.arrow for shard.arrow: the names of thousands are too long for one command."""
    return [path.with_name(f"{path.stem}-{k}{path.suffix}") for k in range(n)]


def unreadable(path: Path, *, version: int) -> str | None:
    """Why no reader would accept a table of ours: damaged, or of another version. None where it is sound or absent."""
    if not path.exists():
        return None
    try:
        read_metadata(path, version=version)
    except DataError as error:
        return str(error).removesuffix("; delete it and run again")
    return None
