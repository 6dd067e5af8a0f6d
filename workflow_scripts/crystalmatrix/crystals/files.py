"""Crystal files, read one crystal at a time: a bad one is a Failure with its reason and stops nothing.

In: files and folders: CIF, POSCAR or CONTCAR, extended XYZ, JSON in JARVIS's format (plain, .gz or .zip).
Out: Crystal or Failure, in the order of the files. Ids: the file's path as given or, inside a folder, from there on;
`file@k` for the k-th crystal of a file that may hold several, counted from 0, as in `ase.io.read`; a JSON entry's own
id where it has one.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms

from crystalmatrix.crystals.cif import read_cif
from crystalmatrix.crystals.crystal import NO_STRUCTURE, Crystal, Failure, InvalidCrystalError, failure
from crystalmatrix.crystals.formats import EXPECTED, file_kind
from crystalmatrix.crystals.formats import structure_files as structure_files
from crystalmatrix.crystals.objects import from_ase, from_dictionary
from crystalmatrix.data.archive import CHUNK, open_json, read_entries
from crystalmatrix.errors import DataError


def estimated_count(files: Iterable[tuple[str, Path]]) -> int:
    """About how many crystals the files hold, for a progress bar: counts a word that each has once."""
    total = 0
    for _, path in files:
        word = {"json": b"lattice_mat", "xyz": b"attice="}.get(file_kind(path) or "")
        if word is None:
            total += 1
            continue
        with suppress(DataError, OSError, EOFError, zlib.error), open_json(path) as stream:
            total += sum(block.count(word) for block in iter(partial(stream.read, CHUNK), b""))
    return total


def read_structures(files: Iterable[tuple[str, Path]]) -> Iterator[Crystal | Failure]:
    """Every crystal of every file, in order; `files` as `structure_files` lists them."""
    for identity, path in files:
        yield from read_file(path, identity)


def read_file(path: Path, identity: str) -> Iterator[Crystal | Failure]:
    """The crystals of one file. What cannot be read, or is no crystal, comes as a Failure."""
    kind = file_kind(path)
    if kind is None:
        yield Failure(identity, f"unknown kind of file, expected {EXPECTED}")
        return
    reader = {"cif": _read_cif, "vasp": _read_vasp, "xyz": _read_xyz, "json": _read_json}[kind]
    read = 0
    try:
        for crystal in reader(path, identity):
            yield crystal
            read += 1
        if not read:
            raise InvalidCrystalError(NO_STRUCTURE, "an empty file", identity)
    except DataError as error:  # starts with the path, which the id says already
        yield Failure(f"{identity}@{read}" if read else identity, str(error).removeprefix(f"{path}: "))
    except Exception as error:  # parsers raise anything, and one bad file among many is one bad row
        yield failure(f"{identity}@{read}" if read else identity, error)


def _read_cif(path: Path, identity: str) -> Iterator[Crystal | Failure]:
    yield from read_cif(path.read_text(errors="replace"), identity)


def _read_vasp(path: Path, identity: str) -> Iterator[Crystal | Failure]:
    atoms = ase.io.read(path, format="vasp")
    assert isinstance(atoms, Atoms)
    yield _converted(identity, atoms, from_ase)


def _read_xyz(path: Path, identity: str) -> Iterator[Crystal | Failure]:
    for k, atoms in enumerate(ase.io.iread(path, index=":", format="extxyz")):
        yield _converted(f"{identity}@{k}", atoms, from_ase)


def _read_json(path: Path, identity: str) -> Iterator[Crystal | Failure]:
    with open_json(path) as stream:
        start = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        with open_json(path) as stream:
            yield _converted(identity, json.load(stream), from_dictionary)
        return
    for k, entry in enumerate(read_entries(path)):
        yield _converted(f"{identity}@{k}", entry, from_dictionary)


def _converted(identity: str, crystal: Any, convert: Callable[[Any, str], Crystal]) -> Crystal | Failure:
    try:
        return convert(crystal, identity)
    except Exception as error:
        return failure(identity, error)
