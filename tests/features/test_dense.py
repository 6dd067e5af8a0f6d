"""Dense rows of neighbours against their definition, spelled out in loops."""

import numpy as np

from crystalmatrix.features.dense import densify

from ..models.cases import ARCHITECTURES, GRAPH, graphs_of, random_crystal


def test_fingerprints_against_loops():
    """The compiled fingerprint equals its definition, spelled out."""
    config = ARCHITECTURES["lite"]
    graphs = graphs_of([random_crystal(2, n_atoms=3)])
    dense = densify(graphs, graph=GRAPH, model=config)
    cutoff, centres = GRAPH.three_body_cutoff, np.linspace(1.5, GRAPH.three_body_cutoff, config.angle_radial)
    width = centres[1] - centres[0]

    def envelope(r):
        u = min(r / cutoff, 1)
        return 1 - 28 * u**6 + 48 * u**7 - 21 * u**8

    for atom in range(3):
        start = graphs.edge_pointer[atom]
        vectors = graphs.edge_vector[start : start + graphs.n_angle_edges[atom]].astype(float)
        for p in range(min(len(vectors), config.neighbours)):
            expected = np.zeros((config.angle_radial, config.angle_angular))
            r_p = np.linalg.norm(vectors[p])
            for q in range(len(vectors)):
                if q == p:
                    continue
                r_q = np.linalg.norm(vectors[q])
                cosine = vectors[p] @ vectors[q] / r_p / r_q
                gaussian = np.exp(-0.5 * ((r_q - centres) / width) ** 2)
                legendre = [np.polynomial.legendre.legval(cosine, np.eye(6)[t]) for t in range(config.angle_angular)]
                expected += envelope(r_p) * envelope(r_q) * np.outer(gaussian, legendre) / np.sqrt(12)
            np.testing.assert_allclose(dense.angular[atom, p], expected.ravel(), atol=2e-3, rtol=2e-3)
