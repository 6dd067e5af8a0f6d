"""The graphs of many crystals as flat arrays with pointers: what shards are read into and everything else works on.

Edge direction, stated once: edge e of centre atom i points from i to its neighbour j,
`edge_vector[e] = x_j + offset - x_i`, and carries information from j to i. Edges are sorted by centre, then by distance
(then by j and offset, so that the order is a function of the crystal alone).

Angles: for each centre, the unordered pairs (0,1), (0,2) ... (0,k-1), (1,2) ... of its first k = `n_angle_edges` edges,
which are those within the 3-body cutoff. The order is implied, so no index of a pair is stored.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    cosine: NDArray[np.float32]  # [n_angles]

    @property
    def n_crystals(self) -> int:
        return len(self.jid)
