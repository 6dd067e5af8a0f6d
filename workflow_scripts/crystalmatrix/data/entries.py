"""One entry of a JARVIS-style data set, read and checked.

In: {"jid", "atoms": {"lattice_mat", "coords", "elements", "cartesian"}, <field>: value or "na"}.
Out: an Entry of plain arrays and floats; or InvalidCrystalError, with the reason, which the caller counts and lists.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.crystal import (
    DISORDERED,
    MALFORMED,
    NO_ID,
    NO_STRUCTURE,
    UNKNOWN_ELEMENT,
    Crystal,
    InvalidCrystalError,
    make_crystal,
)
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.properties import AUXILIARY_FIELDS, PROPERTIES

MISSING = (None, "", "na", "NA", "n/a", "nan", "NaN", "None")  # all seen in JARVIS releases; so is an empty list

LABELS = (*PROPERTIES, *AUXILIARY_FIELDS)
_Z = {symbol: number for number, symbol in enumerate(SYMBOLS) if number > 0}


@dataclass(frozen=True)
class Entry:
    """A crystal as the data set gives it."""

    jid: str
    species: NDArray[np.uint8]  # [n_atoms] atomic number Z
    lattice: NDArray[np.float64]  # [3, 3] rows are a, b, c in Å
    coordinates: NDArray[np.float64]  # [n_atoms, 3] in Å or in lattice vectors, see `cartesian`
    cartesian: bool
    labels: dict[str, float | None]  # property or auxiliary field: value, None where not computed
    unreadable: dict[str, str]  # labels that are neither a number nor a known mark of a missing value


def fields_of(chosen: dict[str, str]) -> dict[str, str]:
    """{property or auxiliary field: key in the data set}: JARVIS's keys, unless the config names others."""
    default = {name: row.field for name, row in PROPERTIES.items()} | {name: name for name in AUXILIARY_FIELDS}
    return default | chosen


def read_entry(raw: Mapping[str, Any], *, id_key: str, fields: Mapping[str, str]) -> Entry:
    """Read one entry; `fields` maps property (or auxiliary field) to the entry's key, and the property's own name
    will do too. Raises InvalidCrystalError."""
    identity = raw.get(id_key)
    if identity in MISSING:
        raise InvalidCrystalError(NO_ID, f"no {id_key!r} among the keys {', '.join(list(raw)[:6])}")
    jid = str(identity)
    atoms = raw.get("atoms")
    if isinstance(atoms, str) and atoms.startswith(f"{DISORDERED}: "):  # what data/folder.py found in a CIF
        raise InvalidCrystalError(DISORDERED, atoms.removeprefix(f"{DISORDERED}: "), jid)
    if not isinstance(atoms, Mapping):
        raise InvalidCrystalError(NO_STRUCTURE, f"'atoms' is {atoms!r:.40}", jid)
    try:
        species = np.array([_Z[symbol.strip()] for symbol in atoms["elements"]], np.uint8)
        lattice = np.array(atoms["lattice_mat"], np.float64)
        coordinates = np.array(atoms["coords"], np.float64)
        cartesian = bool(atoms["cartesian"])
    except KeyError as error:
        key = str(error.args[0])
        if key in ("elements", "lattice_mat", "coords", "cartesian"):
            raise InvalidCrystalError(MALFORMED, f"no {key!r} in 'atoms'", jid) from None
        raise InvalidCrystalError(UNKNOWN_ELEMENT, key, jid) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidCrystalError(MALFORMED, str(error)[:80], jid) from None
    if len(species) == 0 or lattice.shape != (3, 3) or coordinates.shape != (len(species), 3):
        shapes = f"{len(species)} elements, lattice {lattice.shape}, coordinates {coordinates.shape}"
        raise InvalidCrystalError(MALFORMED, shapes, jid)

    labels, unreadable = {}, {}
    for name, key in fields.items():
        value = raw[key] if key in raw else raw.get(name)
        labels[name] = number = read_number(value)
        if number is None and not _is_missing(value):
            unreadable[name] = repr(value)[:40]
    return Entry(jid, species, lattice, coordinates, cartesian, labels, unreadable)


def _is_missing(value: Any) -> bool:
    return value == [] or (not isinstance(value, list | dict) and value in MISSING)


def read_number(value: Any) -> float | None:
    """A finite number, given as one or as text; None for anything else. Some columns mix both."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def crystal_of(entry: Entry) -> Crystal:
    """The checked crystal of an entry. Raises InvalidCrystalError."""
    return make_crystal(
        entry.jid,
        numbers=entry.species,
        lattice=entry.lattice,
        coordinates=entry.coordinates,
        cartesian=entry.cartesian,
    )
