"""What the tests of readers share: a file read, one crystal compared with another."""

from pathlib import Path

import numpy as np

from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.files import read_file
from crystalmatrix.elements import SYMBOLS

Item = Crystal | Failure


def read(path: Path, content: str | bytes | None = None) -> list[Item]:
    """All that a file yields, after writing it where there is content to write."""
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = list(read_file(path, path.name))
    for item in found:
        if isinstance(item, Failure):
            assert item.error
            assert "\n" not in item.error
            assert "Error" not in item.error
    return found


def crystal(path: Path, content: str | bytes | None = None) -> Crystal:
    """The only one of a file."""
    (found,) = read(path, content)
    assert isinstance(found, Crystal), found
    return found


def error(path: Path, content: str | bytes | None = None) -> str:
    """Why the file is refused as a whole."""
    (found,) = read(path, content)
    assert isinstance(found, Failure), found
    return found.error


def formula(item: Item) -> str:
    """Symbols of the atoms in their order, "NaCl"; a Failure's reason in brackets."""
    if isinstance(item, Failure):
        return f"[{item.error.partition(': ')[0]}]"
    return "".join(SYMBOLS[z] for z in item.species)


def same(one: Crystal, lattice: np.ndarray, fractional: np.ndarray, species: np.ndarray, *, within: float) -> bool:
    """Whether it is this crystal, atom by atom, in this cell, within so many Å."""
    if one.species.tolist() != np.asarray(species).tolist() or np.abs(one.lattice - lattice).max() > within:
        return False
    difference = one.fractional - fractional
    return bool(np.abs((difference - np.rint(difference)) @ lattice).max() <= within)
