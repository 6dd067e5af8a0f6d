"""Crystal files, found and told apart: by what is in them, else by their names. Nothing heavy is imported: the
Snakefile asks here too.

In: paths, or the beginning of a text.  Out: the kind of a file, its name without the suffix, the files of a folder.
"""

import importlib.util
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from crystalmatrix.errors import DataError

CIF, VASP, XYZ, JSON = "cif", "vasp", "xyz", "json"
PARQUET, ASE_DB, LMDB = "parquet", "ase.db", "lmdb"  # databases: rows are found without reading what is before them
EXPECTED = (
    "*.cif, *.mcif, POSCAR*, CONTCAR*, XDATCAR*, *_POSCAR, *.vasp, *.poscar, *.xyz, *.extxyz, *.json, *.jsonl, "
    "also as .gz or .zip; *.parquet, *.db of ASE, *.lmdb, *.aselmdb"
)
_SUFFIXES = {
    ".cif": CIF,
    ".mcif": CIF,
    ".vasp": VASP,
    ".poscar": VASP,
    ".xyz": XYZ,
    ".extxyz": XYZ,
    ".json": JSON,
    ".jsonl": JSON,
    ".ndjson": JSON,
    ".parquet": PARQUET,
    ".db": ASE_DB,
    ".lmdb": LMDB,
    ".aselmdb": LMDB,
}
_MAGIC = (
    (0, b"PAR1", PARQUET),
    (0, b"SQLite format 3\0", ASE_DB),
    (16, b"\xde\xc0\xef\xbe", LMDB),
)  # (byte, content, kind)
MAGIC = 20  # bytes from the beginning that tell a database
_PACKED = (".gz", ".zip")
_VASP_NAME = re.compile(r"^(POSCAR|CONTCAR|XDATCAR)|(?<![A-Za-z])(POSCAR|CONTCAR|XDATCAR)(?![A-Za-z])")
_CIF_WORD = re.compile(r"^[ \t]*(data_|loop_|_cell_|_atom_site)", re.MULTILINE | re.IGNORECASE)
_VASP_MODE = re.compile(r"\s*[sdck]", re.IGNORECASE)  # Selective dynamics, Direct, Cartesian, Konventional
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?")
_COUNT = re.compile(r"\s*\d{1,12}\s*")

LABELLED = (CIF, VASP, XYZ)  # kinds that a folder with a table of labels may hold; JSON holds its own labels
TABLE = ".csv"
BYTES_A_PART = 64_000_000  # 40,000 crystals of 15 atoms as extended XYZ
MOST_PARTS = 1_000


def file_kind(path: Path) -> str | None:
    """What the file is by its name; None for another kind."""
    name = path.name
    suffix = _suffix(name).lower()
    if suffix not in ("", *_PACKED):
        return _SUFFIXES[suffix.removesuffix(".gz").removesuffix(".zip")]
    return VASP if _VASP_NAME.search(name) else None


def database_kind(head: bytes) -> str | None:
    """The kind of a database by the first bytes of its file, unpacked; None for a text."""
    return next((kind for place, magic, kind in _MAGIC if head[place:].startswith(magic)), None)


def content_kind(head: str) -> str | None:
    """The same by the beginning of the text, a few thousand characters or more; None where it could be anything."""
    lines = head.split("\n")
    if is_poscar(lines):
        return VASP
    stripped = head.lstrip()
    if stripped[:1] in ("{", "["):
        return JSON
    if _COUNT.fullmatch(stripped.split("\n", 1)[0]):
        return XYZ
    return CIF if _CIF_WORD.search(head) else None


def is_poscar(lines: list[str]) -> bool:
    """Whether the lines begin as a POSCAR: a comment, one scale or three, three vectors, counts and a mode."""
    if len(lines) < 8 or _n_numbers(lines[1]) not in (1, 3):
        return False
    return all(_n_numbers(line) == 3 for line in lines[2:5]) and any(map(_VASP_MODE.match, lines[6:12]))


def _n_numbers(line: str) -> int:
    """How many numbers the line begins with."""
    tokens = line.split()
    return next((k for k, token in enumerate(tokens) if not _NUMBER.fullmatch(token)), len(tokens))


def stem(path: Path) -> str:
    """The file's name without the suffix of a structure file: `NaCl` of NaCl.cif.gz, but all of POSCAR-1.2."""
    return path.name[: len(path.name) - len(_suffix(path.name))]


def printable(path: Path) -> str:
    """The path as an id: bytes in it that are no UTF-8 are shown as \\xff."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def structure_files(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """(id, path) of every file, each once, folders searched to the bottom and sorted.

    Ids: the path as given; inside a folder, from there on where that is the only path given. Files of other kinds are
    passed over inside a folder (see `passed_over`), and kept where they were named themselves. Raises DataError for a
    missing path, an empty folder, or a database that nothing here can open.
    """
    paths = list(paths)
    found: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"{printable(path)}: not found, expected a structure file or a folder of them")
        if not path.is_dir():
            found.setdefault(printable(path), path)
            continue
        check_listed(path)
        inside = [file for file in _files_below(path) if _is_read(file, path)]
        if not inside:
            raise DataError(f"{printable(path)}: found no structure file in it, expected {EXPECTED}")
        for file in inside:
            found.setdefault(printable(file.relative_to(path) if len(paths) == 1 else file), file)
    _check_openable(found.values())
    return list(found.items())


def check_listed(folder: Path) -> None:
    """Raise DataError where the system does not tell what is in a folder: to look below it finds nothing then."""
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise DataError(f"{printable(folder)}: cannot be read ({error.strerror}); check its rights") from None


def _check_openable(paths: Iterable[Path]) -> None:
    """Raise DataError for an LMDB database where the package that opens it is not installed."""
    first = next((path for path in paths if file_kind(path) == LMDB), None)
    if first is not None and importlib.util.find_spec("lmdb") is None:
        raise DataError(
            f"{printable(first)}: an LMDB database, which the package lmdb opens, and that is not installed; "
            "run: pip install -c envs/constraints.txt lmdb"
        )


def parts_by_size(paths: Iterable[Path]) -> int:
    """How many jobs the files are worth, by their bytes: what Snakemake has to know before one of them is read."""
    size = sum(path.stat().st_size for path in paths)
    return min(max(1, -(-size // BYTES_A_PART)), MOST_PARTS)


def passed_over(paths: Iterable[Path]) -> list[Path]:
    """The files inside the folders among `paths` that `structure_files` does not list: other kinds, hidden ones."""
    return [file for path in paths if path.is_dir() for file in _files_below(path) if not _is_read(file, path)]


def labelled_files(folder: Path) -> list[Path]:
    """Structures and tables that lie in a folder, not below it, sorted: what data/folder.py reads."""
    return [path for path in sorted(folder.iterdir()) if _is_labelled(path)]


def _is_labelled(path: Path) -> bool:
    return not path.name.startswith(".") and (file_kind(path) in LABELLED or path.suffix.lower() == TABLE)


def _files_below(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file())


def _is_read(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)  # ._NaCl.cif is no crystal
    return not hidden and file_kind(file) is not None


def _suffix(name: str) -> str:
    """As it is written: .CIF.gz."""
    lower = name.lower()
    packed = next((suffix for suffix in _PACKED if lower.endswith(suffix)), "")
    bare = lower.removesuffix(packed)
    length = len(next((suffix for suffix in _SUFFIXES if bare.endswith(suffix)), "")) + len(packed)
    return name[len(name) - length :]
