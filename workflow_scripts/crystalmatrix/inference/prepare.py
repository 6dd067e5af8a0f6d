"""From checked structures to what a model takes; what no graph can be made of becomes a Failure.

In: Structures and Failures.  Out: chunks of them; Prepared, with the very graphs that shards would hold.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from ase.data import chemical_symbols
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.symmetry import find_symmetry, zero_by_symmetry
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.table import graph_table, graphs_from_table

ATOMS_AT_ONCE = 16_384  # in a chunk, whose graphs are in memory together

Item = Crystal | Failure


@dataclass(frozen=True)
class Prepared:
    """`n` crystals, in the order of `structures`."""

    structures: list[Crystal]  # [n]
    graphs: Graphs  # [n]
    zero: NDArray[np.bool_]  # [n] odd-rank tensors vanish by symmetry; all False where no one asked


def chunked(items: Iterable[Item], *, size: int) -> Iterator[list[Item]]:
    """Lists of at most `size` items, fewer where the crystals are large."""
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
    items: list[Item], *, settings: GraphConfig, elements: list[int], needs_symmetry: bool
) -> tuple[list[Item], Prepared | None]:
    """The items with every crystal that cannot be predicted turned into a Failure, and the rest prepared, or None.

    `elements` are the atomic numbers that the model was trained on: no other one is mapped to them.
    """
    items = [_of_known_elements(item, set(elements)) for item in items]
    try:
        graphs = _graphs(_structures(items), settings=settings)
    except DataError:  # one crystal without a graph makes the whole list fail: seldom, so each is tried alone only now
        items = [_of_possible_graph(item, settings=settings) for item in items]
        graphs = _graphs(_structures(items), settings=settings)
    structures = _structures(items)
    if not structures:
        return items, None
    zero = _zero_by_symmetry(structures) if needs_symmetry else np.zeros(len(structures), bool)
    return items, Prepared(structures, graphs, zero)


def _structures(items: list[Item]) -> list[Crystal]:
    return [item for item in items if isinstance(item, Crystal)]


def _of_known_elements(item: Item, known: set[int]) -> Item:
    if isinstance(item, Failure):
        return item
    unknown = set(item.species.tolist()) - known
    if not unknown:
        return item
    names = ", ".join(chemical_symbols[z] for z in sorted(unknown))
    return Failure(item.id, f"unknown element: the model was trained on no crystal with {names}")


def _of_possible_graph(item: Item, *, settings: GraphConfig) -> Item:
    if isinstance(item, Failure):
        return item
    try:
        _graphs([item], settings=settings)
    except DataError as error:
        return Failure(item.id, str(error).removeprefix(f"{item.id}: "))
    return item


def _graphs(structures: list[Crystal], *, settings: GraphConfig) -> Graphs:
    """Through the table of a shard, so that angles are rounded as in training. Raises DataError."""
    table = pa.table(
        {
            columns.JID: pa.array([structure.id for structure in structures], pa.string()),
            columns.SPECIES: pa.array([structure.species for structure in structures], pa.list_(pa.uint8())),
            columns.FRACTIONAL: pa.array(
                [structure.fractional.ravel() for structure in structures], pa.list_(pa.float64())
            ),
            columns.LATTICE: pa.array(
                [structure.lattice.ravel() for structure in structures], pa.list_(pa.float64(), 9)
            ),
        }
    )
    return graphs_from_table(graph_table(table, settings=settings))


def _zero_by_symmetry(structures: list[Crystal]) -> NDArray[np.bool_]:
    found = [find_symmetry(structure.lattice, structure.fractional, structure.species) for structure in structures]
    return zero_by_symmetry([one.has_inversion for one in found], [one.point_group for one in found])
