"""Columns of results/features/{view}/shard-{k}.arrow, Arrow IPC: a row per crystal, and in its lists an item per atom.

In: the sizes of a view.  Out: dtype and shape of every array, the schema, FeaturesMetadata. The values of a column lie
one after the other in the file, so that a reader maps them as one array [n_atoms, ...] per block (an Arrow record
batch).
"""

from collections.abc import Mapping
from math import prod
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.contracts.columns import FEATURES_VERSION, GRAPHS_VERSION, JID, NEIGHBOUR, SPECIES
from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.view import View

VECTOR = "vector"
ENVELOPE_RADIUS = "envelope_radius"
ANGULAR = "angular"
DESCRIPTORS = "descriptors"
SITE_ENERGIES = "site_energies"
NEIGHBOURHOOD = "neighbourhood"
NEIGHBOURHOOD_WIDTH = 16  # of graphs/neighbourhood.py

# What a batch is gathered from; the last two only in a view with descriptors.
OF_POTENTIALS = (DESCRIPTORS, SITE_ENERGIES)
SEEN_BY_NETWORKS = (SPECIES, NEIGHBOUR, VECTOR, ENVELOPE_RADIUS, ANGULAR, *OF_POTENTIALS)
CHECKSUM = b"crc32"  # key of a block's metadata: zlib.crc32 of its arrays, one after the other in their order here
ROWS_CHECKSUM = b"crc32.rows"  # the same of its ids and of where the atoms of each crystal start


class Item(NamedTuple):
    """What an array holds of every atom."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        return self.dtype.itemsize * prod(self.shape)

    def empty(self, n_atoms: int) -> NDArray:
        """[n_atoms, ...] of any content."""
        return np.empty((n_atoms, *self.shape), self.dtype)


class FeaturesMetadata(Document):
    """What a file says of itself."""

    VERSION: ClassVar[int] = FEATURES_VERSION

    view: View
    n_slots: int  # neighbours K of an atom: the view's, or as many as occur
    shard: int
    n_shards: int
    records_digest: str  # see RecordsMetadata
    shard_sha256: str  # of the shard that it was made from
    descriptors_sha256: tuple[str, ...] = ()  # of the descriptor shards, one for each potential of the view

    @property
    def items(self) -> dict[str, Item]:
        """What the file holds of every atom."""
        return layout(self.view, n_slots=self.n_slots)


class MostNeighbours(Document):
    """results/graphs/most_neighbours.json: how many slots a view needs that takes all neighbours."""

    VERSION: ClassVar[int] = GRAPHS_VERSION

    of_an_atom: int  # in any of the shards, at least 1


class ListedShard(Part):
    """One file of a view."""

    name: str  # shard-0.arrow
    seal: str  # of its content, see seal.py: another content is another list


class ViewShards(Document):
    """results/features/{view}/shards.json: one file that stands for all of a view, so that a plan of many models and
    many shards grows with their sum, not with their product."""

    VERSION: ClassVar[int] = FEATURES_VERSION

    shards: tuple[ListedShard, ...]


def layout(view: View, *, n_slots: int) -> dict[str, Item]:
    """What is known of an atom of a view with K = `n_slots` neighbours, in the order of the file."""
    items = {
        SPECIES: Item(np.dtype(np.uint8), ()),  # atomic number Z
        NEIGHBOUR: Item(np.dtype(np.int16), (n_slots,)),  # atom j, counted within its crystal
        VECTOR: Item(np.dtype(np.float32), (n_slots, 3)),  # Å, from the centre to its neighbour
        ENVELOPE_RADIUS: Item(np.dtype(np.float32), ()),  # Å
        ANGULAR: Item(np.dtype(np.float16), (n_slots, view.n_angular)),
    }
    if view.descriptors:
        width = sum(POTENTIALS[name].width for name in view.descriptors)
        items[DESCRIPTORS] = Item(np.dtype(np.float16), (width,))  # of all potentials; NaN: not described
        items[SITE_ENERGIES] = Item(np.dtype(np.float32), (len(view.descriptors),))  # eV
    return items | {NEIGHBOURHOOD: Item(np.dtype(np.float32), (NEIGHBOURHOOD_WIDTH,))}  # for trained/domain.py


def features_schema(items: Mapping[str, Item]) -> pa.Schema:
    """A row per crystal: its id, and a list of `items[name]` for its atoms in every other column."""
    per_atom = [
        pa.field(name, pa.list_(pa.field("atom", _arrow(item), nullable=False)), nullable=False)
        for name, item in items.items()
    ]
    return pa.schema([pa.field(JID, pa.string(), nullable=False), *per_atom])


def _arrow(item: Item) -> pa.DataType:
    number = pa.from_numpy_dtype(item.dtype)
    return pa.list_(pa.field("number", number, nullable=False), prod(item.shape)) if item.shape else number
