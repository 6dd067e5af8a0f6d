"""Where the errors sit: by element, crystal system, metal or not; and the worst crystals.

In: absolute errors [n] of the test crystals and what is known of each crystal.  Out: {group: (MAE, number)}.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c
from crystalmatrix.crystals.formula import chemical_formula

Floats = NDArray[np.float64]
Groups = dict[str, tuple[float, int]]

# last space group of each system, International Tables for Crystallography A
_SYSTEMS = (
    (2, "triclinic"),
    (15, "monoclinic"),
    (74, "orthorhombic"),
    (142, "tetragonal"),
    (167, "trigonal"),
    (194, "hexagonal"),
    (230, "cubic"),
)
UNKNOWN = "unknown"
SYSTEMS = (*(name for _, name in _SYSTEMS), UNKNOWN)
METAL, NON_METAL = "metal", "non-metal"
KINDS = (METAL, NON_METAL, UNKNOWN)


def crystal_system(space_group: float | None) -> str:
    """The crystal system of a space group number 1 to 230; `unknown` for a missing one."""
    if space_group is None or not space_group > 0:
        return UNKNOWN
    return next(name for last, name in _SYSTEMS if space_group <= last)


def conductor(band_gap: float | None) -> str:
    """`metal` for an OptB88vdW gap of zero, `non-metal` above, `unknown` where it was not computed."""
    if band_gap is None or band_gap != band_gap:
        return UNKNOWN
    return METAL if band_gap <= 0 else NON_METAL


def describe(records: pd.DataFrame, jid: NDArray[np.str_]) -> pd.DataFrame:
    """What the breakdown needs of each crystal, in the order of `jid`: formula, species, system, kind.

    `records` is indexed by id. Raises KeyError where an id is not in it: predictions were checked against the records.
    """
    rows = records.loc[jid]
    return pd.DataFrame(
        {
            c.FORMULA: [chemical_formula(species) for species in rows[c.SPECIES]],
            c.SPECIES: [np.unique(species) for species in rows[c.SPECIES]],
            "system": [crystal_system(value) for value in rows[c.SPACE_GROUP]],
            "kind": [conductor(value) for value in rows["band_gap"]],
        }
    )


def by_group(error: Floats, group: Sequence[str], order: Sequence[str]) -> Groups:
    """MAE and number of crystals of each group that has any, in the order given."""
    labels = np.asarray(group)
    return {name: (float(error[labels == name].mean()), int((labels == name).sum())) for name in order if name in group}


def by_element(error: Floats, species: Sequence[NDArray[np.uint8]]) -> dict[int, tuple[float, int]]:
    """{Z: (MAE, number)} over the crystals that contain the element."""
    crystal = np.repeat(np.arange(len(error)), [len(z) for z in species])
    z = np.concatenate(species) if len(error) else np.empty(0, dtype=int)
    total = np.bincount(z, weights=error[crystal])
    n = np.bincount(z)
    return {int(element): (float(total[element] / n[element]), int(n[element])) for element in np.flatnonzero(n)}


def worst(error: Floats, k: int = 10) -> NDArray[np.int64]:
    """Rows of the k largest errors, largest first; ties in the order of the rows."""
    return np.argsort(-error, kind="stable")[:k]
