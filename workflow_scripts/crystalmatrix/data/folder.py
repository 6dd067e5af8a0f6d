"""A folder of structure files with a table of labels.

In: CIF and POSCAR files; one .csv file whose first column names the file (with or without its suffix) and whose other
columns are labels, under our names or JARVIS's.  Out: entries in JARVIS's format, one per structure file; its id is the
file's name with no suffix.

    my_data/
        NaCl.cif
        POSCAR-17
        labels.csv        id,formation_energy,band_gap
                          NaCl,-2.01,5.1
"""

import csv
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms

from crystalmatrix.errors import DataError

FORMATS = {".cif": "cif", ".vasp": "vasp", ".poscar": "vasp"}


def folder_entries(folder: Path, *, id_key: str) -> Iterator[dict[str, Any]]:
    """Yield one entry per structure file, in the order of their names. Raises DataError for a table that does not fit
    the folder."""
    files = {path: kind for path in sorted(folder.iterdir()) if (kind := _format(path))}
    if not files:
        raise DataError(f"{folder}: found no structure file, expected names like POSCAR* or *{', *'.join(FORMATS)}")
    labels = _read_labels(folder)
    unknown = labels.keys() - {path.name for path in files} - {path.stem for path in files}
    if unknown:
        raise DataError(f"{folder}: labels for {min(unknown)!r}, but no structure file of that name")
    for path, kind in files.items():
        row = labels.get(path.name) or labels.get(path.stem) or {}
        yield {id_key: path.stem, "atoms": _read_atoms(path, kind), **row}


def _format(path: Path) -> str | None:
    if path.name.startswith(("POSCAR", "CONTCAR")):
        return "vasp"
    return FORMATS.get(path.suffix.lower())


def _read_atoms(path: Path, kind: str) -> dict[str, Any] | str:
    """JARVIS's dictionary of a structure; of an unreadable file the reason, and its entry will be dropped with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ASE remarks on every CIF that lacks some item
            atoms = ase.io.read(path, format=kind)
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
    tables = sorted(folder.glob("*.csv"))
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
