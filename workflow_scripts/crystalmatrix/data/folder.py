"""A folder of structure files with a table of labels.

In: CIF and POSCAR files; one .csv file whose first column names the file (with or without its suffix) and whose other
columns are labels, under our names or JARVIS's.  Out: entries in JARVIS's format, one per structure file; its id is the
file's name with no suffix (.cif, .vasp, .poscar).

    my_data/
        NaCl.cif
        POSCAR-17
        labels.csv        id,formation_energy,band_gap
                          NaCl,-2.01,5.1
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms

from crystalmatrix.crystals.cif import cif_blocks, ordered_atoms
from crystalmatrix.crystals.crystal import InvalidCrystalError
from crystalmatrix.crystals.formats import LABELLED, file_kind, labelled_files, stem
from crystalmatrix.errors import DataError


def folder_entries(folder: Path, *, id_key: str) -> Iterator[dict[str, Any]]:
    """Yield one entry per structure file, in the order of their names. Raises DataError for a table that does not fit
    the folder."""
    files = {path: kind for path in labelled_files(folder) if (kind := file_kind(path)) in LABELLED}
    if not files:
        raise DataError(f"{folder}: found no structure file, expected *.cif, POSCAR*, CONTCAR*, *.vasp or *.poscar")
    labels = _read_labels(folder)
    unknown = labels.keys() - {path.name for path in files} - {stem(path) for path in files}
    if unknown:
        raise DataError(f"{folder}: labels for {min(unknown)!r}, but no structure file of that name")
    for path, kind in files.items():
        row = labels.get(path.name) or labels.get(stem(path)) or {}
        yield {id_key: stem(path), "atoms": _read_atoms(path, kind), **row}


def _read_atoms(path: Path, kind: str) -> dict[str, Any] | str:
    """JARVIS's dictionary of a structure, of a CIF with many the last; of an unreadable or disordered file the reason,
    and its entry will be dropped with it."""
    try:
        atoms = ordered_atoms(cif_blocks(path)[-1]) if kind == "cif" else ase.io.read(path, format=kind)
    except InvalidCrystalError as invalid:
        return str(invalid)
    except Exception as error:  # parsers raise anything, and one bad file among many is a dropped row
        return f"{type(error).__name__}: {error}"
    assert isinstance(atoms, Atoms)
    return {
        "lattice_mat": atoms.cell.tolist(),
        "coords": atoms.get_positions().tolist(),
        "elements": atoms.get_chemical_symbols(),
        "cartesian": True,
    }


def _read_labels(folder: Path) -> dict[str, dict[str, str]]:
    """{file: {field: value as text}}."""
    tables = [path for path in labelled_files(folder) if path.suffix == ".csv"]
    if len(tables) != 1:
        found = ", ".join(path.name for path in tables) or "none"
        raise DataError(f"{folder}: found {found}, expected exactly one .csv file with the labels")
    with tables[0].open(newline="", encoding="utf-8-sig") as handle:
        header, *rows = [row for row in csv.reader(handle) if any(row)] or [[]]
    keys = [name.strip() for name in header[1:]]
    labels = {row[0].strip(): dict(zip(keys, row[1:], strict=False)) for row in rows}
    if len(labels) < len(rows):
        raise DataError(f"{tables[0]}: found {len(rows)} rows for {len(labels)} files, expected one row for each")
    return labels
