"""Crystal files, read one crystal at a time: a bad one is a Failure with its reason and stops nothing.

In: files and folders: CIF, POSCAR and its kin, extended XYZ, JSON of jarvis-tools, pymatgen and ASE, plain, .gz, .zip;
Parquet, SQLite databases of ASE, LMDB. What a file is, its content says, and only where that is no help its name.
Out: Crystal or Failure, in the order of the files. Ids: see `structure_files`; `file@k` for the k-th crystal of a file
that may hold several, counted from 0, failures included, or for the row with the key k of a database; a JSON entry's
own id, or its key, and the id of a row of Parquet, where it has one.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, TextIO

from crystalmatrix.contracts.screening import BEGIN, Start
from crystalmatrix.crystals import ase_db, lmdb_rows, parquet_rows
from crystalmatrix.crystals.cif import read_cif
from crystalmatrix.crystals.crystal import (
    NO_STRUCTURE,
    UNREADABLE,
    Crystal,
    Failure,
    InvalidCrystalError,
    encodable,
    failure,
)
from crystalmatrix.crystals.entry import own_id, read_parts
from crystalmatrix.crystals.formats import (
    ASE_DB,
    CIF,
    EXPECTED,
    JSON,
    LMDB,
    MAGIC,
    PARQUET,
    VASP,
    XYZ,
    content_kind,
    database_kind,
    file_kind,
)
from crystalmatrix.crystals.formats import passed_over as passed_over
from crystalmatrix.crystals.formats import structure_files as structure_files
from crystalmatrix.crystals.json_entries import Damaged, Place, are_lines, line_values, read_items, rest_of_list
from crystalmatrix.crystals.poscar import read_poscar
from crystalmatrix.crystals.text import MOST_TEXT, check_length, chunks, open_text, rest_of
from crystalmatrix.crystals.xyz import read_xyz

HEAD = 1 << 16  # characters that tell the kind of a text
JSON_LINES = "json lines"
SKIPPED = Failure("", "skipped")  # counts as a crystal that nobody asked for
_ROWS = {ASE_DB: ase_db.rows, LMDB: lmdb_rows.rows, PARQUET: parquet_rows.rows}


def read_structures(files: Iterable[tuple[str, Path]]) -> Iterator[Crystal | Failure]:
    """Every crystal of every file, in order; `files` as `structure_files` lists them."""
    for identity, path in files:
        yield from read_file(path, identity)


def read_file(path: Path, identity: str, start: Start = BEGIN) -> Iterator[Crystal | Failure]:
    """The crystals of one file, from `start` on.

    What cannot be read, or is no crystal, comes as a Failure; nothing is raised."""
    if start.crystal and not start.place:
        yield from islice(_all_of(path, identity, start), start.crystal, None)
    else:
        yield from _all_of(path, identity, start)


def _all_of(path: Path, identity: str, start: Start) -> Iterator[Crystal | Failure]:
    """With SKIPPED in place of those before `start`, unless they are behind its place."""
    read = start.crystal if start.place else 0
    try:
        kind = database_of(path)
        for item in _rows(kind, path, identity, start) if kind else _items(path, identity, start):
            yield item
            read += 1
        if not read:
            raise InvalidCrystalError(NO_STRUCTURE, "found no crystal in it")
    except Exception as error:  # an InvalidCrystalError; a defect of ours too costs one row among many
        yield failure(f"{identity}@{read}" if read else identity, error)


def database_of(path: Path) -> str | None:
    """Which kind of database the file is; None for a text. Raises InvalidCrystalError."""
    try:
        with path.open("rb") as handle:
            head = handle.read(MAGIC)
    except OSError:
        return None  # the reader of texts says why
    kind, named = database_kind(head), file_kind(path)
    if head and kind is None and named in _ROWS:
        raise InvalidCrystalError(UNREADABLE, f"named as {named}, but its content does not begin as that does")
    return kind


def text_kind(head: str, path: Path) -> str:
    """What the text is, by its beginning or its name. Raises InvalidCrystalError."""
    if not head.strip():  # behind a byte-order mark
        raise InvalidCrystalError(NO_STRUCTURE, "an empty file")
    kind = content_kind(head) or file_kind(path)
    if kind is None:
        said = f"neither its content nor its name is that of a structure file: {EXPECTED}"
        raise InvalidCrystalError(UNREADABLE, said)
    return JSON_LINES if kind == JSON and are_lines(head) else kind


def _rows(kind: str, path: Path, identity: str, start: Start) -> Iterator[Crystal | Failure]:
    rows = _ROWS[kind]
    if not start.place and start.crystal:
        next(rows(path, BEGIN), None)  # a database that does not open is one Failure, however many are skipped
        yield from repeat(SKIPPED, start.crystal)
    for key, entry in rows(path, start):
        own = own_id(entry) if kind == PARQUET else None
        yield _crystal(own or f"{identity}@{key}", entry)


def _items(path: Path, identity: str, start: Start) -> Iterator[Crystal | Failure]:
    with open_text(path) as stream:
        head = stream.read(HEAD)
        kind = text_kind(head, path)
        if not start.place:
            yield from _of_text(kind, head, stream, path, identity, start.crystal)
            return
    with open_text(path, place=start.place) as stream:
        if kind == XYZ:
            yield from read_xyz(stream, identity, start)
        else:
            entries: Iterator[tuple[Place, Any]] = (
                rest_of_list(chunks(stream), start.crystal)
                if kind == JSON
                else enumerate(line_values(chunks(stream)), start.crystal)
            )
            yield from _of_entries(entries, identity, 0)


def _of_text(
    kind: str, head: str, stream: TextIO, path: Path, identity: str, skipped: int
) -> Iterator[Crystal | Failure]:
    if kind in (JSON, JSON_LINES):
        return read_json(chain([head], chunks(stream)), identity, skipped)
    if kind == CIF:
        return read_cif(_whole(head, stream), identity)
    if kind == VASP:
        return read_poscar(_whole(head, stream), identity, path=path)
    return read_xyz(_lines(head, stream), identity)


def read_json(pieces: Iterator[str], identity: str, skipped: int = 0) -> Iterator[Crystal | Failure]:
    """Raises InvalidCrystalError where the text breaks off, after what came before; the first are SKIPPED."""
    return _of_entries(read_items(pieces), identity, skipped)


def _of_entries(entries: Iterator[tuple[Place, Any]], identity: str, skipped: int) -> Iterator[Crystal | Failure]:
    for _ in islice(entries, skipped):
        yield SKIPPED
    for place, entry in entries:
        ours = identity if place is None else encodable(place) if isinstance(place, str) else f"{identity}@{place}"
        yield _crystal(own_id(entry) or ours, entry)


def _crystal(name: str, entry: Any) -> Crystal | Failure:
    try:
        if isinstance(entry, Damaged):
            raise InvalidCrystalError(UNREADABLE, entry.said)
        return read_parts(entry).crystal(name)
    except InvalidCrystalError as error:
        return failure(name, error)


def _whole(head: str, stream: TextIO) -> str:
    text = head + rest_of(stream, read=len(head))
    if "\0" in text:
        raise InvalidCrystalError(UNREADABLE, "binary data, expected text")
    return text


def _lines(head: str, stream: TextIO) -> Iterator[str]:
    line = stream.readline(MOST_TEXT)
    yield from (head + line).removesuffix("\n").split("\n")
    while line := stream.readline(MOST_TEXT + 1):
        check_length(len(line))
        yield line
