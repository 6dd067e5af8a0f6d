"""Whatever a user hands over, as a stream of crystals.

In: a path, an object, or many of them.  Out: Crystal or Failure, one by one, never all at once.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from crystalmatrix.crystals.crystal import Crystal, Failure, failure
from crystalmatrix.crystals.entry import is_entry
from crystalmatrix.crystals.files import read_structures, structure_files
from crystalmatrix.crystals.objects import from_object

_OF_ONE_CRYSTAL = ("get_atomic_numbers", "lattice_mat", "is_ordered")  # ASE, jarvis-tools, pymatgen


def iterate(structures: Any) -> Iterator[Crystal | Failure]:
    """The crystals of a file, a folder, an object, {id: object}, or an iterable of any of these.

    Objects without an id of their own are counted from 0. Raises DataError for a path that does not exist.
    """
    if isinstance(structures, str | Path):
        yield from read_structures(structure_files([Path(structures)]))
    elif _is_one_crystal(structures):
        yield _converted(structures, "0")
    elif isinstance(structures, Mapping):
        for identity, crystal in structures.items():
            yield from _one(crystal, str(identity))
    elif isinstance(structures, Iterable):
        for k, crystal in enumerate(structures):
            yield from _one(crystal, str(k))
    else:
        yield _converted(structures, "0")


def _is_one_crystal(thing: Any) -> bool:
    if isinstance(thing, Mapping):
        return is_entry(thing)
    return isinstance(thing, Crystal | Failure) or any(hasattr(thing, name) for name in _OF_ONE_CRYSTAL)


def _one(crystal: Any, identity: str) -> Iterator[Crystal | Failure]:
    if isinstance(crystal, str | Path):
        yield from read_structures(structure_files([Path(crystal)]))
    else:
        yield _converted(crystal, identity)


def _converted(crystal: Any, identity: str) -> Crystal | Failure:
    if isinstance(crystal, Failure):
        return crystal
    try:
        return from_object(crystal, identity)
    except Exception as error:  # of another package's object, or of a check
        return failure(identity, error)
