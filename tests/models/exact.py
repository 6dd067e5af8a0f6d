"""A batch in float64, from the definitions of docs/graphs.md and docs/method.md spelled out: the slow twin of the
search, of densify and of Dataset, and the input for symmetries that hold exactly.

In: crystals, settings.  Out: Batch, float64.
"""

import functools
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import eval_legendre

from crystalmatrix.config import GraphConfig
from crystalmatrix.features.batch import Batch
from crystalmatrix.tiers import ModelConfig

from .cases import GRAPH, Crystal, descriptors_by_hand

STEP, SHELL = 1e-6, 1e-3  # Å


def exact_batch(
    crystals: list[Crystal], config: ModelConfig, settings: GraphConfig = GRAPH, *, periodic: bool = True
) -> Batch:
    """All crystals as one batch. Not `periodic` is wrong, for a test that must notice it."""
    of_crystal = [
        _seen(*crystal.content, basis=config.angular_basis, settings=settings, periodic=periodic)
        for crystal in crystals
    ]
    atoms = [row for rows in of_crystal for row in rows]
    n_slots = config.neighbours or max(len(distance) for distance, _, _, _ in atoms)
    counts = [len(crystal.species) for crystal in crystals]
    start = np.repeat(np.cumsum([0, *counts[:-1]]), counts)
    own = np.arange(len(atoms))
    radius = np.array([_radius(distance, n_slots, settings) for distance, _, _, _ in atoms])
    neighbour = np.tile(own[:, None], n_slots)
    vector = np.zeros((len(atoms), n_slots, 3))
    vector[:, :, 2] = radius[:, None]
    angular = np.zeros((len(atoms), n_slots, int(np.prod(config.angular_basis))))
    for i, (distance, edge, j, fingerprints) in enumerate(atoms):
        n = min(np.count_nonzero(_steps(distance) < _steps(radius[i])), n_slots)
        neighbour[i, :n] = start[i] + j[:n]
        vector[i, :n] = edge[:n]
        found = fingerprints[:n_slots]
        angular[i, : len(found)] = found
    return Batch(
        species=torch.from_numpy(np.concatenate([crystal.species for crystal in crystals]).astype(np.int64)),
        neighbour=torch.from_numpy(neighbour),
        vector=torch.from_numpy(vector),
        envelope_radius=torch.from_numpy(radius),
        angular=torch.from_numpy(angular),
        descriptors=torch.from_numpy(descriptors_by_hand(crystals, config)),
        crystal=torch.from_numpy(np.repeat(np.arange(len(crystals)), counts)),
        n_crystals=len(crystals),
    )


@functools.cache  # the same crystals come to every network, and most of them read the same angles
def _seen(
    species: bytes,
    fractional: bytes,
    lattice: bytes,
    *,
    basis: tuple[int, int],
    settings: GraphConfig,
    periodic: bool,
) -> list[tuple[NDArray, ...]]:
    """What _atoms gives, and the fingerprints of the edges."""
    atoms = _atoms(Crystal.of_content(species, fractional, lattice), settings, periodic=periodic)
    return [(*row, _fingerprints(row[1], basis, settings.three_body_cutoff)) for row in atoms]


def _steps(distance):
    return np.floor(np.asarray(distance) / STEP + 0.5)


def _atoms(crystal: Crystal, settings: GraphConfig, *, periodic: bool):
    """For each atom its edges, sorted: distance [n], edge vector [n, 3], neighbour [n]."""
    reach, found = settings.cutoff, []
    spacing = 1 / np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
    for centre in crystal.fractional % 1:
        edges = _within(reach, centre, crystal, spacing, periodic=periodic)
        while periodic and np.count_nonzero(edges[0] <= reach - SHELL) < settings.min_neighbours:
            reach *= 1.5
            edges = _within(reach, centre, crystal, spacing, periodic=periodic)
        q = _steps(edges[0])
        inside = q <= _steps(settings.cutoff) + 1
        if np.count_nonzero(inside) < settings.min_neighbours:
            inside = q <= q[settings.min_neighbours - 1] + SHELL / STEP if periodic else q >= 0
        found.append(tuple(part[inside] for part in edges))
    return found


def _within(reach, centre, crystal: Crystal, spacing, *, periodic: bool):
    n = np.ceil(reach / spacing).astype(int) + 1 if periodic else np.zeros(3, int)
    images = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in n), indexing="ij"), -1).reshape(-1, 1, 3)
    edge = ((crystal.fractional % 1 - centre + images) @ crystal.lattice).reshape(-1, 3)
    distance = np.linalg.norm(edge, axis=1)
    order = np.argsort(distance, kind="stable")
    order = order[(distance[order] > STEP) & (distance[order] <= reach + 1.5 * STEP)]
    return distance[order], edge[order], order % len(crystal.species)


def _radius(distance: NDArray[np.float64], n_slots: int, settings: GraphConfig) -> float:
    """Where the shell of the first neighbour that is left out starts."""
    nth = distance[min(settings.min_neighbours, len(distance)) - 1] if len(distance) else 0.0
    left_out = max(settings.cutoff, nth)
    if len(distance) > n_slots:
        left_out = min(left_out, distance[n_slots])
    return float(_steps(left_out) * STEP - SHELL)


def _fingerprints(edge: NDArray[np.float64], basis: tuple[int, int], cutoff: float) -> NDArray[np.float64]:
    """F[p, n, t] of the edges within the 3-body cutoff, [n_edges, n_radial * n_legendre]."""
    n_radial, n_legendre = basis
    edge = edge[_steps(np.linalg.norm(edge, axis=1)) <= _steps(cutoff) + 1]
    distance = np.linalg.norm(edge, axis=1)
    ratio = np.minimum(distance / cutoff, 1)
    weight = 1 - 28 * ratio**6 + 48 * ratio**7 - 21 * ratio**8
    centre = np.linspace(1.5, cutoff, n_radial)
    width = (cutoff - 1.5) / max(n_radial - 1, 1)
    radial = weight[:, None] * np.exp(-0.5 * ((distance[:, None] - centre) / width) ** 2)  # [q, n]
    cosine = np.clip(edge @ edge.T / np.outer(distance, distance), -1, 1)
    legendre = eval_legendre(np.arange(n_legendre), cosine[..., None])  # [p, q, t]
    legendre[np.arange(len(edge)), np.arange(len(edge))] = 0
    found = weight[:, None, None] * np.einsum("qn,pqt->pnt", radial, legendre) / sqrt(12)
    return found.reshape(len(edge), n_radial * n_legendre)
