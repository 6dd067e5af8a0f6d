"""Blocks of consecutive crystals, in memory or mapped from a file: where everything about their atoms is read from.

In: Graphs and a View, or an Arrow record batch.  Out: Block. Both kinds hold the same arrays, bit for bit.
"""

import zlib
from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.contracts.columns import JID, SPECIES
from crystalmatrix.contracts.features import DESCRIPTORS, NEIGHBOURHOOD, OF_POTENTIALS, SITE_ENERGIES, Item
from crystalmatrix.contracts.view import View
from crystalmatrix.descriptors.described import Described
from crystalmatrix.features.dense import DenseGraphs, densify
from crystalmatrix.graphs.arrow import to_arrow, to_numpy
from crystalmatrix.graphs.neighbourhood import neighbourhoods
from crystalmatrix.graphs.ragged import Graphs


class Block(Protocol):
    """What networks see of some crystals, and the neighbourhoods of their atoms for trained/domain.py."""

    @property
    def dense(self) -> DenseGraphs: ...

    @property
    def neighbourhood(self) -> NDArray[np.float32]:
        """[n_atoms, NEIGHBOURHOOD_WIDTH], see graphs/neighbourhood.py."""

    @property
    def described(self) -> Described | None:
        """What the view's potentials say of the atoms; None in a view without."""


class MemoryBlock:
    """Made here and now from graphs, and what potentials say of their atoms."""

    def __init__(self, graphs: Graphs, view: View, described: Described | None = None) -> None:
        self._graphs = graphs
        self.dense = densify(graphs, graph=view.graph, model=view)
        self.described = described

    @cached_property
    def neighbourhood(self) -> NDArray[np.float32]:
        return neighbourhoods(self._graphs)


class MappedBlock:
    """The arrays of a record batch, where they lie: nothing is read before it is used."""

    def __init__(self, batch: pa.RecordBatch, items: Mapping[str, Item]) -> None:
        pointer = to_numpy(batch.column(SPECIES).offsets).astype(np.int64)
        arrays = {name: _numbers(batch.column(name)).reshape(pointer[-1], *item.shape) for name, item in items.items()}
        self.neighbourhood: NDArray[np.float32] = arrays.pop(NEIGHBOURHOOD)
        of_potentials = {name: arrays.pop(name) for name in OF_POTENTIALS if name in arrays}
        self.described = (
            Described(features=of_potentials[DESCRIPTORS], site_energies=of_potentials[SITE_ENERGIES])
            if of_potentials
            else None
        )
        self.dense = DenseGraphs(
            jid=np.array(batch.column(JID).to_pylist(), dtype=np.str_),
            atom_pointer=pointer,
            **arrays,
        )


def record_batch(block: Block, schema: pa.Schema) -> pa.RecordBatch:
    """The rows that MappedBlock is made from."""
    offsets = to_arrow(block.dense.atom_pointer.astype(np.int32))
    columns = [pa.array(block.dense.jid.tolist(), pa.string())]
    for name in names_of(block):
        kind = schema.field(name).type
        columns.append(pa.ListArray.from_arrays(offsets, _items(array_of(block, name), kind.value_type), type=kind))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def names_of(block: Block) -> list[str]:
    """What the block knows of every atom, in the order of contracts/features.layout."""
    dense = [field.name for field in fields(DenseGraphs)][2:]  # without jid and atom_pointer
    return [*dense, *(OF_POTENTIALS if block.described else ()), NEIGHBOURHOOD]


def array_of(block: Block, name: str) -> NDArray:
    """One of `names_of`, [n_atoms, ...]."""
    if name == NEIGHBOURHOOD:
        return block.neighbourhood
    if block.described and name in OF_POTENTIALS:
        return block.described.features if name == DESCRIPTORS else block.described.site_energies
    return getattr(block.dense, name)


def n_bytes(block: Block) -> int:
    """Size of the arrays."""
    return sum(array_of(block, name).nbytes for name in names_of(block))


def checksum(block: Block) -> int:
    """Of all numbers of the block; reads 2.5 GB/s."""
    total = 0
    for name in names_of(block):
        total = zlib.crc32(np.ascontiguousarray(array_of(block, name)).reshape(-1).view(np.uint8).data, total)
    return total


def _items(values: NDArray, kind: pa.DataType) -> pa.Array:
    """[n_atoms, ...] as an arrow array of n_atoms items."""
    numbers = to_arrow(np.ascontiguousarray(values))
    if not pa.types.is_fixed_size_list(kind):
        return numbers
    return pa.Array.from_buffers(kind, len(values), [None], children=[numbers])


def _numbers(column: pa.ListArray) -> NDArray:
    """The numbers of all atoms, as they lie in the file."""
    items = column.values
    return to_numpy(items.values if pa.types.is_fixed_size_list(items.type) else items)
