"""Crystal files, read one crystal at a time: a bad one is a Failure with its reason and stops nothing.

In: files and folders: CIF, POSCAR and its kin, extended XYZ, JSON of jarvis-tools, pymatgen and ASE; plain, .gz, .zip.
What a file is, its content says, and only where that is no help its name.
Out: Crystal or Failure, in the order of the files. Ids: see `structure_files`; `file@k` for the k-th crystal of a file
that may hold several, counted from 0, failures included; a JSON entry's own id, or its key, where it has one.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TextIO

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
from crystalmatrix.crystals.formats import CIF, EXPECTED, JSON, VASP, XYZ, content_kind, file_kind
from crystalmatrix.crystals.formats import passed_over as passed_over
from crystalmatrix.crystals.formats import structure_files as structure_files
from crystalmatrix.crystals.json_entries import Damaged, read_items
from crystalmatrix.crystals.poscar import read_poscar
from crystalmatrix.crystals.text import CHUNK, MOST_TEXT, check_length, chunks, open_bytes, open_text, rest_of
from crystalmatrix.crystals.xyz import read_xyz

HEAD = 1 << 16  # characters that tell the kind of a file
_COUNTED = {JSON: (b"lattice_mat", b'"sites"', b'"positions"'), XYZ: (b"attice",)}  # words that each crystal has once


def estimated_count(files: Iterable[tuple[str, Path]]) -> int:
    """About how many crystals the files hold, for a progress bar; by their names."""
    total = 0
    for _, path in files:
        count = 1
        if words := _COUNTED.get(file_kind(path) or ""):
            with suppress(InvalidCrystalError), open_bytes(path) as stream:
                count = _most_frequent(words, stream)
        total += max(count, 1)
    return total


def _most_frequent(words: tuple[bytes, ...], stream: BinaryIO) -> int:
    """How often the most frequent of the words stands in the stream."""
    counts, ends = [0] * len(words), [b""] * len(words)
    while block := stream.read(CHUNK):
        for k, word in enumerate(words):
            text = ends[k] + block  # with what may be the first half of a word
            counts[k] += text.count(word)
            ends[k] = text[1 - len(word) :]
    return max(counts)


def read_structures(files: Iterable[tuple[str, Path]]) -> Iterator[Crystal | Failure]:
    """Every crystal of every file, in order; `files` as `structure_files` lists them."""
    for identity, path in files:
        yield from read_file(path, identity)


def read_file(path: Path, identity: str) -> Iterator[Crystal | Failure]:
    """The crystals of one file. What cannot be read, or is no crystal, comes as a Failure; nothing is raised."""
    read = 0
    try:
        with open_text(path) as stream:
            for item in _items(stream, path, identity):
                yield item
                read += 1
        if not read:
            raise InvalidCrystalError(NO_STRUCTURE, "found no crystal in it")
    except Exception as error:  # an InvalidCrystalError; a defect of ours too costs one row among many
        yield failure(f"{identity}@{read}" if read else identity, error)


def _items(stream: TextIO, path: Path, identity: str) -> Iterator[Crystal | Failure]:
    head = stream.read(HEAD)
    if not head.strip():  # behind a byte-order mark
        raise InvalidCrystalError(NO_STRUCTURE, "an empty file")
    kind = content_kind(head) or file_kind(path)
    if kind == CIF:
        return read_cif(_whole(head, stream), identity)
    if kind == VASP:
        return read_poscar(_whole(head, stream), identity, path=path)
    if kind == XYZ:
        return read_xyz(_lines(head, stream), identity)
    if kind == JSON:
        return read_json(chain([head], chunks(stream)), identity)
    raise InvalidCrystalError(UNREADABLE, f"neither its content nor its name is that of a structure file: {EXPECTED}")


def read_json(pieces: Iterator[str], identity: str) -> Iterator[Crystal | Failure]:
    """Raises InvalidCrystalError where the text breaks off, after what came before."""
    for place, entry in read_items(pieces):
        ours = identity if place is None else encodable(place) if isinstance(place, str) else f"{identity}@{place}"
        name = own_id(entry) or ours
        try:
            if isinstance(entry, Damaged):
                raise InvalidCrystalError(UNREADABLE, entry.said)
            yield read_parts(entry).crystal(name)
        except InvalidCrystalError as error:
            yield failure(name, error)


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
