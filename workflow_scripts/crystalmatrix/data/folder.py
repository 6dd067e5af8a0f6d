"""A folder of structure files with a table of labels.

In: CIF, POSCAR and extended XYZ files; one .csv file (see data/labels_table.py) whose first column names the file, with
or without its suffix, and whose other columns are labels, under our names or JARVIS's.
Out: entries in JARVIS's format, one per crystal, read as screening reads them. The id is the file's name with no suffix
(.cif, .vasp, .xyz ...), or all of the name where two files differ in nothing else; `name@k` for the k-th of several
crystals in a file, which are labelled under that id.

    my_data/
        NaCl.cif
        POSCAR-17
        labels.csv        id,formation_energy,band_gap
                          NaCl,-2.01,5.1
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.files import read_file
from crystalmatrix.crystals.formats import LABELLED, file_kind, labelled_files, printable, stem
from crystalmatrix.data.entries import READER_NOTES
from crystalmatrix.data.labels_table import Row, read_labels
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.errors import DataError, one_line
from crystalmatrix.words import named

_PLACE = re.compile(r"(.*)@(\d{1,9})")

Rows = dict[int | None, Row]  # of one file: the labels of its k-th crystal, or of its only one under None


def folder_entries(folder: Path, *, id_key: str, table: Path | None = None) -> Iterator[dict[str, Any]]:
    """Yield one entry per crystal, in the order of the files' names. Raises DataError for a table that does not fit
    the folder. `table`: of the labels; None: the only one in the folder."""
    found = labelled_files(folder)
    files = [path for path in found if file_kind(path) in LABELLED]
    if not files:
        raise DataError(f"{folder}: found no structure file, expected *.cif, POSCAR*, CONTCAR*, *.vasp or *.xyz")
    tables = [path for path in found if path not in files] if table is None else [table]
    if len(tables) != 1:
        names = ", ".join(path.name for path in tables) or "none"
        raise DataError(f"{folder}: found {names}, expected exactly one .csv file with the labels")
    _say_passed_over(folder, found)
    rows = _rows_of_files(tables[0], files)
    alike = Counter(map(stem, files))
    for path in files:
        identity = printable(Path(stem(path) if alike[stem(path)] == 1 else path.name))
        for item, row in _labelled(path, rows[path], identity, tables[0]):
            yield {id_key: item.id, **_content(item), **row}


def _say_passed_over(folder: Path, used: list[Path]) -> None:
    others = [one_line(printable(Path(path.name))) for path in sorted(folder.iterdir()) if path not in used]
    if others:
        print(
            f"{folder}: passed over {len(others)}, neither structures nor the table: {named(others)}", file=sys.stderr
        )


def _rows_of_files(table: Path, files: list[Path]) -> dict[Path, Rows]:
    """Whose labels each row holds. Raises DataError for a row of no file, of several, or of one that has another."""
    by_name: dict[str, set[Path]] = {}
    for path in files:
        by_name.setdefault(path.name, set()).add(path)
        by_name.setdefault(stem(path), set()).add(path)
    rows: dict[Path, Rows] = {path: {} for path in files}
    for name, row in read_labels(table):
        counted = None if name in by_name else _PLACE.fullmatch(name)
        meant = sorted(by_name.get(counted[1] if counted else name, ()))
        if not meant:
            raise DataError(f"{table}: labels for {name!r}, but no structure file of that name")
        if len(meant) > 1:
            both = f"{meant[0].name} and {meant[1].name}"
            raise DataError(f"{table}: labels for {name!r}, which could be {both}; write the suffix too")
        place = int(counted[2]) if counted else None
        if place in rows[meant[0]]:
            raise DataError(f"{table}: found two rows for {name!r}, expected one row for each")
        rows[meant[0]][place] = row
    return rows


def _labelled(path: Path, rows: Rows, identity: str, table: Path) -> Iterator[tuple[Crystal | Failure, Row]]:
    """The crystals of a file with their labels. Raises DataError for labels that fit none."""
    items = read_file(path, identity)
    first, second = next(items), next(items, None)
    if second is None:
        if len(rows) > 1 or any(rows):
            raise DataError(f"{table}: labels for several crystals of {path.name}, but the file holds one")
        yield replace(first, id=identity), next(iter(rows.values()), {})
        return
    if None in rows:
        raise DataError(
            f"{table}: labels for {path.name!r}, a file with several crystals; name each, as {identity}@0 and "
            f"{identity}@1, or give each a file of its own"
        )
    count = 0
    for count, item in enumerate(chain((first, second), items), 1):
        yield replace(item, id=f"{identity}@{count - 1}"), rows.get(count - 1, {})
    if beyond := [place for place in rows if place is not None and place >= count]:
        raise DataError(f"{table}: labels for {path.name}@{beyond[0]}, but the file holds {count} crystals, from @0 on")


def _content(item: Crystal | Failure) -> dict[str, Any]:
    """JARVIS's dictionary of a structure; of what is none the reason, and its entry will be dropped with it."""
    if isinstance(item, Failure):
        return {"atoms": item.error}
    atoms = {
        "lattice_mat": item.lattice.tolist(),
        "coords": item.fractional.tolist(),
        "elements": [SYMBOLS[z] for z in item.species.tolist()],
        "cartesian": False,
    }
    return {"atoms": atoms, **({READER_NOTES: list(item.notes)} if item.notes else {})}
