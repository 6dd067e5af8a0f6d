"""Structure files, read one crystal at a time: a bad one is a Failure with its reason and stops nothing.

In: files and folders: CIF, POSCAR or CONTCAR, extended XYZ, JSON in JARVIS's format (plain, .gz or .zip).
Out: Structure or Failure, in the order of the files. Ids: the file's path as given or, inside a folder, from there on;
`file@k` for the k-th crystal of a file that may hold several, counted from 0, as in `ase.io.read`; a JSON entry's own
id where it has one.
"""

import json
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.io.cif import CIFBlock, parse_cif

from crystalmatrix.data.archive import CHUNK, open_json, read_entries
from crystalmatrix.data.entries import NO_STRUCTURE, InvalidEntryError
from crystalmatrix.errors import DataError
from crystalmatrix.structures.objects import from_ase, from_dictionary
from crystalmatrix.structures.structure import DISORDERED, Failure, Structure, failure

EXPECTED = "*.cif, POSCAR*, CONTCAR*, *.vasp, *.poscar, *.xyz, *.extxyz, *.json, *.json.gz, *.json.zip"
_SUFFIXES = {
    ".cif": "cif",
    ".vasp": "vasp",
    ".poscar": "vasp",
    ".xyz": "xyz",
    ".extxyz": "xyz",
    ".json": "json",
    ".json.gz": "json",
    ".json.zip": "json",
}
OCCUPIED = 0.999  # an occupancy below this is a partial one


def file_kind(path: Path) -> str | None:
    """cif, vasp, xyz or json by the file's name; None for another."""
    if path.name.startswith(("POSCAR", "CONTCAR")):
        return "vasp"
    name = path.name.lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)


def structure_files(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """(id, path) of every file, folders searched to the bottom and sorted. Raises DataError for a missing path or an
    empty folder; files of other kinds are passed over inside a folder, and kept where they were named themselves."""
    found = []
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: not found, expected a structure file or a folder of them")
        if path.is_file():
            found.append((str(path), path))
            continue
        inside = sorted(file for file in path.rglob("*") if file.is_file() and file_kind(file))
        if not inside:
            raise DataError(f"{path}: found no structure file in it, expected {EXPECTED}")
        found += [(file.relative_to(path).as_posix(), file) for file in inside]
    return found


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


def read_structures(files: Iterable[tuple[str, Path]]) -> Iterator[Structure | Failure]:
    """Every crystal of every file, in order; `files` as `structure_files` lists them."""
    for identity, path in files:
        yield from read_file(path, identity)


def read_file(path: Path, identity: str) -> Iterator[Structure | Failure]:
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
            raise InvalidEntryError(NO_STRUCTURE, "an empty file", identity)
    except DataError as error:  # starts with the path, which the id says already
        yield Failure(f"{identity}@{read}" if read else identity, str(error).removeprefix(f"{path}: "))
    except Exception as error:  # parsers raise anything, and one bad file among many is one bad row
        yield failure(f"{identity}@{read}" if read else identity, error)


def _read_cif(path: Path, identity: str) -> Iterator[Structure | Failure]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ASE remarks on every file that lacks some item
        with path.open("rb") as handle:
            blocks = [block for block in parse_cif(handle) if block.has_structure()]
    if not blocks:
        raise InvalidEntryError(NO_STRUCTURE, "no data block with atoms", identity)
    for k, block in enumerate(blocks):
        yield _converted(f"{identity}@{k}" if len(blocks) > 1 else identity, block, _from_block)


def _from_block(block: CIFBlock, identity: str) -> Structure:
    occupancies = block.get("_atom_site_occupancy") or []
    shared = [value for value in occupancies if isinstance(value, int | float) and value < OCCUPIED]
    if shared:
        raise InvalidEntryError(DISORDERED, f"a site of occupancy {min(shared)}, expected 1 everywhere", identity)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms = block.get_atoms(fractional_occupancies=False)
    return from_ase(atoms, identity)


def _read_vasp(path: Path, identity: str) -> Iterator[Structure | Failure]:
    atoms = ase.io.read(path, format="vasp")
    assert isinstance(atoms, Atoms)
    yield _converted(identity, atoms, from_ase)


def _read_xyz(path: Path, identity: str) -> Iterator[Structure | Failure]:
    for k, atoms in enumerate(ase.io.iread(path, index=":", format="extxyz")):
        yield _converted(f"{identity}@{k}", atoms, from_ase)


def _read_json(path: Path, identity: str) -> Iterator[Structure | Failure]:
    with open_json(path) as stream:
        start = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        with open_json(path) as stream:
            yield _converted(identity, json.load(stream), from_dictionary)
        return
    for k, entry in enumerate(read_entries(path)):
        yield _converted(f"{identity}@{k}", entry, from_dictionary)


def _converted(identity: str, crystal: Any, convert: Callable[[Any, str], Structure]) -> Structure | Failure:
    try:
        return convert(crystal, identity)
    except Exception as error:
        return failure(identity, error)
