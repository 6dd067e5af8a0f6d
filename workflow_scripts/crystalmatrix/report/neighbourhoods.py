"""What the networks see: neighbours, edge lengths and angles over all crystals, and one crystal's graph drawn.

In: results/graphs/statistics.json, or nothing.  Out: what neighbourhoods.html.j2 shows; None without statistics.
"""

from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from crystalmatrix.contracts.statistics import Example
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.report import text
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.svg import Drawing, Scale, tick_label

_WIDTH, _HEIGHT = 250, 110
_PICTURE = 300
_VIEW = np.array(
    [[0.94, 0.0, 0.34], [0.13, 0.92, -0.37]]
)  # two rows of a rotation: turned by 20 and tilted by 22 degrees


def neighbourhoods(inputs: Inputs) -> dict[str, Any] | None:
    """Counts, three histograms and a picture."""
    found = inputs.graphs
    if found is None:
        return None
    neighbours, distances, angles = (np.array(values) for values in (found.neighbours, found.distances, found.angles))
    step = found.distance_bin
    return {
        "n_crystals": text.count(found.n_crystals),
        "n_atoms": text.count(found.n_atoms),
        "n_edges": text.count(found.n_edges),
        "n_angles": text.count(found.n_angles),
        "edges_per_atom": text.significant(found.n_edges / found.n_atoms),
        "angles_per_atom": text.significant(found.n_angles / found.n_atoms),
        "charts": [
            {"label": "Neighbours of an atom", "chart": _histogram(neighbours, 1.0, "atoms with {:g} neighbours")},
            {"label": "Edge lengths (Å)", "chart": _histogram(_pairs(distances), 2 * step, "edges from {:.1f} Å")},
            {"label": "Angles (°)", "chart": _histogram(_pairs(angles), 2.0, "angles from {:g}°")},
        ],
        "picture": _picture(found.example) if found.example else None,
        "example": found.example.jid if found.example else None,
    }


def _pairs(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bins of twice the width."""
    return np.append(counts, np.zeros(len(counts) % 2, dtype=np.int64)).reshape(-1, 2).sum(axis=1)


def _histogram(counts: NDArray[np.int64], step: float, title: str) -> Markup:
    """Bars of width `step` from zero; a tail of less than a thousandth is left out."""
    counts = counts[: int(np.searchsorted(np.cumsum(counts), 0.999 * counts.sum())) + 1]
    drawing = Drawing(_WIDTH, _HEIGHT, title.split(" from")[0].split(" with")[0] + ", histogram")
    x = Scale(0, len(counts) * step, 4, _WIDTH - 4)
    y = Scale(0, max(int(counts.max(initial=0)), 1), _HEIGHT - 16, 4)
    for k in np.flatnonzero(counts):
        height = y(0) - y(int(counts[k]))
        width = max(x((k + 1) * step) - x(k * step) - 0.4, 0.6)
        label = f"{title.format(k * step)}: {text.count(int(counts[k]))}"
        drawing.rect(x(k * step), y(0) - height, width, height, "histogram", label)
    for value in x.ticks(4):
        drawing.text(min(max(x(value), 8), _WIDTH - 12), _HEIGHT - 4, tick_label(value), "tick", "middle")
    return drawing.markup()


def _picture(example: Example) -> Markup:
    """The cell, its atoms, and every edge within the 3-body cutoff to its end in this or a neighbouring cell."""
    lattice, position, end = (np.array(points) for points in (example.lattice, example.position, example.end))
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ lattice
    flat = np.concatenate([corners, position, end]) @ _VIEW.T
    low, span = flat.min(axis=0), np.ptp(flat, axis=0).max()
    margin = (_PICTURE - 40 - np.ptp(flat, axis=0) / span * (_PICTURE - 40)) / 2

    def place(points: NDArray[np.float64]) -> list[tuple[float, float]]:
        shown = 20 + margin + (points @ _VIEW.T - low) / span * (_PICTURE - 40)
        return [(float(x), float(_PICTURE - y)) for x, y in shown]

    drawing = Drawing(_PICTURE, _PICTURE, f"unit cell of {example.jid} with the edges between its atoms")
    corner, atoms, ends = place(corners), place(position), place(end)
    for a, b in ((0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 3), (2, 6), (3, 7), (4, 5), (4, 6), (5, 7), (6, 7)):
        drawing.line(corner[a][0], corner[a][1], corner[b][0], corner[b][1], "constant")
    for centre, (x, y) in zip(example.centre, ends, strict=True):
        drawing.line(atoms[centre][0], atoms[centre][1], x, y, "edge")
    kinds = sorted(set(example.species))
    for neighbour, (x, y) in zip(example.neighbour, ends, strict=True):
        drawing.circle(x, y, 5, f"image series-{kinds.index(example.species[neighbour]) % 6}")
    for z, (x, y) in zip(example.species, atoms, strict=True):
        drawing.circle(x, y, 10, f"dot series-{kinds.index(z) % 6}", SYMBOLS[z])
        drawing.text(x, y + 3.5, SYMBOLS[z], "symbol", "middle")
    return drawing.markup()
