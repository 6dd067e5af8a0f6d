"""Small data sets in JARVIS's format for the tests."""

import io
import json
import zipfile
from typing import Any

from crystalmatrix.contracts.origin import Origin


def rock_salt(jid: str, *, a: float = 5.6, elements: tuple[str, str] = ("Na", "Cl"), **labels: Any) -> dict[str, Any]:
    """A rock-salt entry with lattice constant `a` in Å, primitive cell, Cartesian coordinates."""
    atoms = {
        "lattice_mat": [[0.0, a / 2, a / 2], [a / 2, 0.0, a / 2], [a / 2, a / 2, 0.0]],
        "coords": [[0.0, 0.0, 0.0], [a / 2, a / 2, a / 2]],
        "elements": list(elements),
        "cartesian": True,
    }
    return {"jid": jid, "atoms": atoms, **labels}


ORIGIN = Origin(source="a test", release=None, origin="a test", bytes=1, sha256="0", n_entries=1, date="2026-01-31")


def zipped(content: Any, name: str = "data.json") -> bytes:
    """A zip archive of one member: JSON of `content`, or its bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return buffer.getvalue()
