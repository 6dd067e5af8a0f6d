"""The neighbour search on a device, by torch-cluster: an optional back-end, equal to neighbours.find.

In: the geometry of many crystals as flat arrays.  Out: Edges.
torch-cluster knows no periodicity, so the images that can be neighbours are made explicit and all crystals are searched
as one batch of point clouds. It is built from source, and nothing needs it: only who asks for it imports this module.
"""

from typing import Any

import numpy as np
import torch
import torch_cluster
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig
from crystalmatrix.graphs.edge_key import (
    MAX_ATOMS,
    MAX_IMAGE,
    MAX_RADIUS,
    STEPS_PER_ANGSTROM,
    pack_many,
    steps,
    steps_of,
    unpack,
)
from crystalmatrix.graphs.neighbours import GROWTH, MARGIN, Edges
from crystalmatrix.graphs.ragged import running_sum
from crystalmatrix.graphs.shells import shell_end

_ROOM = (
    256  # neighbours an atom may have at first; doubled until it suffices, as torch-cluster drops the rest in silence
)


def best_device() -> str:
    """The GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def find(
    atom_pointer: NDArray[np.int64],  # [n_crystals + 1]
    fractional: NDArray[np.float64],  # [n_atoms, 3] in [0, 1)
    lattice: NDArray[np.float64],  # [n_crystals, 3, 3] rows a, b, c in Å
    *,
    settings: GraphConfig,
    device: str = "cpu",
) -> Edges:
    """Neighbours of all atoms. Crystals with isolated atoms are searched again, with larger radii."""
    n_atoms = np.diff(atom_pointer)
    most = settings.max_neighbours or MAX_ATOMS
    fewest = min(settings.min_neighbours, most)
    missing = np.ones(atom_pointer[-1], bool)  # [n_atoms]
    centres, keys, radius = [], [], settings.cutoff
    while missing.any():
        crystals = np.flatnonzero(np.add.reduceat(missing, atom_pointer[:-1]))
        members = np.flatnonzero(np.isin(np.repeat(np.arange(len(n_atoms)), n_atoms), crystals))
        reach = (radius + MARGIN) * np.linalg.norm(np.linalg.inv(lattice[crystals]), axis=1).max()
        if radius > MAX_RADIUS or reach > MAX_IMAGE - 1:
            return Edges(np.zeros(1, np.int64), *unpack(np.empty(0, np.int64)), np.empty(0, np.int32), int(crystals[0]))
        centre, key = _within(n_atoms[crystals], fractional[members], lattice[crystals], radius, device)
        count = np.bincount(centre, minlength=len(members))
        first = running_sum(count)
        q = np.append(steps_of(key), 0)  # the one more keeps indices of atoms without edges inside
        enough, limit = count >= fewest, most
        if radius > settings.cutoff:  # the shell of the last edge must be whole, and nothing follows it
            whole = shell_end(q[np.minimum(first[:-1] + fewest, len(key)) - 1]) <= steps(radius)
            enough, limit = enough & whole, fewest
        last = shell_end(q[first[:-1] + np.minimum(limit, count) - 1])  # [n_atoms] end of the last shell
        rank = np.arange(len(key)) - first[centre]
        keep = (enough & missing[members])[centre] & ((rank < limit) | (steps_of(key) <= last[centre]))
        centres.append(members[centre[keep]])
        keys.append(key[keep])
        missing[members[enough]] = False
        radius *= GROWTH
    centre, key = np.concatenate(centres), np.concatenate(keys)
    order = np.argsort(centre, kind="stable")
    centre, key = centre[order], key[order]
    close = steps_of(key) <= steps(settings.three_body_cutoff) + 1
    n_angle_edges = np.bincount(centre[close], minlength=len(missing)).astype(np.int32)
    return Edges(running_sum(np.bincount(centre, minlength=len(missing))), *unpack(key), n_angle_edges, -1)


def _within(n_atoms: Any, fractional: Any, lattice: Any, radius: float, device: str) -> tuple[Any, Any]:
    """Centre [n_edges] and key [n_edges] of all edges within `radius`, sorted by both."""
    cell = torch.as_tensor(lattice, device=device)  # [n_crystals, 3, 3]
    site = torch.as_tensor(fractional, device=device)  # [n_atoms, 3]
    sizes = torch.as_tensor(n_atoms, device=device)
    crystal = torch.repeat_interleave(torch.arange(len(sizes), device=device), sizes)  # [n_atoms]
    reach = (radius + MARGIN) * torch.linalg.inv(cell).norm(dim=1)  # [n_crystals, 3] in lattice vectors
    atom, image = _images(crystal, reach)  # [n_images], [n_images, 3]
    place = site[atom] + image
    inside = ((place >= -reach[crystal[atom]]) & (place <= 1 + reach[crystal[atom]])).all(1)
    atom, image, place = atom[inside], image[inside], place[inside]
    point = torch.einsum("nx,nxy->ny", place, cell[crystal[atom]])
    centre_point = torch.einsum("nx,nxy->ny", site, cell[crystal])
    room = _ROOM
    while True:
        pairs = torch_cluster.radius(
            point, centre_point, radius + MARGIN, crystal[atom], crystal, max_num_neighbors=room
        )
        if len(pairs[0]) == 0 or torch.bincount(pairs[0]).max() < room:
            break
        room *= 2
    i, j, n = pairs[0], atom[pairs[1]], image[pairs[1]]
    difference = site[j] - site[i] + n  # the arithmetic of neighbours.find, term by term
    vector = sum(difference[:, k, None] * cell[crystal[i], k] for k in range(3))
    q = ((vector * vector).sum(1).sqrt() * STEPS_PER_ANGSTROM + 0.5).long()
    keep = (q <= int(steps(radius)) + 1) & ~((i == j) & (n == 0).all(1))
    first_atom = torch.cumsum(sizes, 0) - sizes
    key = pack_many(q, j - first_atom[crystal[j]], *n.T)[keep].cpu().numpy()
    centre = i[keep].cpu().numpy()
    order = np.lexsort([key, centre])
    return centre[order], key[order]


def _images(crystal: Any, reach: Any) -> tuple[Any, Any]:
    """All images that can be within reach of the cell: atom [n_images] and image [n_images, 3]."""
    extent = 1 + reach.floor().long()  # [n_crystals, 3]
    size = 2 * extent[crystal] + 1  # [n_atoms, 3]
    count = size.prod(1)
    atom = torch.repeat_interleave(torch.arange(len(crystal), device=crystal.device), count)
    index = torch.arange(len(atom), device=crystal.device) - (torch.cumsum(count, 0) - count)[atom]
    _, b, c = size[atom].T
    image = torch.stack([index // (b * c), index // c % b, index % c], 1)
    return atom, image - extent[crystal[atom]]
