"""CIF files, through ASE, with disorder refused: ASE itself would keep the element that a site holds most of.

In: a file.  Out: its data blocks with atoms, each an ordered crystal or InvalidCrystalError.
"""

import io
import warnings
from pathlib import Path

from ase import Atoms
from ase.io.cif import CIFBlock, parse_cif

from crystalmatrix.crystals.crystal import DISORDERED, NO_STRUCTURE, InvalidCrystalError

OCCUPIED = 0.999  # an occupancy below this is a partial one


def cif_blocks(path: Path) -> list[CIFBlock]:
    """At least one. Raises InvalidCrystalError, or whatever the parser makes of a damaged file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ASE remarks on every file that lacks some item
        with path.open("rb") as handle:
            blocks = [block for block in parse_cif(handle) if block.has_structure()]
    if not blocks:
        raise InvalidCrystalError(NO_STRUCTURE, "no data block with atoms")
    return blocks


def ordered_atoms(block: CIFBlock) -> Atoms:
    """The crystal of a block, unfolded by its symmetry. Raises InvalidCrystalError for shared or partly empty sites."""
    occupancies = block.get("_atom_site_occupancy") or []
    shared = [value for value in occupancies if isinstance(value, int | float) and value < OCCUPIED]
    if shared:
        raise InvalidCrystalError(DISORDERED, f"a site of occupancy {min(shared)}, expected 1 everywhere")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return block.get_atoms(fractional_occupancies=False)


def read_cif(text, identity):
    from crystalmatrix.crystals.crystal import failure, make_crystal

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        blocks = [b for b in parse_cif(io.BytesIO(text.encode())) if b.has_structure()]
    for k, block in enumerate(blocks):
        name = f"{identity}@{k}" if len(blocks) > 1 else identity
        try:
            a = ordered_atoms(block)
            yield make_crystal(name, numbers=a.numbers, coordinates=a.positions, lattice=a.cell.array, cartesian=True)
        except Exception as error:
            yield failure(name, error)
