"""A user's table and structures as one data set in JARVIS's format.

In: a table, a folder.  Out: entries; NAME/data.json.zip and NAME/config.yaml.
"""

import csv
import tempfile
from pathlib import Path
from typing import Any

from crystalmatrix.cli.columns import Column, OwnTable
from crystalmatrix.data.archive import write_entries
from crystalmatrix.data.entries import fields_of, read_number
from crystalmatrix.data.folder import folder_entries
from crystalmatrix.data.labels_table import read_rows
from crystalmatrix.data.parallel import WORTH_WORKERS, available_cores
from crystalmatrix.data.records import Records, build_records
from crystalmatrix.errors import DataError
from crystalmatrix.files import write_text
from crystalmatrix.properties import PROPERTIES

ID_KEY = "jid"
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
DATA, CONFIG = "data.json.zip", "config.yaml"


def check_place(name: Path, *, table: Path, structures: Path) -> None:
    """Raise DataError unless there is something to read, and nothing that would be written over."""
    if not table.is_file():
        raise DataError(f"--from {table}: not found, expected a .csv table with a row a structure")
    if not structures.is_dir():
        raise DataError(f"--structures {structures}: not found, expected a folder of CIF, POSCAR or extended XYZ files")
    if name.exists() and (not name.is_dir() or any((name / file).exists() for file in (DATA, CONFIG))):
        raise DataError(f"{name}: exists already; choose another name, or remove it")
    try:
        existing = next(folder for folder in [name, *name.absolute().parents] if folder.exists())
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise DataError(f"{name}: cannot be made there ({error.strerror}); choose another place for it") from None


def read_own_table(path: Path) -> OwnTable:
    """Raises DataError."""
    if path.suffix.lower() in SPREADSHEETS:
        raise DataError(f"--from {path}: a spreadsheet, expected a .csv table; save it as .csv")
    columns, rows = read_rows(path)
    table = OwnTable(path, columns, list(rows))
    if not table.rows:
        raise DataError(f"{path}: found the names of columns and no row, expected a row a structure")
    return table


def labelled_entries(table: OwnTable, identity: str, chosen: list[Column], structures: Path) -> list[dict[str, Any]]:
    """The crystals with their labels, under our names and in our units. Raises DataError."""
    ids = table.values(identity)
    labels = {column.quantity: [_in_our_unit(v, column) for v in table.values(column.column)] for column in chosen}
    with tempfile.TemporaryDirectory() as scratch:
        ours = Path(scratch) / table.path.name  # what data/folder.py reads; its messages name the table
        with ours.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(["id", *labels])
            writer.writerows(zip(ids, *labels.values(), strict=True))
        try:
            return list(folder_entries(structures, id_key=ID_KEY, table=ours))
        except DataError as error:
            raise DataError(str(error).replace(str(ours), str(table.path))) from None


def records_of(entries: list[dict[str, Any]]) -> Records:
    """The crystals as the data stage will check them."""
    workers = available_cores() if len(entries) > WORTH_WORKERS else 1
    return build_records(entries, id_key=ID_KEY, fields=fields_of({}), workers=workers)


def without_row(entries: list[dict[str, Any]]) -> list[str]:
    """The ids of crystals that no row of the table names."""
    return [entry[ID_KEY] for entry in entries if not set(PROPERTIES) & entry.keys()]


def write_own(name: Path, entries: list[dict[str, Any]], config: str) -> None:
    """Both files of the folder, whole or not at all."""
    write_entries(name / DATA, entries)
    write_text(name / CONFIG, config)


def _in_our_unit(value: str, column: Column) -> str:
    """As text; the text itself where the units are equal, empty where there is no value."""
    number = read_number(value)
    if number is None:
        return ""
    return value if column.factor == 1 else repr(number * column.factor)
