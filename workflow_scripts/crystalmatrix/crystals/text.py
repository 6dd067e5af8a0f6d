"""The text of a file, whatever its packing and encoding.

In: a path; gzip and zip are told by their first bytes, UTF-8, UTF-16 and UTF-32 by a byte-order mark or the places of
their zero bytes.  Out: a stream of text whose lines end in "\\n"; InvalidCrystalError where there is no text.

Bytes that are no UTF-8 count as Latin-1: they stand in comments and names, never in numbers.
"""

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, TextIO

from crystalmatrix.crystals.crystal import NO_STRUCTURE, UNREADABLE, InvalidCrystalError
from crystalmatrix.crystals.formats import file_kind

CHUNK = 1 << 20  # bytes, or characters
MOST_TEXT = 1 << 28  # characters of a file that is read whole, of one entry of a list, or of one line
_MOST_UNPACKED = 1 << 28  # bytes that may come of a packed file, however small it is
_MOST_RATIO = 200  # of unpacked to packed beyond that; numbers as text pack 3 to 30 times smaller, zeros 1,000 times
_PEEKED = 4096  # bytes that tell the encoding
# What zipfile and gzip raise; of a damaged directory also that it is of a later version.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_AS_LATIN1 = "crystalmatrix.latin1"


def _decode_as_latin1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_AS_LATIN1, _decode_as_latin1)


@contextmanager
def open_text(path: Path, *, place: int = 0) -> Iterator[TextIO]:
    """From a byte of the unpacked text on, which `lines_with_places` gave, or from the beginning.

    Raises InvalidCrystalError, here or while reading, for a file that cannot be opened, is damaged or is no text.
    """
    with open_bytes(path) as stream:
        encoding, errors = _encoding(stream.peek(_PEEKED)[:_PEEKED])
        if place:
            _skip(stream, place)
        yield io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline=None)


def read_text(path: Path) -> str:
    """All of it. Raises InvalidCrystalError."""
    with open_text(path) as stream:
        return rest_of(stream)


def rest_of(stream: TextIO, *, read: int = 0) -> str:
    """All that follows; `read` characters were taken before. Raises InvalidCrystalError."""
    text = stream.read(MOST_TEXT + 1 - read)
    check_length(read + len(text))
    return text


def lines_with_places(path: Path) -> Iterator[tuple[int, str]]:
    """(byte where it begins, line) of the unpacked text; nothing of UTF-16 and UTF-32. Raises as `open_text` does.

    Lines are cut as Latin-1, in which a character is a byte, and ends of lines are the same bytes as in UTF-8.
    """
    with open_bytes(path) as stream:
        encoding, errors = _encoding(stream.peek(_PEEKED)[:_PEEKED])
        if errors != _AS_LATIN1:
            return
        place = 0
        with io.TextIOWrapper(stream, encoding="latin-1", newline="") as lines:
            for line in lines:
                length = len(line)
                if not line.isascii():
                    line = line.encode("latin-1").decode("utf-8" if place else encoding, errors)
                yield place, line
                place += length


def bytes_as_text(path: Path) -> Iterator[str]:
    """The unpacked text in pieces, in which a character is a byte; nothing of UTF-16 and UTF-32. As `open_text`."""
    with open_bytes(path) as stream:
        if _encoding(stream.peek(_PEEKED)[:_PEEKED])[1] == _AS_LATIN1:
            while block := stream.read(CHUNK):
                yield block.decode("latin-1")


def chunks(stream: TextIO) -> Iterator[str]:
    """The text in pieces that fit in memory."""
    return iter(partial(stream.read, CHUNK), "")


@contextmanager
def open_bytes(path: Path) -> Iterator[Any]:
    """The unpacked bytes as a buffered stream, which has `peek`. Raises InvalidCrystalError."""
    try:
        with path.open("rb") as handle:
            start = handle.peek(4)[:4]
            most = max(_MOST_UNPACKED, _MOST_RATIO * path.stat().st_size)
            if start.startswith(b"\x1f\x8b"):
                with gzip.GzipFile(fileobj=handle) as stream:
                    yield io.BufferedReader(_Bounded(stream, most))
            elif start in (b"PK\x03\x04", b"PK\x05\x06"):
                with zipfile.ZipFile(handle) as archive, _member(archive) as stream:
                    yield io.BufferedReader(_Bounded(stream, most))
            else:
                yield handle
    except _DAMAGED:
        raise InvalidCrystalError(UNREADABLE, "corrupt or cut short: the packed data do not unpack") from None
    except FileNotFoundError:
        raise InvalidCrystalError(UNREADABLE, "not found") from None
    except OSError as error:
        raise InvalidCrystalError(UNREADABLE, f"the system does not let it be read: {error.strerror}") from None


def _skip(stream: Any, n_bytes: int) -> None:
    """To a place of a stream at its beginning; what is packed is unpacked up to there."""
    if stream.seekable():
        stream.seek(n_bytes)
        return
    while n_bytes > 0 and (block := stream.read(min(n_bytes, CHUNK))):
        n_bytes -= len(block)


class _Bounded(io.RawIOBase):
    """The bytes of a stream; InvalidCrystalError where more than `most` come."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, most: int) -> None:
        self._stream, self._left = stream, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(min(len(buffer), CHUNK))
        self._left -= len(block)
        if self._left < 0:
            said = f"it unpacks to more than {_MOST_RATIO} times its size; unpack it yourself if that is meant"
            raise InvalidCrystalError(UNREADABLE, said)
        buffer[: len(block)] = block
        return len(block)


def check_length(n_characters: int) -> None:
    """Raise InvalidCrystalError for more text of one crystal than is taken into memory."""
    if n_characters > MOST_TEXT:
        raise InvalidCrystalError(
            UNREADABLE, f"more than {MOST_TEXT >> 20:,} million characters in one piece; split the file"
        )


def number(token: str) -> float:
    """A number as Fortran and C write it: "1.5", "-.5", "3.0D0", also "nan". Raises ValueError."""
    if "_" in token:
        raise ValueError  # digits grouped as Python allows are no number in any file format
    try:
        return float(token)
    except ValueError:
        return float(token.replace("D", "E").replace("d", "e"))


def _member(archive: zipfile.ZipFile) -> IO[bytes]:
    names = [name for name in archive.namelist() if not name.startswith("__MACOSX") and file_kind(Path(name))]
    if len(names) != 1:
        found = ", ".join(archive.namelist()[:5]) or "nothing"
        raise InvalidCrystalError(UNREADABLE, f"found {found} in the archive, expected exactly one structure file")
    try:
        return archive.open(names[0])
    except (NotImplementedError, RuntimeError):  # a method of packing that zipfile does not know, a password
        said = f"{names[0]} in the archive is encrypted or packed in an unusual way, expected a plain .zip or .gz"
        raise InvalidCrystalError(UNREADABLE, said) from None


def _encoding(head: bytes) -> tuple[str, str]:
    """(encoding, what to do with bytes that do not fit). Raises InvalidCrystalError."""
    if not head.strip():
        raise InvalidCrystalError(NO_STRUCTURE, "an empty file")
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, _AS_LATIN1 if mark == codecs.BOM_UTF8 else "replace"
    if 0 not in head:
        return "utf-8", _AS_LATIN1
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if 8 * min(even, odd) <= max(even, odd) and 4 * max(even, odd) > len(head):  # every second byte of Latin letters
        return "utf-16-le" if odd > even else "utf-16-be", "replace"
    raise InvalidCrystalError(UNREADABLE, "binary data, expected text")
