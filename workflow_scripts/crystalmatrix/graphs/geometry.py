"""Edge vectors and the cosines of the angles between them, for many crystals at once.

In: fractional coordinates, lattices and edges (neighbour, image) as flat arrays.  Out: Å vectors and cosines, float32.

Positions are differenced in float64 and each edge vector is rounded once to float32 (at most 3e-7 Å off at 5 Å).
Cosines are float32 functions of these float32 vectors, rounded to multiples of 1 / COSINE_SCALE: at most 1.6e-5 off,
which is 0.001 degrees at 90 and up to 0.32 at 0 and 180. So who has the edges or the stored integers has the same bits.
"""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts.columns import COSINE_SCALE
from crystalmatrix.graphs.compiled import compiled


def edge_vectors(
    atom_pointer: NDArray[np.int64],  # [n_crystals + 1]
    fractional: NDArray[np.float64],  # [n_atoms, 3]
    lattice: NDArray[np.float64],  # [n_crystals, 3, 3] rows a, b, c in Å
    edge_pointer: NDArray[np.int64],  # [n_atoms + 1]
    neighbour: NDArray[np.uint16],  # [n_edges]
    offset: NDArray[np.int8],  # [3, n_edges]
) -> NDArray[np.float32]:
    """x_j + offset - x_i of every edge: [n_edges, 3] Å."""
    vector = np.empty((len(neighbour), 3), np.float32)
    _fill_vectors(atom_pointer, fractional, lattice, edge_pointer, neighbour, offset, vector)
    return vector


@compiled
def _fill_vectors(atom_pointer, fractional, lattice, edge_pointer, neighbour, offset, vector):
    for crystal in range(len(lattice)):
        first_atom, cell = atom_pointer[crystal], lattice[crystal]
        for i in range(first_atom, atom_pointer[crystal + 1]):
            for e in range(edge_pointer[i], edge_pointer[i + 1]):
                j = first_atom + neighbour[e]
                a = fractional[j, 0] - fractional[i, 0] + offset[0, e]
                b = fractional[j, 1] - fractional[i, 1] + offset[1, e]
                c = fractional[j, 2] - fractional[i, 2] + offset[2, e]
                for axis in range(3):
                    vector[e, axis] = a * cell[0, axis] + b * cell[1, axis] + c * cell[2, axis]


@compiled
def length(vector):
    """Å, of one edge vector [3], in float64."""
    x, y, z = np.float64(vector[0]), np.float64(vector[1]), np.float64(vector[2])
    return np.sqrt(x * x + y * y + z * z)


def angle_pointer(n_angle_edges: NDArray[np.integer]) -> NDArray[np.int64]:
    """[n_atoms + 1] where each atom's angles start: k (k - 1) / 2 unordered pairs of its k angle edges."""
    k = n_angle_edges.astype(np.int64)
    pointer = np.zeros(len(k) + 1, np.int64)
    np.cumsum(k * (k - 1) // 2, out=pointer[1:])
    return pointer


def angle_cosines(
    edge_vector: NDArray[np.float32],  # [n_edges, 3]
    edge_pointer: NDArray[np.int64],  # [n_atoms + 1]
    n_angle_edges: NDArray[np.integer],  # [n_atoms]
    *,
    n_angles: int,
) -> NDArray[np.float32]:
    """[n_angles] cosines of the pairs (0,1), (0,2) ... (1,2) ... of the first n_angle_edges edges of every atom."""
    cosine = np.empty(n_angles, np.float32)
    unit = np.empty((3, n_angle_edges.max(initial=0)), np.float32)
    _fill_cosines(edge_vector, edge_pointer, n_angle_edges, unit, cosine)
    return cosine


@compiled
def _fill_cosines(edge_vector, edge_pointer, n_angle_edges, unit, cosine):
    # `unit` holds the unit vectors of one centre; a row of pairs then reads and writes contiguously, as vectors
    one, scale, first = np.float32(1), np.float32(COSINE_SCALE), 0
    for i in range(len(n_angle_edges)):
        n = n_angle_edges[i]
        for k in range(n):
            e = edge_pointer[i] + k
            x, y, z = edge_vector[e, 0], edge_vector[e, 1], edge_vector[e, 2]
            inverse = one / np.sqrt(x * x + y * y + z * z)
            unit[0, k], unit[1, k], unit[2, k] = x * inverse, y * inverse, z * inverse
        for k in range(n - 1):
            x, y, z = unit[0, k], unit[1, k], unit[2, k]
            xs, ys, zs = unit[0, k + 1 : n], unit[1, k + 1 : n], unit[2, k + 1 : n]
            row = cosine[first : first + n - 1 - k]
            for m in range(len(row)):
                exact = max(-one, min(one, x * xs[m] + y * ys[m] + z * zs[m]))
                row[m] = np.rint(exact * scale) / scale
            first += len(row)
