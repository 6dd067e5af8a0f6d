"""What a composition alone says of a crystal, as numbers.

In: the atomic numbers of each crystal.  Out: [n_crystals, n_features]: the fraction of each element, the number of
elements, the atoms of the formula unit, and of each elemental descriptor the mean, the mean deviation, the least and
the greatest over the composition (Ward et al., npj Comput. Mater. 2, 16028 (2016)).
"""

from typing import Any

import numpy as np
from jarvis.core.specie import chem_data
from numpy.typing import NDArray

from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.elements import N_SPECIES

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
    pointer = np.concatenate([[0], np.cumsum([len(atoms) for atoms in species])])
    formulas = reduced_formulas(np.concatenate(species), pointer)  # [n, N_SPECIES]
    formula_unit = formulas.sum(axis=1, keepdims=True)
    fractions = formulas / formula_unit
    table = _descriptor_table()  # [N_SPECIES, n_descriptors]
    present = fractions > 0
    statistics = []
    for values in table.T:  # [N_SPECIES]
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
    """[N_SPECIES, n_descriptors] by atomic number, NaN where unknown."""
    table = np.full((N_SPECIES, len(DESCRIPTORS)), np.nan)
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
