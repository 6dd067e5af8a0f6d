"""The features of many crystals, whatever blocks they lie in: mapped files of the stage, or graphs in memory.

In: blocks.  Out: Features: ids, sizes and species of its crystals at hand, everything larger gathered for some of them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts.features import Item, layout
from crystalmatrix.contracts.view import View
from crystalmatrix.descriptors.described import Described
from crystalmatrix.features.blocks import Block, MemoryBlock, array_of
from crystalmatrix.graphs.ragged import Graphs, running_sum


class Blocks(Protocol):
    """A list of blocks; to index it is to use the block, to iterate only to look at the sizes of its crystals."""

    def __getitem__(self, index: int, /) -> Block: ...

    def __iter__(self) -> Iterator[Block]: ...


@dataclass(frozen=True)
class Features:
    """`n_crystals` crystals in an order of their own: those of the blocks, or a selection of them."""

    view: View
    n_slots: int  # neighbours K of an atom
    blocks: Blocks
    limit: int | None  # bytes of the blocks that are held at a time; None: they are in memory anyway
    block: NDArray[np.int64]  # [n_crystals] that holds the crystal
    first: NDArray[np.int64]  # [n_crystals] where its atoms start there
    n_atoms: NDArray[np.int64]  # [n_crystals]
    jid: NDArray[np.str_]  # [n_crystals]

    @classmethod
    def of_blocks(cls, view: View, n_slots: int, blocks: Blocks, *, limit: int | None = None) -> Self:
        """All crystals of the blocks, at least one, in order."""
        dense = [block.dense for block in blocks]
        return cls(
            view,
            n_slots,
            blocks,
            limit,
            block=np.repeat(np.arange(len(dense)), [len(part.jid) for part in dense]),
            first=np.concatenate([part.atom_pointer[:-1] for part in dense]),
            n_atoms=np.concatenate([np.diff(part.atom_pointer) for part in dense]),
            jid=np.concatenate([part.jid for part in dense]),
        )

    @classmethod
    def of_graphs(cls, graphs: Graphs, view: View, described: Described | None = None) -> Self:
        """Made in memory, one block; `described` where the view has descriptors."""
        block = MemoryBlock(graphs, view, described)
        return cls.of_blocks(view, block.dense.neighbour.shape[1], [block])

    @property
    def n_crystals(self) -> int:
        return len(self.jid)

    @cached_property
    def atom_pointer(self) -> NDArray[np.int64]:
        """[n_crystals + 1] atoms of crystal c in arrays of all of them: atom_pointer[c]:atom_pointer[c + 1]."""
        return running_sum(self.n_atoms)

    @cached_property
    def species(self) -> NDArray[np.uint8]:
        """[n_atoms] atomic number Z."""
        known = [block.dense.species for block in self.blocks]  # a look, no use: a byte an atom
        places = zip(self.block.tolist(), self.first.tolist(), self.n_atoms.tolist(), strict=True)
        return np.concatenate([known[b][first : first + n] for b, first, n in places])

    @property
    def items(self) -> dict[str, Item]:
        """What is known of every atom."""
        return layout(self.view, n_slots=self.n_slots)

    @property
    def bytes_per_atom(self) -> int:
        return sum(item.n_bytes for item in self.items.values())

    @property
    def window_atoms(self) -> int | None:
        """So many atoms can be held at a time; None: all of them."""
        return None if self.limit is None else self.limit // self.bytes_per_atom

    def select(self, index: NDArray[np.integer]) -> Self:
        """The crystals at `index` [n], in that order; nothing is copied but what is of a crystal."""
        return type(self)(
            self.view,
            self.n_slots,
            self.blocks,
            self.limit,
            block=self.block[index],
            first=self.first[index],
            n_atoms=self.n_atoms[index],
            jid=self.jid[index],
        )

    def gather(self, crystals: NDArray[np.int64], *names: str) -> dict[str, NDArray]:
        """{name: [n, ...]} of the atoms of some crystals, one crystal after the other; `names` of `items`."""
        n_atoms, items = int(self.n_atoms[crystals].sum()), self.items
        out = {name: items[name].empty(n_atoms) for name in names}
        self.gather_into(crystals, out)
        return out

    def gather_into(self, crystals: NDArray[np.int64], out: Mapping[str, NDArray]) -> None:
        """The same, into given arrays."""
        pointer = running_sum(self.n_atoms[crystals]).tolist()
        places = (self.block[crystals].tolist(), self.first[crystals].tolist(), pointer[:-1], pointer[1:])
        for b, first, start, end in zip(*places, strict=True):
            block = self.blocks[b]
            for name, values in out.items():
                values[start:end] = array_of(block, name)[first : first + end - start]

    def keys(self, crystals: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number for each crystal that depends on its id and its atoms: how a checkpoint knows what it has seen."""
        pointer, species = self.atom_pointer, self.species
        return np.array([crystal_key(self.jid[c], species[pointer[c] : pointer[c + 1]]) for c in crystals], np.int64)


def crystal_key(jid: str, species: NDArray[np.uint8]) -> int:
    """A number that depends on the id and the atoms of a crystal, in any order."""
    digest = hashlib.blake2b(jid.encode() + np.sort(species).tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
