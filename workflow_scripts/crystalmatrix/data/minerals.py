"""The bundled data set: the real JARVIS-DFT crystals that ship inside jarvis-tools, with their official labels.

In: jarvis/core/mineral_name_prototype.json.zip of the installed package; bundled/mineral_labels.parquet.
Out: entries in JARVIS's own schema.
"""

import importlib.util
import json
import zipfile
from pathlib import Path
from typing import Any

from crystalmatrix.data.official import ID_PREFIX, mineral_labels
from crystalmatrix.errors import DataError
from crystalmatrix.properties import AUXILIARY_FIELDS, PROPERTIES

_MEMBER = "mineral_name_prototype.json"


def _archive() -> Path:
    # find_spec, not import: jarvis-tools pulls in matplotlib, a second that nothing here needs.
    spec = importlib.util.find_spec("jarvis")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("minerals: package jarvis-tools is not installed; run: pip install jarvis-tools")
    return Path(spec.submodule_search_locations[0]) / "core" / f"{_MEMBER}.zip"


def mineral_structures() -> list[dict[str, Any]]:
    """{"jid", "atoms"} of every JARVIS crystal in the prototype table, each id once, in the table's order.

    The table lists a crystal under each of its mineral names, and holds Materials Project crystals too (`mp-...`):
    those have no JARVIS label and are left out.
    """
    path = _archive()
    try:
        with zipfile.ZipFile(path) as archive:
            prototypes: dict[str, list[list[Any]]] = json.loads(archive.read(_MEMBER))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError(f"{path}: not the prototype table of jarvis-tools ({error}); reinstall jarvis-tools") from None
    atoms = {row[2]: row[3] for rows in prototypes.values() for row in rows if str(row[2]).startswith(ID_PREFIX)}
    return [{"jid": jid, "atoms": structure} for jid, structure in atoms.items()]


def mineral_entries() -> list[dict[str, Any]]:
    """The minerals as JARVIS entries: {"jid", "atoms", <field>: value or "na"}."""
    labels = mineral_labels()
    fields = {name: row.field for name, row in PROPERTIES.items()} | {name: name for name in AUXILIARY_FIELDS}
    return [
        entry | {field: labels[entry["jid"]].get(name, "na") for name, field in fields.items()}
        for entry in mineral_structures()
    ]
