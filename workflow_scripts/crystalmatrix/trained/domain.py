"""What a model has seen: its elements' neighbourhoods, so that a crystal unlike any of them can be told.

In: Features and folds.  Out: Domain, which the checkpoint carries; the novelty of crystals.

Novelty of an atom: the distance of its neighbourhood (graphs/neighbourhood.py) to the nearest one of the
same element in training. A crystal is as novel as its most novel atom, in units of what 95 % of the validation crystals
stay below: above 1 it is outside the domain, which 5 % of crystals like the training ones are too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crystalmatrix.contracts.features import NEIGHBOURHOOD
from crystalmatrix.features.features import Features
from crystalmatrix.graphs.ragged import running_sum

PER_ELEMENT = 64  # neighbourhoods that are kept; 2,000 move the limit by a tenth
INSIDE = 0.95  # share of the validation crystals that lies inside
ATOMS_AT_ONCE = 4096


@dataclass(frozen=True)
class Domain:
    """Neighbourhoods of the training fold, and how far is far."""

    species: NDArray[np.uint8]  # [n_references] atomic number, ascending
    neighbourhood: NDArray[np.float16]  # [n_references, WIDTH]
    limit: float

    def novelty(self, features: Features) -> NDArray[np.float64]:
        """[n_crystals]; above 1 outside the domain, infinite with an element that the training fold has not."""
        neighbourhood = features.gather(np.arange(features.n_crystals), NEIGHBOURHOOD)[NEIGHBOURHOOD]
        distance = self.distance(features.species, neighbourhood)  # [n_atoms]
        return np.maximum.reduceat(distance, features.atom_pointer[:-1]) / self.limit

    def distance(self, species: NDArray[np.uint8], neighbourhood: NDArray[np.float32]) -> NDArray[np.float64]:
        """[n_atoms] to the nearest neighbourhood of the same element; neighbourhood [n_atoms, WIDTH]."""
        distance = np.full(len(species), np.inf)
        for z in np.unique(species):
            known = self.neighbourhood[self.species == z].astype(np.float64)
            atoms = np.flatnonzero(species == z)
            for part in np.array_split(atoms, len(atoms) // ATOMS_AT_ONCE + 1):
                squared = ((neighbourhood[part, None, :] - known) ** 2).sum(axis=-1)  # [n_part, n_known]
                distance[part] = np.sqrt(squared.min(axis=1, initial=np.inf))
        return distance


def fit_domain(features: Features, *, train: NDArray[np.int64], validation: NDArray[np.int64]) -> Domain | None:
    """The domain of the crystals `train`; None without crystals `validation`, which say how far is far."""
    if not len(validation):
        return None
    random = np.random.default_rng(0)
    seen = features.select(train)
    of_element = [np.flatnonzero(seen.species == z) for z in np.unique(seen.species)]
    kept = np.concatenate([random.permutation(atoms)[:PER_ELEMENT] for atoms in of_element])
    neighbourhood = _neighbourhoods_of(seen, kept).astype(np.float16)
    domain = Domain(seen.species[kept], neighbourhood, limit=1.0)
    farthest = domain.novelty(features.select(validation))
    known = farthest[np.isfinite(farthest)]
    limit = float(np.quantile(known, INSIDE)) if len(known) else 0.0
    return Domain(domain.species, domain.neighbourhood, limit=limit or 1.0)


def _neighbourhoods_of(features: Features, atoms: NDArray[np.int64]) -> NDArray[np.float32]:
    """[len(atoms), WIDTH], reading no crystals but theirs."""
    crystal = np.searchsorted(features.atom_pointer, atoms, side="right") - 1
    some = np.unique(crystal)
    pointer = running_sum(features.n_atoms[some])
    at = pointer[np.searchsorted(some, crystal)] + atoms - features.atom_pointer[crystal]
    return features.gather(some, NEIGHBOURHOOD)[NEIGHBOURHOOD][at]


def domain_state(domain: Domain | None) -> dict[str, Any] | None:
    """For a checkpoint: tensors and a number."""
    if domain is None:
        return None
    return {
        "species": torch.from_numpy(domain.species),
        "neighbourhood": torch.from_numpy(domain.neighbourhood),
        "limit": domain.limit,
    }


def domain_from_state(state: dict[str, Any] | None) -> Domain | None:
    """The inverse of `domain_state`."""
    if state is None:
        return None
    return Domain(state["species"].numpy(), state["neighbourhood"].numpy(), limit=state["limit"])
