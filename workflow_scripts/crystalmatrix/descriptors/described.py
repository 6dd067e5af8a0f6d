"""What potentials say of atoms, as arrays.

In: one potential's results after another.  Out: Described; Description, of one potential and some crystals.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Described:
    """`n_atoms` atoms, all potentials of a view side by side; NaN where a potential does not describe the crystal."""

    features: NDArray[np.float16]  # [n_atoms, sum of the potentials' widths]
    site_energies: NDArray[np.float32]  # [n_atoms, n_potentials] eV


@dataclass(frozen=True)
class Description:
    """`n` crystals by one potential, in order."""

    n_atoms: NDArray[np.int64]  # [n]
    features: NDArray[np.float16]  # [n_atoms, width], NaN for the atoms of a crystal with a reason
    site_energy: NDArray[np.float32]  # [n_atoms] eV
    energy: NDArray[np.float64]  # [n] eV/atom
    reason: list[str | None]  # [n] why a crystal is not described

    def select(self, kept: NDArray[np.bool_]) -> "Description":
        """The crystals where `kept` [n]."""
        atoms = np.repeat(kept, self.n_atoms)
        reason = [why for why, keep in zip(self.reason, kept, strict=True) if keep]
        return Description(self.n_atoms[kept], self.features[atoms], self.site_energy[atoms], self.energy[kept], reason)


def beside(descriptions: list[Description]) -> Described:
    """The same crystals by several potentials."""
    return Described(
        features=np.concatenate([one.features for one in descriptions], axis=1),
        site_energies=np.stack([one.site_energy for one in descriptions], axis=1),
    )


def half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """As float16, relative error at most 2^-11; what is larger than it holds becomes its largest."""
    return np.clip(values, -LARGEST, LARGEST).astype(np.float16)
