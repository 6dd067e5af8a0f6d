"""From checked crystals to what a model takes; what no graph can be made of becomes a Failure.

In: Crystals and Failures.  Out: chunks of them; Prepared, with the features of the very graphs that shards would hold.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.symmetry import find_symmetry, zero_by_symmetry
from crystalmatrix.descriptors.describe import describe
from crystalmatrix.descriptors.described import Description, beside
from crystalmatrix.descriptors.potential import Potential
from crystalmatrix.errors import DataError
from crystalmatrix.features.features import Features
from crystalmatrix.graphs.build import from_crystals
from crystalmatrix.graphs.ragged import Graphs

ATOMS_AT_ONCE = 16_384  # in a chunk, whose graphs are in memory together

UNKNOWN_ELEMENT = "unknown element"  # how the reason begins

Item = Crystal | Failure


@dataclass(frozen=True)
class Prepared:
    """`n` crystals that can be predicted, in order."""

    features: Features  # [n] what the networks see
    zero: NDArray[np.bool_]  # [n] odd-rank tensors vanish by symmetry; all False where no one asked

    def select(self, kept: NDArray[np.bool_]) -> "Prepared":
        """The crystals where `kept` [n]; nothing is copied."""
        return Prepared(self.features.select(np.flatnonzero(kept)), self.zero[kept])


def chunked(items: Iterable[Item], *, size: int) -> Iterator[list[Item]]:
    """Lists of at most `size` items, fewer where the crystals are large. Reads no item ahead of the list it gives."""
    chunk: list[Item] = []
    n_atoms = 0
    for item in items:
        chunk.append(item)
        n_atoms += len(item.species) if isinstance(item, Crystal) else 0
        if len(chunk) >= size or n_atoms >= ATOMS_AT_ONCE:
            yield chunk
            chunk, n_atoms = [], 0
    if chunk:
        yield chunk


def prepare(
    items: list[Item],
    *,
    view: View,
    needs_symmetry: bool,
    potentials: Mapping[str, Potential] = MappingProxyType({}),
    max_angles: int | None = None,
) -> tuple[list[Item], Prepared | None]:
    """The items with every crystal that has no graph turned into a Failure, and the rest prepared, or None.

    `potentials` are those whose descriptors the view holds, in its order; `max_angles`: see graph.max_angles.
    """
    settings = view.graph if max_angles is None else view.graph.model_copy(update={"max_angles": max_angles})
    try:
        graphs = _graphs(items, settings=settings)
    except DataError:  # one crystal without a graph makes the whole list fail: seldom, so each is tried alone only now
        items = [_of_possible_graph(item, settings=settings) for item in items]
        graphs = _graphs(items, settings=settings)
    if graphs is None:
        return items, None
    items, descriptions = _described(items, potentials)
    if len(_crystals(items)) < graphs.n_crystals:
        graphs = _graphs(items, settings=settings)
    if graphs is None:
        return items, None
    features = Features.of_graphs(graphs, view, beside(descriptions) if descriptions else None)
    zero = _zero_by_symmetry(_crystals(items)) if needs_symmetry else np.zeros(graphs.n_crystals, bool)
    return items, Prepared(features, zero)


def with_known_elements(items: list[Item], elements: list[int]) -> list[Item]:
    """Crystals with another element turned into Failures: `elements`, atomic numbers, are all that a model has seen."""
    known = set(elements)
    return [_of_known_elements(item, known) for item in items]


def refused(item: Item, reason: str) -> Failure:
    """A crystal that a model cannot take; what is a Failure already stays it."""
    return item if isinstance(item, Failure) else Failure(item.id, reason, item.notes)


def some(items: list[Item], prepared: Prepared | None, rows: NDArray[np.bool_]) -> tuple[list[Item], Prepared | None]:
    """Of the items [n], whose crystals are the prepared ones, those where `rows` [n]."""
    if rows.all():
        return items, prepared
    kept = rows[[isinstance(item, Crystal) for item in items]]
    chosen = prepared.select(kept) if prepared is not None and kept.any() else None
    return [item for item, wanted in zip(items, rows.tolist(), strict=True) if wanted], chosen


def _crystals(items: list[Item]) -> list[Crystal]:
    return [item for item in items if isinstance(item, Crystal)]


def _of_known_elements(item: Item, known: set[int]) -> Item:
    if isinstance(item, Failure):
        return item
    unknown = set(item.species.tolist()) - known
    if not unknown:
        return item
    names = ", ".join(chemical_symbols[z] for z in sorted(unknown))
    return Failure(item.id, f"{UNKNOWN_ELEMENT}: the model was trained on no crystal with {names}", item.notes)


def _of_possible_graph(item: Item, *, settings: GraphConfig) -> Item:
    if isinstance(item, Failure):
        return item
    try:
        from_crystals([item], settings=settings)
    except DataError as error:
        return Failure(item.id, str(error).removeprefix(f"{item.id}: "), item.notes)
    return item


def _graphs(items: list[Item], *, settings: GraphConfig) -> Graphs | None:
    """Of the crystals among the items; None if there are none. Raises DataError."""
    crystals = _crystals(items)
    return from_crystals(crystals, settings=settings) if crystals else None


def _described(items: list[Item], potentials: Mapping[str, Potential]) -> tuple[list[Item], list[Description]]:
    """What the potentials say of the crystals among the items; one that they cannot take becomes a Failure."""
    known: dict[str, Description] = {}
    for name, potential in potentials.items():
        known[name] = describe(_crystals(items), potential, width=POTENTIALS[name].width)
    reasons = [
        next((f"{name} cannot describe it: {why}" for name, why in zip(known, each, strict=True) if why), None)
        for each in zip(*(one.reason for one in known.values()), strict=True)
    ]
    if not any(reasons):
        return items, list(known.values())
    left = iter(reasons)
    failed = [
        Failure(item.id, why, item.notes) if isinstance(item, Crystal) and (why := next(left)) else item
        for item in items
    ]
    kept = np.array([reason is None for reason in reasons])
    return failed, [one.select(kept) for one in known.values()]


def _zero_by_symmetry(crystals: list[Crystal]) -> NDArray[np.bool_]:
    found = [find_symmetry(crystal.lattice, crystal.fractional, crystal.species) for crystal in crystals]
    return zero_by_symmetry([one.has_inversion for one in found], [one.point_group for one in found])
