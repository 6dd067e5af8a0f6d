"""The graphs of many crystals as flat arrays with pointers: what shards are read into and everything else works on.

Edge direction, stated once: edge e of centre atom i points from i to its neighbour j,
`edge_vector[e] = x_j + offset - x_i`, and carries information from j to i. Edges are sorted by centre, then by distance
(then by j and offset, so that the order is a function of the crystal alone).

Angles: for each centre, the unordered pairs (0,1), (0,2) ... (0,k-1), (1,2) ... of its first k = `n_angle_edges` edges,
which are those within the 3-body cutoff. The order is implied, so no index of a pair is stored.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.graphs.compiled import compiled
from crystalmatrix.graphs.geometry import angle_cosines, angle_pointer


@dataclass(frozen=True)
class Graphs:
    """Graphs of `n_crystals` crystals; atom, edge and angle arrays are concatenated over crystals."""

    jid: NDArray[np.str_]  # [n_crystals]
    atom_pointer: NDArray[np.int64]  # [n_crystals + 1] atoms of crystal c: atom_pointer[c]:atom_pointer[c + 1]
    species: NDArray[np.uint8]  # [n_atoms] atomic number Z
    edge_pointer: NDArray[np.int64]  # [n_atoms + 1] edges of atom a: edge_pointer[a]:edge_pointer[a + 1]
    neighbour: NDArray[np.int32]  # [n_edges] atom j, counted within its own crystal
    edge_vector: NDArray[np.float32]  # [n_edges, 3] Å
    n_angle_edges: NDArray[np.int32]  # [n_atoms] the first so many edges of an atom form its angles
    angle_pointer: NDArray[np.int64]  # [n_atoms + 1]
    cosine: NDArray[np.float32]  # [n_angles] a multiple of 1 / COSINE_SCALE, see geometry.py

    @property
    def n_crystals(self) -> int:
        return len(self.jid)

    def select(self, index: NDArray[np.integer]) -> Self:
        """The crystals at `index` [n], in that order; a crystal may be taken more than once."""
        atoms = self.atom_pointer[index], self.atom_pointer[index + 1]  # [n] first and end of each crystal's atoms
        edges = self.edge_pointer[atoms[0]], self.edge_pointer[atoms[1]]
        angles = self.angle_pointer[atoms[0]], self.angle_pointer[atoms[1]]
        return type(self)(
            jid=self.jid[index],
            atom_pointer=running_sum(atoms[1] - atoms[0]),
            species=_take(self.species, *atoms),
            edge_pointer=running_sum(_take(np.diff(self.edge_pointer), *atoms)),
            neighbour=_take(self.neighbour, *edges),
            edge_vector=_take(self.edge_vector, *edges),
            n_angle_edges=_take(self.n_angle_edges, *atoms),
            angle_pointer=running_sum(_take(np.diff(self.angle_pointer), *atoms)),
            cosine=_take(self.cosine, *angles),
        )


def from_edges(
    *,
    jid: NDArray[np.str_],
    atom_pointer: NDArray[np.int64],
    species: NDArray[np.uint8],
    edge_pointer: NDArray[np.int64],
    neighbour: NDArray[np.int32],
    edge_vector: NDArray[np.float32],
    n_angle_edges: NDArray[np.int32],
    cosine: NDArray[np.float32] | None = None,
) -> Graphs:
    """Graphs of these edges; the fields are those of Graphs. Angles are computed unless `cosine` is given."""
    pointer = angle_pointer(n_angle_edges)
    if cosine is None:
        cosine = angle_cosines(edge_vector, edge_pointer, n_angle_edges, n_angles=pointer[-1])
    return Graphs(
        jid=jid,
        atom_pointer=atom_pointer,
        species=species,
        edge_pointer=edge_pointer,
        neighbour=neighbour,
        edge_vector=edge_vector,
        n_angle_edges=n_angle_edges,
        angle_pointer=pointer,
        cosine=cosine,
    )


def running_sum(count: NDArray[np.integer]) -> NDArray[np.int64]:
    """[n + 1] running sum of `count` [n], from zero."""
    pointer = np.zeros(len(count) + 1, np.int64)
    np.cumsum(count, out=pointer[1:])
    return pointer


def _take(values: NDArray, first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray:
    """The rows first[k]:end[k] of `values`, for all k, one after the other."""
    pointer = running_sum(end - first)
    out = np.empty((pointer[-1], *values.shape[1:]), values.dtype)
    width = values.itemsize * int(np.prod(values.shape[1:]))  # bytes of a row; one compiled copy serves all dtypes
    raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    _copy(raw, first * width, pointer * width, out.reshape(-1).view(np.uint8))
    return out


@compiled
def _copy(source, first, pointer, out):
    for k in range(len(first)):
        out[pointer[k] : pointer[k + 1]] = source[first[k] : first[k] + pointer[k + 1] - pointer[k]]
