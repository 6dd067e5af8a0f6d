"""The table of labels of a folder.

In: a .csv file in any usual encoding, its columns parted by commas, semicolons or tabs, whichever parts its first line.
Out: (name, {column: value as text}) a row; DataError with the line and the column for what would have to be guessed.
"""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from crystalmatrix.crystals.crystal import InvalidCrystalError
from crystalmatrix.crystals.text import read_text
from crystalmatrix.errors import DataError

Row = dict[str, str]
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")


def read_labels(path: Path) -> Iterator[tuple[str, Row]]:
    """Raises DataError."""
    columns, rows = read_rows(path)
    for row in rows:
        yield row[0], dict(zip(columns[1:], row[1:], strict=False))


def read_rows(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """Names of the columns, and the fields of each row as they come. Raises DataError, of a row once it is reached."""
    try:
        text = read_text(path).strip("\n")
    except InvalidCrystalError as invalid:
        raise DataError(f"{path}: {invalid.detail}, expected a table of labels") from None
    reader = csv.reader(StringIO(text), delimiter=_separator(path, text.partition("\n")[0]), strict=True)
    try:
        rows = [(reader.line_num, [field.strip() for field in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error:
        raise DataError(f"{path}, line {reader.line_num}: a quote that is not closed, or closed too early") from None
    columns = _columns(path, rows[0][1])
    return columns, (_checked(path, line, row, columns) for line, row in rows[1:])


def _checked(path: Path, line: int, row: list[str], columns: list[str]) -> list[str]:
    if len(row) < len(columns) or any(row[len(columns) :]):
        raise DataError(
            f"{path}, line {line}: found {len(row)} fields, expected {len(columns)} as in the first line"
            "; numbers with a decimal comma need a point"
        )
    _refuse_decimal_commas(path, line, dict(zip(columns[1:], row[1:], strict=False)))
    return row[: len(columns)]


def _separator(path: Path, header: str) -> str:
    parting = [separator for separator in SEPARATORS if len(next(csv.reader([header], delimiter=separator), [])) > 1]
    if len(parting) == 1:
        return parting[0]
    found = " and ".join(SEPARATORS[separator] for separator in parting) or "one column"
    raise DataError(f"{path}, line 1: found {found}, expected columns parted by commas, or all by semicolons or tabs")


def _columns(path: Path, header: list[str]) -> list[str]:
    """Their names, without empty ones at the end. Raises DataError."""
    while header and not header[-1]:
        header = header[:-1]
    twice = next((name for k, name in enumerate(header[1:], 1) if not name or name in header[1:k]), None)
    if twice is not None:
        raise DataError(f"{path}, line 1: found the column {twice!r} twice or without a name, expected a name for each")
    return header


def _refuse_decimal_commas(path: Path, line: int, labels: Row) -> None:
    for name, value in labels.items():
        if _DECIMAL_COMMA.fullmatch(value):
            raise DataError(
                f"{path}, line {line}, column {name!r}: found {value!r}; write a decimal point, "
                f"{value.replace(',', '.')}, since a comma may also part thousands"
            )
