"""What a composition alone says of a crystal, as numbers.

In: the atomic numbers of each crystal.  Out: [n_crystals, n_features]: the fraction of each element, the number of
elements, the atoms of the formula unit, and of each elemental descriptor the mean, the mean deviation, the least and
the greatest over the composition (Ward et al., npj Comput. Mater. 2, 16028 (2016)).
"""

from typing import Any

import numpy as np
from jarvis.core.specie import chem_data
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of the elements, as jarvis-tools tabulates them, with its spelling.
DESCRIPTORS = (
    "Z",
    "row",
    "coulmn",
    "X",  # Pauling electronegativity
    "atom_rad",  # Å
    "avg_ion_rad",  # Å
    "first_ion_en",  # eV
    "elec_aff",  # eV
    "polzbl",  # Å3
    "mol_vol",  # cm3/mol
    "mp",  # K
    "hfus",  # eV/atom
    "KV",  # GPa, of the element's own crystal
    "nsvalence",
    "npvalence",
    "ndvalence",
    "nfvalence",
    "npunfill",
    "ndunfill",
    "nfunfill",
)
_UNKNOWN = -9999  # how the table writes that a value is not known


def composition_features(species: list[NDArray[np.uint8]]) -> Floats:
    """[n_crystals, n_features] from the atomic numbers of each crystal; NaN: unknown for all its elements."""
    counts = np.stack([np.bincount(atoms, minlength=119) for atoms in species])  # [n, 119]
    n_atoms = counts.sum(axis=1, keepdims=True)
    fractions = counts / n_atoms
    formula_unit = n_atoms / np.gcd.reduce(counts, axis=1, keepdims=True)
    table = _descriptor_table()  # [119, n_descriptors]
    present = fractions > 0
    statistics = []
    for values in table.T:  # [119]
        known = present & ~np.isnan(values)
        weight = np.where(known, fractions, 0)
        total = weight.sum(axis=1)
        total[total == 0] = np.nan
        filled = np.nan_to_num(values)
        mean = weight @ filled / total
        deviation = (weight * np.abs(filled - mean[:, None])).sum(axis=1) / total
        least = np.where(known, filled, np.inf).min(axis=1)
        greatest = np.where(known, filled, -np.inf).max(axis=1)
        statistics += [mean, deviation, least, greatest]
    extremes = np.column_stack(statistics)
    extremes[~np.isfinite(extremes)] = np.nan
    return np.hstack([fractions[:, 1:], present.sum(axis=1, keepdims=True), formula_unit, extremes])


def _descriptor_table() -> Floats:
    """[119, n_descriptors] by atomic number, NaN where unknown."""
    table = np.full((119, len(DESCRIPTORS)), np.nan)
    for element in chem_data.values():
        values = [_number(element.get(name)) for name in DESCRIPTORS]
        table[int(element["Z"])] = values
    return table


def _number(value: Any) -> float:
    try:
        number = float(value)  # the table holds some numbers as text
    except (TypeError, ValueError):
        return np.nan
    return np.nan if number == _UNKNOWN else number
