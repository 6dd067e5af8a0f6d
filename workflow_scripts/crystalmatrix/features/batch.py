"""What a model sees: a batch of crystals in dense rows of neighbours.

Every atom has the same number K of neighbour slots, so sums over neighbours are matrix products and shapes are regular.
An empty slot holds the atom itself at a distance of its envelope radius, where the envelope is exactly zero: no mask.

In: tensors on one device (features/dataset.py).  Out: Batch.
"""

from typing import NamedTuple

from torch import Tensor

from crystalmatrix.elements import N_SPECIES as N_SPECIES


class Batch(NamedTuple):
    """`n_atoms` atoms of `n_crystals` crystals with K neighbour slots each."""

    species: Tensor  # [n_atoms] int64, atomic number Z
    neighbour: Tensor  # [n_atoms, K] int64, atom j of each slot, counted within the batch
    vector: Tensor  # [n_atoms, K, 3] Å, from the centre to its neighbour
    envelope_radius: Tensor  # [n_atoms] Å, the distance at which a neighbour's weight is zero
    angular: Tensor  # [n_atoms, K, n_angular] fingerprint of the precomputed 3-body angles of each edge
    descriptors: Tensor  # [n_atoms, n_descriptors] see contracts/descriptors.n_descriptors; NaN: not described
    crystal: Tensor  # [n_atoms] int64, crystal of each atom
    n_crystals: int
