"""Which column of a table holds what: the names of the structures, and properties in which units.

In: a table, what the user says.  Out: the column of ids; a Column for each property.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from crystalmatrix.crystals.formats import LABELLED, file_kind, labelled_files, stem
from crystalmatrix.data.entries import MISSING, read_number
from crystalmatrix.errors import ConfigError, DataError, nearest
from crystalmatrix.properties import PROPERTIES

Ask = Callable[[str], str]

# How many of the property's own unit one of these is. Energies: CODATA 2018.
_ENERGY = {"eV": 1.0, "meV": 1e-3, "Ha": 27.211386245988, "Ry": 13.605693122994}
_PER_ATOM = {f"{unit}/atom": factor for unit, factor in _ENERGY.items()} | {
    "kJ/mol/atom": 0.010364269656,
    "kcal/mol/atom": 0.043364104241,
}
UNITS: dict[str, dict[str, float]] = {
    "eV": _ENERGY,
    "eV/atom": _PER_ATOM,
    "GPa": {"GPa": 1.0, "MPa": 1e-3, "kbar": 0.1, "Mbar": 100.0, "eV/A^3": 160.2176634},
    "pC/N": {"pC/N": 1.0, "pm/V": 1.0},
    "1": {"1": 1.0},
}
# Names that people give to columns, without case and signs, beside our names and JARVIS's.
_ALIASES = {
    "formation_energy": ("ef", "eform", "formationenergyperatom", "formationenergyatom", "hform"),
    "band_gap": ("eg", "egap", "gap", "bandgapev", "gappbe"),
    "band_gap_mbj": ("gapmbj", "mbjgap"),
    "bulk_modulus": ("kv", "kvoigt", "bulkmodulusvoigt"),
    "shear_modulus": ("gv", "gvoigt", "shearmodulusvoigt"),
    "dielectric": ("epsilon", "dielectricconstant"),
    "piezoelectric": ("dij", "piezo"),
    "ehull": ("energyabovehull", "eabovehull"),
}
_UNIT_BEHIND = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\[\]()]*)[\])]\s*")
_SAID = re.compile(r"(?P<column>.+)=(?P<property>[^=:]+)(:(?P<unit>.+))?")


@dataclass(frozen=True)
class OwnTable:
    """A table as text."""

    path: Path
    columns: list[str]
    rows: list[list[str]]

    def values(self, column: str) -> list[str]:
        place = self.columns.index(column)
        return [row[place] for row in self.rows]


@dataclass(frozen=True)
class Column:
    """A column that holds a property."""

    column: str
    quantity: str  # a name of PROPERTIES
    unit: str  # in the table
    remark: str = ""  # how the unit is known, where that is worth a word

    @property
    def factor(self) -> float:
        """From the table to the property's own unit."""
        return UNITS[PROPERTIES[self.quantity].unit][self.unit]


def find_id_column(table: OwnTable, structures: Path) -> str:
    """The column that names most structure files. Raises DataError where a row of it names none."""
    paths = [path for path in labelled_files(structures) if file_kind(path) in LABELLED]
    if not paths:
        raise DataError(
            f"--structures {structures}: found no structure file, expected *.cif, POSCAR*, CONTCAR*, *.vasp or *.xyz"
        )
    names = {path.name for path in paths} | {stem(path) for path in paths}
    known = {c: [v in names or re.sub(r"@\d+$", "", v) in names for v in table.values(c)] for c in table.columns}
    best = max(table.columns, key=lambda column: sum(known[column]))
    if not any(known[best]):
        raise DataError(
            f"{table.path}: no column names the files of {structures}, expected one with {paths[0].name!r} or "
            f"{stem(paths[0])!r}; found the columns {', '.join(table.columns)}"
        )
    if not all(known[best]):
        name = table.values(best)[known[best].index(False)]
        raise DataError(
            f"{table.path}, column {best!r}: {name!r} is no structure file in {structures}"
            f"{nearest(name, names, most=20)}; add the file or leave out the row"
        )
    return best


def numbers_in(table: OwnTable) -> list[str]:
    """The columns of numbers."""
    return [
        name
        for name in table.columns
        if all(value in MISSING or read_number(value) is not None for value in table.values(name))
        and any(read_number(value) is not None for value in table.values(name))
    ]


def choose_columns(table: OwnTable, identity: str, said: list[str], *, ask: Ask | None) -> list[Column]:
    """What the user says, then what names say. Raises ConfigError, DataError."""
    numbers = [name for name in numbers_in(table) if name != identity]
    chosen = [_as_said(text, table, numbers) for text in said]
    for name in [] if said else table.columns:
        bare, unit = _split_unit(name)
        found = _property_named(bare)
        if name == identity or found is None or set(table.values(name)) <= set(MISSING):
            continue
        _check_numbers(table, name, numbers)
        chosen.append(_with_unit(table, name, found, unit, ask))
    for column in chosen:
        twice = [other.column for other in chosen if other.quantity == column.quantity]
        if len(twice) > 1:
            raise ConfigError(
                f"{table.path}: columns {', '.join(map(repr, twice))} would all be {column.quantity}, expected one; "
                f"say which: --property {quote(f'{twice[0]}={column.quantity}')}"
            )
    if not chosen:
        example = f"--property {quote(f'{numbers[0]}=band_gap')}" if numbers else "a column of numbers"
        raise DataError(
            f"{table.path}: no column has the name of a property (known: {', '.join(PROPERTIES)}); found "
            f"{', '.join(table.columns)}; expected {example}"
        )
    return chosen


def _as_said(text: str, table: OwnTable, numbers: list[str]) -> Column:
    match = _SAID.fullmatch(text)
    if match is None:
        raise ConfigError(f"--property {text}: expected COLUMN=PROPERTY or COLUMN=PROPERTY:UNIT, as Eg=band_gap:eV")
    column, name, unit = match["column"], match["property"], match["unit"]
    if column not in table.columns:
        raise ConfigError(f"--property {text}: {table.path} has no column {column!r}{nearest(column, table.columns)}")
    if name not in PROPERTIES:
        raise ConfigError(f"--property {text}: unknown property {name!r}{nearest(name, PROPERTIES)}")
    _check_numbers(table, column, numbers)
    if unit is None:
        return _with_unit(table, column, name, _split_unit(column)[1], None)
    return Column(column, name, _known_unit(unit, name, where=f"--property {text}"))


def _check_numbers(table: OwnTable, column: str, numbers: list[str]) -> None:
    """Raise DataError for a column that is none of `numbers`, with the first field that is no number."""
    if column in numbers:
        return
    bad = next((value for value in table.values(column) if value not in MISSING and read_number(value) is None), "")
    raise DataError(
        f"{table.path}, column {column!r}: found {bad!r}, expected numbers or empty fields; correct it, or say by "
        "--property which columns hold what"
    )


def _with_unit(table: OwnTable, column: str, name: str, unit: str, ask: Ask | None) -> Column:
    """The unit behind the column's name, or the user's answer, or the property's own."""
    own = PROPERTIES[name].unit
    if unit:
        return Column(column, name, _known_unit(unit, name, where=f"{table.path}, column {column!r}"))
    if own == "1":
        return Column(column, name, own)
    if ask is None:
        return Column(column, name, own, "assumed: neither the column nor an option names a unit")
    answer = ask(f"column {column!r} is {name}; its unit ({', '.join(UNITS[own])}) [{own}]: ")
    return Column(column, name, _known_unit(answer or own, name, where=f"column {column!r}"))


def _known_unit(unit: str, name: str, *, where: str) -> str:
    known = UNITS[PROPERTIES[name].unit]
    if unit not in known:
        raise ConfigError(f"{where}: unknown unit {unit!r} of {name}{nearest(unit, known)}")
    return unit


def _split_unit(column: str) -> tuple[str, str]:
    """`Eg (eV)` into name and unit; no unit where there are no brackets behind the name."""
    match = _UNIT_BEHIND.fullmatch(column)
    return (match["name"], match["unit"].strip()) if match else (column, "")


def _property_named(name: str) -> str | None:
    wanted = _bare(name)
    for row in PROPERTIES.values():
        if wanted in (_bare(row.name), _bare(row.field), *_ALIASES.get(row.name, ())):
            return row.name
    return None


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
