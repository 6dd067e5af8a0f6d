"""From ragged graphs to dense rows of K neighbours per atom, with the angular fingerprint of every edge.

Slots: the nearest edges of an atom, at most K. The first neighbour that is left out is the (K+1)-th, or whatever comes
at the cutoff, whichever is nearer; for an isolated atom, whose 13th neighbour (`min_neighbours`) lies beyond the
cutoff, that one. With it goes its whole shell (graphs/shells.py), so no cap breaks a symmetry, and where that shell
starts the envelope ends. The radius of the envelope is a continuous function of the distances, so a prediction is
continuous when neighbours swap ranks, and when a shell splits. As at most 12 equal spheres touch one, K of 12 or more
leaves no atom alone, but for the few whose first shell is larger (24 B around La in LaB6, docs/graphs.md).

Fingerprint of edge p of atom i, from the precomputed cosines of the angles between its edges within the 3-body cutoff
r3:
    F[p, n, t] = f(r_p / r3) * sum over q != p of f(r_q / r3) * G_n(r_q) * P_t(cos pq) / sqrt(12)
with f the envelope, G_n Gaussians and P_t Legendre polynomials: the same information as products of densities A_lm
(addition theorem), but resolved per edge.

In: Graphs, settings.  Out: DenseGraphs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.view import View
from crystalmatrix.graphs.compiled import compiled
from crystalmatrix.graphs.edge_key import MAX_ATOMS, STEPS_PER_ANGSTROM, steps
from crystalmatrix.graphs.geometry import length
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.shells import shell_start
from crystalmatrix.tiers import ModelSection

_ATOMS_PER_BLOCK = 32768


@dataclass(frozen=True)
class DenseGraphs:
    """`n_atoms` atoms of `n_crystals` crystals, K slots each; an empty slot holds the atom itself at its radius."""

    jid: NDArray[np.str_]  # [n_crystals]
    atom_pointer: NDArray[np.int64]  # [n_crystals + 1]
    species: NDArray[np.uint8]  # [n_atoms]
    neighbour: NDArray[np.int16]  # [n_atoms, K] atom j, counted within its crystal
    vector: NDArray[np.float32]  # [n_atoms, K, 3] Å
    envelope_radius: NDArray[np.float32]  # [n_atoms] Å
    angular: NDArray[np.float16]  # [n_atoms, K, n_angular]


def densify(graphs: Graphs, *, graph: GraphConfig, model: ModelSection | View) -> DenseGraphs:
    """Lay out graphs for a model. Where the model takes all neighbours, K is the largest number that occurs."""
    counts = np.diff(graphs.edge_pointer)
    n_slots = model.neighbours or max(int(counts.max(initial=0)), 1)
    n_atoms = len(graphs.species)
    n_radial, n_legendre = model.angular_basis
    starts = np.repeat(graphs.atom_pointer[:-1], np.diff(graphs.atom_pointer))
    neighbour = np.empty((n_atoms, n_slots), np.int16)
    vector = np.empty((n_atoms, n_slots, 3), np.float32)
    radius = np.empty(n_atoms, np.float32)
    angular = np.zeros((n_atoms, n_slots, n_radial * n_legendre), np.float16)
    own = np.arange(n_atoms) - starts
    # Past a cap of the shards nobody knows what comes, so its last neighbour is the first that is left out.
    most = min(n_slots, (graph.max_neighbours or MAX_ATOMS) - 1)
    _fill_slots(
        graphs.edge_pointer,
        graphs.neighbour,
        graphs.edge_vector,
        own,
        graph.cutoff,
        graph.min_neighbours,
        most,
        neighbour,
        vector,
        radius,
    )
    for first in range(0, n_atoms if n_radial else 0, _ATOMS_PER_BLOCK):
        last = min(first + _ATOMS_PER_BLOCK, n_atoms)
        block = np.zeros((last - first, n_slots, n_radial * n_legendre), np.float32)  # numba has no float16
        _fill_fingerprints(
            graphs.edge_pointer[first : last + 1],
            graphs.edge_vector,
            graphs.n_angle_edges[first:last],
            graphs.angle_pointer[first:last],
            graphs.cosine,
            graph.three_body_cutoff,
            n_radial,
            n_legendre,
            block,
        )
        angular[first:last] = block
    return DenseGraphs(graphs.jid, graphs.atom_pointer, graphs.species, neighbour, vector, radius, angular)


@compiled
def _fill_slots(
    edge_pointer, neighbour, edge_vector, own, cutoff, min_neighbours, most, out_neighbour, out_vector, out_radius
):
    n_slots = out_neighbour.shape[1]
    for atom in range(len(own)):
        start, n_edges = edge_pointer[atom], edge_pointer[atom + 1] - edge_pointer[atom]
        left_out = max(steps(cutoff), steps(length(edge_vector[start + min(min_neighbours, n_edges) - 1])))
        if n_edges > most:
            left_out = min(left_out, steps(length(edge_vector[start + most])))
        end = shell_start(left_out)
        radius = np.float32(end / STEPS_PER_ANGSTROM)
        out_radius[atom] = radius
        for slot in range(n_slots):
            out_neighbour[atom, slot] = own[atom]
            out_vector[atom, slot, 0] = 0.0
            out_vector[atom, slot, 1] = 0.0
            out_vector[atom, slot, 2] = radius
        for slot in range(min(most, n_edges)):
            edge = edge_vector[start + slot]
            if steps(length(edge)) >= end:
                break
            out_neighbour[atom, slot] = neighbour[start + slot]
            out_vector[atom, slot] = edge


@compiled
def _fill_fingerprints(
    edge_pointer, edge_vector, n_angle_edges, angle_pointer, cosine, cutoff, n_radial, n_legendre, out
):
    n_slots = out.shape[1]
    centre = np.linspace(1.5, cutoff, n_radial) if n_radial > 1 else np.array([0.5 * (1.5 + cutoff)])
    width = (cutoff - 1.5) / max(n_radial - 1, 1)
    for atom in range(out.shape[0]):
        n_edges, start = n_angle_edges[atom], edge_pointer[atom]
        radial = np.empty((n_edges, n_radial), np.float32)
        weight = np.empty(n_edges, np.float32)
        total = np.zeros((n_edges, n_radial, n_legendre), np.float32)
        for p in range(n_edges):
            edge = edge_vector[start + p]
            distance = np.float32(length(edge))
            ratio = min(distance / cutoff, 1.0)
            weight[p] = 1 - 28 * ratio**6 + 48 * ratio**7 - 21 * ratio**8
            for n in range(n_radial):
                radial[p, n] = weight[p] * np.exp(-0.5 * ((distance - centre[n]) / width) ** 2)
        angle = angle_pointer[atom]
        legendre = np.empty(n_legendre, np.float32)
        for p in range(n_edges):
            for q in range(p + 1, n_edges):
                c = cosine[angle]
                angle += 1
                legendre[0] = 1.0
                if n_legendre > 1:
                    legendre[1] = c
                for t in range(2, n_legendre):
                    legendre[t] = ((2 * t - 1) * c * legendre[t - 1] - (t - 1) * legendre[t - 2]) / t
                for n in range(n_radial):
                    for t in range(n_legendre):
                        total[p, n, t] += radial[q, n] * legendre[t]
                        total[q, n, t] += radial[p, n] * legendre[t]
        for p in range(min(n_edges, n_slots)):
            for n in range(n_radial):
                for t in range(n_legendre):
                    out[atom, p, n * n_legendre + t] = weight[p] * total[p, n, t] * np.float32(12**-0.5)
