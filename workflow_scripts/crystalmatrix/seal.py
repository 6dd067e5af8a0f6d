"""The seal of a table: digests, inside the file, of its footer and of all that lies before the footer.

Parquet and Arrow IPC protect their data (pages and blocks have checksums), but not the footer, which says what the data
means and where it lies. In: the path of a file whose footer holds `KEY: EMPTY`.  Out: the same file with the digests in
place of EMPTY; later, what is wrong with it.
"""

import hashlib
import re
from pathlib import Path
from typing import BinaryIO

KEY = b"crystalmatrix.seal"
_WIDTH = 64  # hexadecimal digits of one digest: first that of the body, then that of the footer
_MARK = (
    b"sha256 of body and footer: "  # Arrow writes a value before its key, parquet after it: the value is found alone
)
_UNKNOWN = b"0" * _WIDTH
EMPTY = _MARK + 2 * _UNKNOWN
_SEAL = re.compile(_MARK + rb"([0-9a-f]{%d})([0-9a-f]{%d})" % (_WIDTH, _WIDTH))
_MAGIC = {b"PAR1": 4, b"ROW1": 6}  # last four bytes: bytes of the mark that ends a file; before it, the footer's length
_PIECE = 1 << 20


def seal(path: Path) -> None:
    """Write the digests into a complete file."""
    with path.open("r+b") as handle:
        start, footer = _footer(handle)
        found = _SEAL.search(footer)
        if found is None:
            raise ValueError(f"{path}: no place for a seal")
        body = _digest_of_body(handle, start)
        footer = footer[: found.start(1)] + body + _UNKNOWN + footer[found.end(2) :]
        handle.seek(start + found.start(1))
        handle.write(body + _digest(footer))


def sealed(path: Path) -> str:
    """Both digests of a file, which say what is in it without reading it; empty where it has no seal."""
    with path.open("rb") as handle:
        found = _SEAL.search(_footer(handle)[1])
    return (found[1] + found[2]).decode() if found else ""


def broken(path: Path, *, whole: bool) -> str | None:
    """What is wrong with a file; None for a sound one, and for one without a seal. `whole`: its body as well."""
    with path.open("rb") as handle:
        start, footer = _footer(handle)
        if start < 0:
            return "cut, or no table"
        found = _SEAL.search(footer)
        if found is None:
            return None
        if _digest(footer[: found.start(2)] + _UNKNOWN + footer[found.end(2) :]) != found[2]:
            return "checksum of the footer"
        if whole and _digest_of_body(handle, start) != found[1]:
            return "checksum"
    return None


def _footer(handle: BinaryIO) -> tuple[int, bytes]:
    """Where the footer starts, and its bytes to the end of the file; -1 where the file does not end as a table does."""
    size = handle.seek(0, 2)
    handle.seek(max(0, size - 10))
    end = handle.read()
    width = _MAGIC.get(end[-4:], 0)
    start = size - width - 4 - int.from_bytes(end[-width - 4 : -width], "little") if width else -1
    if start < 0:
        return -1, b""
    handle.seek(start)
    return start, handle.read()


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _digest_of_body(handle: BinaryIO, size: int) -> bytes:
    """Of the first `size` bytes."""
    digest = hashlib.sha256()
    handle.seek(0)
    while size > 0 and (piece := handle.read(min(_PIECE, size))):
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest().encode()
