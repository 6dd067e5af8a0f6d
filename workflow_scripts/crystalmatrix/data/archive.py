"""Data sets in JARVIS's format, read one entry at a time: a JSON list, plain or inside a .gz or .zip file.

In: a file, whose kind is told by its first bytes, not its name.  Out: its entries, in bounded memory; a new archive.

JSON is decoded by the standard library's C scanner on a sliding buffer, so a 1 GB list costs a few MB.
"""

import codecs
import gzip
import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crystalmatrix.errors import DataError
from crystalmatrix.files import atomic

CHUNK = 1 << 20  # bytes
_SPACE = re.compile(r"[ \t\r\n]*")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of zip members: equal content gives equal bytes


def read_entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a JSON list.

    Raises DataError, one line, for a missing, empty, truncated or corrupt file, and for content that is no JSON list;
    a zip's or gzip's checksum is verified once its end is reached.
    """
    try:
        with open_json(path) as stream:
            yield from split_list(path, decoded(iter(lambda: stream.read(CHUNK), b"")))
    except FileNotFoundError:
        raise DataError(f"{path}: not found") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: corrupt or cut short ({error}); delete it and fetch it again") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text in UTF-8 ({error.reason} at byte {error.start}), expected JSON") from None


@contextmanager
def open_json(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as handle:
        start = handle.read(512)
    if not start.strip():
        raise DataError(f"{path}: empty ({path.stat().st_size} bytes), expected a JSON list of crystals")
    if start.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive, archive.open(_member(path, archive)) as stream:
            yield stream
    elif start.startswith(b"\x1f\x8b"):
        with gzip.open(path) as stream:
            yield stream  # type: ignore[misc]  # GzipFile is readable binary
    elif re.match(rb"\s*<(!doctype|html|\?xml)", start, re.IGNORECASE):
        raise DataError(f"{path}: a web page, expected a data set; the server answered with a page, not the file")
    else:
        with path.open("rb") as stream:
            yield stream


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if name.endswith(".json") and not name.startswith("__MACOSX")]
    if len(names) == 1:
        return names[0]
    found = ", ".join(archive.namelist()[:5]) or "nothing"
    raise DataError(f"{path}: found {found} in the archive, expected exactly one .json file")


def decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """UTF-8, with or without a byte-order mark, cut anywhere."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def split_list(name: Path | str, chunks: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Split `[{...}, {...}, ...]` into entries, on a buffer that holds the unread part of the text so far.

    Raises DataError, under `name`, for anything else.
    """
    decode = json.JSONDecoder().raw_decode
    buffer, position, count = "", 0, 0
    before: str | None = None  # what was read last: None at the start, then "[", "entry" or ","

    for chunk in chunks:
        buffer, position = buffer[position:] + chunk, 0
        while True:
            position = _SPACE.match(buffer, position).end()  # type: ignore[union-attr]  # matches anything
            if position == len(buffer):
                break
            character = buffer[position]
            if before is None:
                if character != "[":
                    raise DataError(f"{name}: starts with {buffer[:40]!r}, expected a JSON list of crystals: [{{...}}]")
                before, position = "[", position + 1
            elif before == "]":
                raise DataError(f"{name}: found more text after the end of the list: {buffer[position:][:40]!r}")
            elif character == "]" and before != ",":
                before, position = "]", position + 1
            elif before == "entry":
                if character != ",":
                    raise DataError(f"{name}: entry {count}: found {character!r}, expected ',' or ']'")
                before, position = ",", position + 1
            elif character != "{":
                raise DataError(f"{name}: entry {count + 1}: starts with {buffer[position:][:40]!r}, expected {{...}}")
            else:
                try:
                    entry, position = decode(buffer, position)
                except json.JSONDecodeError as error:
                    if _may_be_incomplete(error, len(buffer)):
                        break
                    raise DataError(f"{name}: entry {count + 1}: not valid JSON: {error.msg}") from None
                before, count = "entry", count + 1
                yield entry

    if before != "]":
        raise DataError(f"{name}: ends in the middle, after {count:,} entries; the file is cut short: fetch it again")


def _may_be_incomplete(error: json.JSONDecodeError, length: int) -> bool:
    """Whether more text could mend the error: it stands at the end of the buffer, or a string is still open."""
    return error.pos >= length - 16 or error.msg.startswith(("Unterminated string", "Invalid \\u"))


def write_entries(path: Path, entries: Iterable[dict[str, Any]]) -> int:
    """Write entries as one JSON list in a zip archive, atomically; the same entries give the same bytes. Returns n."""
    member = zipfile.ZipInfo(path.name.removesuffix(".zip"), date_time=_EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED
    count = 0
    with (
        atomic(path) as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
        archive.open(member, "w", force_zip64=True) as stream,
    ):
        for entry in entries:
            stream.write(b"[" if count == 0 else b",\n")
            stream.write(json.dumps(entry, separators=(",", ":")).encode())
            count += 1
        stream.write(b"]\n" if count else b"[]\n")
    return count


def pack(path: Path, out: Path) -> None:
    """Give a data set its place as a zip archive: a zip is copied as it is, JSON and gzip are packed. Atomic."""
    with path.open("rb") as handle:
        is_zip = handle.read(2) == b"PK"
    if not is_zip:
        write_entries(out, read_entries(path))
        return
    with atomic(out) as temporary:
        shutil.copyfile(path, temporary)
