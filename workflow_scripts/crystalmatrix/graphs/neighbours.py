"""Periodic neighbours: the definition of an edge, and the one search that applies it.

In: the geometry of many crystals as flat arrays.  Out: Edges, sorted by centre, then distance, j and image.

Definition. Distances are compared as whole multiples q of 1e-6 Å (rounded), so that atoms of one ideal shell are equal.
- Atom j in image n is a neighbour of centre i when q(distance) <= q(cutoff) + 1. The one step past the cutoff takes
  whole the ideal shells that lie exactly on it: fcc with a = cutoff has 18 neighbours, not 12.
- An atom with fewer than `min_neighbours` inside gets its `min_neighbours` nearest ones instead, whatever their
  distance, and the rest of the last one's shell.
- With `max_neighbours`, an atom keeps its `max_neighbours` nearest ones and the rest of the last one's shell, even if
  `min_neighbours` is larger.
- What a shell is, shells.py says; no cap breaks a crystal's symmetry.
- Angle edges are those with q(distance) <= q(three_body_cutoff) + 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig
from crystalmatrix.graphs.compiled import compiled
from crystalmatrix.graphs.edge_key import (
    MAX_ATOMS,
    MAX_IMAGE,
    MAX_RADIUS,
    pack,
    steps,
    steps_of,
    unpack,
)
from crystalmatrix.graphs.shells import shell_end

GROWTH = 1.3  # of the search radius, until `min_neighbours` are inside
MARGIN = 1e-5  # Å, by which a box around the sphere is wider: the step past the cutoff, and what rounding could lose


@dataclass(frozen=True)
class Edges:
    """The neighbours of every atom of many crystals; edges are concatenated over atoms."""

    edge_pointer: NDArray[np.int64]  # [n_atoms + 1]
    neighbour: NDArray[np.uint16]  # [n_edges] atom j, counted within its own crystal
    offset: NDArray[np.int8]  # [3, n_edges] image of j, in lattice vectors
    n_angle_edges: NDArray[np.int32]  # [n_atoms] the first so many edges of an atom lie within the 3-body cutoff
    failed: int  # first crystal with an atom without `min_neighbours` inside MAX_RADIUS and MAX_IMAGE; -1: none


def find(
    atom_pointer: NDArray[np.int64],  # [n_crystals + 1]
    fractional: NDArray[np.float64],  # [n_atoms, 3] in [0, 1)
    lattice: NDArray[np.float64],  # [n_crystals, 3, 3] rows a, b, c in Å
    *,
    settings: GraphConfig,
) -> Edges:
    """Neighbours of all atoms, in time proportional to their number; crystals do not depend on each other."""
    spacing = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=1)  # [n_crystals, 3] Å between lattice planes
    # [n_crystals, 3] a grid no finer than the cutoff, nor than one bin an axis for 8 atoms: cells are mostly small
    n_bins = np.clip(spacing // settings.cutoff, 1, 1 + np.diff(atom_pointer)[:, None] // 8).astype(np.int64)
    most = settings.max_neighbours or MAX_ATOMS
    key, edge_pointer, n_angle_edges, failed = _search(
        atom_pointer,
        fractional,
        lattice,
        spacing,
        n_bins,
        settings.cutoff,
        settings.three_body_cutoff,
        min(settings.min_neighbours, most),
        most,
    )
    return Edges(edge_pointer, *unpack(key), n_angle_edges, int(failed))


# The compiled part keeps to loops and scalars: each numpy function used there adds up to three seconds of compilation.


@compiled
def _search(atom_pointer, fractional, lattice, spacing, n_bins, cutoff, three_body_cutoff, fewest, most):
    n_atoms = atom_pointer[-1]
    key = np.empty(64 * n_atoms + 1024, np.int64)  # grows as needed
    edge_pointer = np.zeros(n_atoms + 1, np.int64)
    n_angle_edges = np.empty(n_atoms, np.int32)
    for crystal in range(len(lattice)):
        first_atom, end_atom = atom_pointer[crystal], atom_pointer[crystal + 1]
        position, cell = fractional[first_atom:end_atom], lattice[crystal]
        bins = n_bins[crystal]
        member, start = _sort_into_bins(position, bins)
        for i in range(end_atom - first_atom):
            first = edge_pointer[first_atom + i]
            radius, limit = cutoff, most
            while True:
                key, end = _within(key, first, i, radius, position, cell, spacing[crystal], bins, member, start)
                if end < 0:
                    return key[:first], edge_pointer, n_angle_edges, crystal
                if end - first >= fewest:
                    key[first:end].sort()
                    whole_shell = shell_end(steps_of(key[first + fewest - 1])) <= steps(radius)
                    if radius == cutoff or whole_shell:
                        break
                radius, limit = radius * GROWTH, fewest
            end = _past_shell(key, first, end, limit)
            edge_pointer[first_atom + i + 1] = end
            n_angle_edges[first_atom + i] = _count_within(key, first, end, three_body_cutoff)
    return key[: edge_pointer[-1]], edge_pointer, n_angle_edges, -1


@compiled
def _within(key, end, i, radius, position, cell, spacing, n_bins, member, start):
    """Append the neighbours of atom i within `radius` to `key` (or a larger copy): (key, end); end -1: too far."""
    # no neighbour is further away than this along a, b and c, in lattice vectors
    outer = radius + MARGIN
    reach = (outer / spacing[0], outer / spacing[1], outer / spacing[2])
    if radius > MAX_RADIUS or max(reach) > MAX_IMAGE - 1:
        return key, -1
    low_a, n_a = _bins_within(position[i, 0], reach[0], n_bins[0])
    low_b, n_b = _bins_within(position[i, 1], reach[1], n_bins[1])
    low_c, n_c = _bins_within(position[i, 2], reach[2], n_bins[2])
    for a in range(low_a, low_a + n_a):
        for b in range(low_b, low_b + n_b):
            for c in range(low_c, low_c + n_c):
                index = (a % n_bins[0] * n_bins[1] + b % n_bins[1]) * n_bins[2] + c % n_bins[2]
                for slot in range(start[index], start[index + 1]):
                    key, end = _append_images(key, end, i, member[slot], radius, reach, position, cell)
    return key, end


@compiled
def _append_images(key, end, i, j, radius, reach, position, cell):
    """Append the images of atom j within `radius` of atom i to `key` (or a larger copy): (key, end)."""
    # as a difference of coordinates plus an integer, the edge j -> i has exactly the length of i -> j
    da, db, dc = position[j, 0] - position[i, 0], position[j, 1] - position[i, 1], position[j, 2] - position[i, 2]
    low_a, high_a = np.int64(np.ceil(-reach[0] - da)), np.int64(np.floor(reach[0] - da))
    low_b, high_b = np.int64(np.ceil(-reach[1] - db)), np.int64(np.floor(reach[1] - db))
    low_c, high_c = np.int64(np.ceil(-reach[2] - dc)), np.int64(np.floor(reach[2] - dc))
    if low_a > high_a or low_b > high_b or low_c > high_c:
        return key, end
    room = end + (high_a - low_a + 1) * (high_b - low_b + 1) * (high_c - low_c + 1)
    if room > len(key):
        larger = np.empty(2 * room, np.int64)
        for e in range(end):
            larger[e] = key[e]
        key = larger
    farthest = steps(radius) + 1
    farthest_squared = (radius + MARGIN) ** 2
    for na in range(low_a, high_a + 1):
        for nb in range(low_b, high_b + 1):
            xab = (da + na) * cell[0, 0] + (db + nb) * cell[1, 0]
            yab = (da + na) * cell[0, 1] + (db + nb) * cell[1, 1]
            zab = (da + na) * cell[0, 2] + (db + nb) * cell[1, 2]
            for nc in range(low_c, high_c + 1):
                x, y, z = xab + (dc + nc) * cell[2, 0], yab + (dc + nc) * cell[2, 1], zab + (dc + nc) * cell[2, 2]
                squared = x * x + y * y + z * z
                if squared > farthest_squared or (i == j and na == 0 and nb == 0 and nc == 0):
                    continue
                q = steps(np.sqrt(squared))
                key[end] = pack(q, j, na, nb, nc)
                end += q <= farthest
    return key, end


@compiled
def _past_shell(key, first, end, n):
    """Where the shell of the n-th of the sorted edges first:end ends."""
    if end - first <= n:
        return end
    last = shell_end(steps_of(key[first + n - 1]))
    past = first + n
    while past < end and steps_of(key[past]) <= last:
        past += 1
    return past


@compiled
def _count_within(key, first, end, radius):
    """How many of the sorted edges first:end are at most `radius` long."""
    past, farthest = first, steps(radius) + 1
    while past < end and steps_of(key[past]) <= farthest:
        past += 1
    return past - first


@compiled
def _sort_into_bins(position, n_bins):
    """Group atoms by bin: (member [n_atoms], start [n_bins + 1]); bin b holds member[start[b] : start[b + 1]]."""
    bin_of = np.zeros(len(position), np.int64)
    start = np.zeros(n_bins[0] * n_bins[1] * n_bins[2] + 1, np.int64)
    for i in range(len(position)):
        for axis in range(3):
            bin_of[i] = bin_of[i] * n_bins[axis] + np.int64(position[i, axis] * n_bins[axis])
        start[bin_of[i]] += 1
    for index in range(1, len(start)):
        start[index] += start[index - 1]
    member = np.empty(len(position), np.int64)
    for i in range(len(position) - 1, -1, -1):  # start is each bin's end here, and moves to its first member
        start[bin_of[i]] -= 1
        member[start[bin_of[i]]] = i
    return member, start


@compiled
def _bins_within(position, reach, n_bins):
    """The bins along one axis that hold images within `reach` of `position`: (first, count), to be taken modulo."""
    first = np.int64(np.floor((position - reach) * n_bins))
    last = np.int64(np.floor((position + reach) * n_bins))
    return first, min(last - first + 1, n_bins)
