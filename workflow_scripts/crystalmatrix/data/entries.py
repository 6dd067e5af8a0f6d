"""One entry of a JARVIS-style data set, read and checked.

In: {"jid", "atoms": {"lattice_mat", "coords", "elements", "cartesian"}, <field>: value or "na"}; also with the other
dictionaries of crystals/entry.py in place of "atoms".
Out: an Entry of plain arrays and floats; or InvalidCrystalError, with the reason, which the caller counts and lists.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crystalmatrix.crystals.crystal import NO_ID, NO_STRUCTURE, REASONS, Crystal, InvalidCrystalError, encodable
from crystalmatrix.crystals.entry import Parts, read_parts
from crystalmatrix.properties import AUXILIARY_FIELDS, PROPERTIES

MISSING = (None, "", "na", "NA", "n/a", "nan", "NaN", "None")  # all seen in JARVIS releases; so is an empty list
READER_NOTES = "reader_notes"  # key under which data/folder.py hands over what the reader of a file remarked

LABELS = (*PROPERTIES, *AUXILIARY_FIELDS)


@dataclass(frozen=True)
class Entry:
    """A crystal as the data set gives it."""

    jid: str
    parts: Parts
    labels: dict[str, float | None]  # property or auxiliary field: value, None where not computed
    unreadable: dict[str, str]  # labels that are neither a number nor a known mark of a missing value


def fields_of(chosen: dict[str, str]) -> dict[str, str]:
    """{property or auxiliary field: key in the data set}: JARVIS's keys, unless the config names others."""
    default = {name: row.field for name, row in PROPERTIES.items()} | {name: name for name in AUXILIARY_FIELDS}
    return default | chosen


def read_entry(raw: Any, *, id_key: str, fields: Mapping[str, str]) -> Entry:
    """Read one entry; `fields` maps property (or auxiliary field) to the entry's key, and the property's own name
    will do too. Raises InvalidCrystalError."""
    if not isinstance(raw, Mapping):
        raise InvalidCrystalError(NO_STRUCTURE, f"{raw!r:.40} in place of an entry")
    identity = raw.get(id_key)
    if not isinstance(identity, str | int) or identity in MISSING:
        raise InvalidCrystalError(NO_ID, f"no {id_key!r} among the keys {', '.join(list(raw)[:6])}")
    jid = encodable(str(identity))
    parts = _parts(raw, jid)
    labels, unreadable = {}, {}
    for name, key in fields.items():
        value = raw[key] if key in raw else raw.get(name)
        labels[name] = number = read_number(value)
        if number is None and not _is_missing(value):
            unreadable[name] = repr(value)[:40]
    return Entry(jid, parts, labels, unreadable)


def _parts(raw: Mapping[str, Any], jid: str) -> Parts:
    atoms = raw.get("atoms")
    if isinstance(atoms, str) and (reason := atoms.partition(": ")[0]) in REASONS:  # what data/folder.py met in a file
        raise InvalidCrystalError(reason, atoms.removeprefix(reason).removeprefix(": "), jid)
    try:
        parts = read_parts(raw)
    except InvalidCrystalError as invalid:
        raise InvalidCrystalError(invalid.reason, invalid.detail, jid) from None
    return parts._replace(notes=(*raw.get(READER_NOTES, ()), *parts.notes))


def _is_missing(value: Any) -> bool:
    return value == [] or (not isinstance(value, list | dict) and value in MISSING)


def read_number(value: Any) -> float | None:
    """A finite number, given as one or as text; None for anything else. Some columns mix both."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):  # a whole number of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def crystal_of(entry: Entry) -> Crystal:
    """The checked crystal of an entry. Raises InvalidCrystalError."""
    return entry.parts.crystal(entry.jid)
