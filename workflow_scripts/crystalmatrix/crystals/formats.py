"""Crystal files, found and told apart by their names. Nothing heavy is imported: the Snakefile asks here too.

In: paths.  Out: the kind of a file, its name without the suffix, the files of a folder.
"""

from collections.abc import Iterable
from pathlib import Path

from crystalmatrix.errors import DataError

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

LABELLED = ("cif", "vasp")  # kinds that a folder with a table of labels may hold: one crystal a file


def file_kind(path: Path) -> str | None:
    """cif, vasp, xyz or json by the file's name; None for another."""
    if path.name.startswith(("POSCAR", "CONTCAR")):
        return "vasp"
    suffix = _suffix(path.name)
    return _SUFFIXES[suffix] if suffix else None


def stem(path: Path) -> str:
    """The file's name without the suffix of a structure file: `NaCl` of NaCl.cif, but all of POSCAR-1.2."""
    return path.name[: len(path.name) - len(_suffix(path.name))]


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


def labelled_files(folder: Path) -> list[Path]:
    """Structures and tables that lie in a folder, not below it, sorted: what data/folder.py reads."""
    return sorted(path for path in folder.iterdir() if file_kind(path) in LABELLED or path.suffix == ".csv")


def _suffix(name: str) -> str:
    return next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
