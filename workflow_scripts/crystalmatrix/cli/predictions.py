"""A table of predictions for people and for programs.

In: the table of a Predictor, {column: unit}.  Out: text, JSON.
"""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from crystalmatrix.cli.text import table_text
from crystalmatrix.files import write_json
from crystalmatrix.inference.model import ERROR, FORMULA, ID, IN_DOMAIN, N_ATOMS, NOTE, NOVELTY, columns_of, domain_of
from crystalmatrix.words import counted

SHOWN = 50  # crystals on screen
HEADER = ("crystal", "formula", "property", "value", "90 % interval", "unit", "domain")
_RIGHT = (3,)


def as_text(table: pd.DataFrame, units: dict[str, str]) -> str:
    """A line a property of each crystal, then what there is to say about crystals."""
    names = properties_of(table)
    rows: list[list[str]] = []
    said: list[str] = []
    for row in table.head(SHOWN).to_dict("records"):
        rows += _lines(row, names, units)
        said += [f"{row[ID]}: {row[key]}" for key in (NOTE, ERROR) if row[key]]
        if not pd.isna(row[IN_DOMAIN]) and not row[IN_DOMAIN]:
            said.append(
                f"{row[ID]}: novelty {row[NOVELTY]:.2f}{_beyond(row[NOVELTY])}, expect larger errors where OUTSIDE"
            )
    text = table_text(HEADER, rows, right=_RIGHT)
    if said:
        text += "\n\n" + "\n".join(said)
    if (left := len(table) - SHOWN) > 0:
        text += f"\n\n{counted(left, 'more crystal')}: write them all with --out table.csv"
    return text


def write_json_table(path: Path, table: pd.DataFrame, units: dict[str, str]) -> None:
    """A list with an object a crystal; null where there is no value."""
    names = properties_of(table)
    write_json(path, [_as_object(row, names, units) for row in table.to_dict("records")])


def summary(table: pd.DataFrame, out: Path) -> str:
    """One sentence."""
    failed = int((table[ERROR] != "").sum())
    outside = int((~table[IN_DOMAIN].fillna(True)).sum())
    return (
        f"{out}: {counted(len(table), 'crystal')}, {failed:,} of them with an error (column {ERROR}), "
        f"{outside:,} outside the training domain (column {IN_DOMAIN})"
    )


def properties_of(table: pd.DataFrame) -> list[str]:
    """Those with a value and both bounds."""
    return [name for name in table.columns if all(column in table.columns for column in columns_of(str(name)))]


def _lines(row: dict[Any, Any], names: list[str], units: dict[str, str]) -> list[list[str]]:
    """The crystal's name stands on the first only."""
    known = [name for name in names if not math.isnan(row[name])]
    if not known:
        return [[str(row[ID]), str(row[FORMULA]), "no values", "", "", "", ""]]
    lines = []
    for k, name in enumerate(known):
        value, lower, upper = (row[column] for column in columns_of(name))
        unit = "" if units[name] == "1" else units[name]
        interval = f"{_number(lower)} to {_number(upper)}"
        head = [str(row[ID]), str(row[FORMULA])] if k == 0 else ["", ""]
        lines.append([*head, name, _number(value), interval, unit, _domain(row[domain_of(name)])])
    return lines


def _domain(inside: Any) -> str:
    return "?" if pd.isna(inside) else "inside" if inside else "OUTSIDE"


def _beyond(novelty: float) -> str:
    return ", above 1: unlike any in training" if novelty > 1 else ""


def _number(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.4g}"


def _as_object(row: dict[Any, Any], names: list[str], units: dict[str, str]) -> dict[str, Any]:
    values = {}
    for name in names:
        value, lower, upper = (_or_none(row[column]) for column in columns_of(name))
        inside = row[domain_of(name)]
        values[name] = {
            "value": value,
            "lower": lower,
            "upper": upper,
            "unit": units[name],
            IN_DOMAIN: None if pd.isna(inside) else bool(inside),
        }
    return {
        ID: row[ID],
        FORMULA: row[FORMULA],
        N_ATOMS: int(row[N_ATOMS]),
        "properties": values,
        NOVELTY: _or_none(row[NOVELTY]),
        IN_DOMAIN: None if pd.isna(row[IN_DOMAIN]) else bool(row[IN_DOMAIN]),
        NOTE: row[NOTE],
        ERROR: row[ERROR],
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.6g}")
