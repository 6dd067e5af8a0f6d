"""A CIF file's data blocks as crystals: parse, choose the symmetry, expand, check.

In: text.  Out: Crystal or Failure, one a block with atoms.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from crystalmatrix.crystals.cif.choice import read_atoms
from crystalmatrix.crystals.cif.evidence import read_evidence
from crystalmatrix.crystals.cif.sites import assumed_angles, has_atoms, read_lattice, read_sites
from crystalmatrix.crystals.cif.syntax import Block, parse_block, split_blocks
from crystalmatrix.crystals.crystal import (
    NO_STRUCTURE,
    NOT_PERIODIC,
    Crystal,
    Failure,
    InvalidCrystalError,
    failure,
    make_crystal,
)
from crystalmatrix.crystals.plausible import oddities

_ATOMS = re.compile(r"_atom_site[_.]", re.IGNORECASE)
_MODULATED = re.compile(
    "_(space_group_(symop_)?(magn_)?ssg_|cell_wave_vector_|atom_site_(displace|occ|moment)_(fourier|special)_)"
)


def read_cif(text: str, identity: str) -> Iterator[Crystal | Failure]:
    """Every block with atoms; ids `identity`, or `identity@k` where there are several. Never raises."""
    blocks = [parsed for part in split_blocks(text) if (parsed := _parsed(*part)) is not None]
    if not blocks:
        yield Failure(identity, f"{NO_STRUCTURE}: no data block with atoms, expected a loop of _atom_site_ tags")
    for k, block in enumerate(blocks):
        own = f"{identity}@{k}" if len(blocks) > 1 else identity
        try:
            if isinstance(block, InvalidCrystalError):
                raise block
            yield _crystal(block, own)
        except Exception as error:  # what a check found; or a bug, which costs one block among many
            yield failure(own, error)


def _parsed(name: str, line: int, text: str) -> Block | InvalidCrystalError | None:
    """None for a block without atoms, which may have a row of question marks in their place."""
    if not _ATOMS.search(text):
        return None
    try:
        block = parse_block(name, line, text)
    except InvalidCrystalError as invalid:
        return invalid
    return block if any(map(_ATOMS.match, block.said)) else None


def _crystal(block: Block, identity: str) -> Crystal:
    if not has_atoms(block):
        raise InvalidCrystalError(NO_STRUCTURE, f"{block.where}: sites without coordinates")
    if any(map(_MODULATED.match, block.said)) or block.value("_cell_modulation_dimension") not in (None, "0"):
        raise InvalidCrystalError(NOT_PERIODIC, f"{block.where}: a modulated structure, expected one that repeats")
    lattice = read_lattice(block)
    evidence = read_evidence(block)
    sites = read_sites(block, lattice, known=evidence.elements)
    reading = read_atoms(block, lattice, sites, evidence)
    atoms, notes = reading.atoms, (*assumed_angles(block), *sites.notes, *reading.notes)
    if atoms.is_sound:  # `expand` has made the checks of make_crystal, which would be a fifth of the time
        crystal = Crystal(identity, atoms.species.astype(np.uint8), atoms.fractional, lattice, notes)
        return replace(crystal, notes=(*notes, *oddities(crystal.species, crystal.volume, *atoms.pairs)))
    return make_crystal(
        identity, numbers=atoms.species, lattice=lattice, coordinates=atoms.fractional, cartesian=False, notes=notes
    )
