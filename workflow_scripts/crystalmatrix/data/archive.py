"""Data sets in JARVIS's format, read one entry at a time: a JSON list, plain or inside a .gz or .zip file.

In: a file, whose packing is told by its first bytes, not its name.  Out: its entries, in bounded memory; a new archive.
"""

import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from crystalmatrix.crystals.crystal import InvalidCrystalError
from crystalmatrix.crystals.json_entries import list_of
from crystalmatrix.crystals.text import chunks, open_text
from crystalmatrix.errors import DataError
from crystalmatrix.files import atomic

_EPOCH = (1980, 1, 1, 0, 0, 0)  # of zip members: equal content gives equal bytes
_WEB_PAGE = re.compile(r"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


def read_entries(path: Path) -> Iterator[Any]:
    """Yield the entries of a JSON list, whatever they are: a damaged one is a row that the caller drops.

    Raises DataError, one line, for a missing, empty, truncated or corrupt file, and for content that is no JSON list;
    a zip's or gzip's checksum is verified once its end is reached.
    """
    try:
        with open_text(path) as stream:
            head = stream.read(512)
            if _WEB_PAGE.match(head):
                raise DataError(
                    f"{path}: a web page, expected a data set; the server answered with a page, not the file"
                )
            yield from list_of(chain([head], chunks(stream)))
    except InvalidCrystalError as invalid:
        raise DataError(f"{path}: {invalid.detail}") from None


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
