"""What graphs look like: how many neighbours atoms have, how long edges are, how angles are distributed; one drawing.

In: Graphs, or the paths of shards.  Out: counts that add up, and the lines of a picture. Pure numbers: no figures.
"""

from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix import files
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.statistics import Example, Statistics
from crystalmatrix.graphs.build import Cells
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.table import graphs_from_table

DISTANCE_BIN = 0.05  # Å
MAX_DISTANCE = 15.0  # Å; longer edges, of isolated atoms, are counted in the last bin
MAX_NEIGHBOURS = 400  # larger numbers are counted as this


@dataclass(frozen=True)
class GraphStatistics:
    """Counts over the graphs of some crystals; the sum of two is that of all of them."""

    n_crystals: int
    neighbours: NDArray[np.int64]  # [MAX_NEIGHBOURS + 1] atoms with 0, 1, 2 ... neighbours
    distances: NDArray[np.int64]  # [MAX_DISTANCE / DISTANCE_BIN] edges by length
    angles: NDArray[np.int64]  # [180] angles by degree

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.n_crystals + other.n_crystals,
            self.neighbours + other.neighbours,
            self.distances + other.distances,
            self.angles + other.angles,
        )

    def document(self, example: Example | None) -> Statistics:
        """For the page, with one crystal to draw."""
        return Statistics(
            n_crystals=self.n_crystals,
            n_atoms=int(self.neighbours.sum()),
            n_edges=int(self.distances.sum()),
            n_angles=int(self.angles.sum()),
            neighbours=tuple(np.trim_zeros(self.neighbours, "b").tolist()),
            distance_bin=DISTANCE_BIN,
            distances=tuple(np.trim_zeros(self.distances, "b").tolist()),
            angles=tuple(self.angles.tolist()),
            example=example,
        )


def statistics(graphs: Graphs) -> GraphStatistics:
    """Count neighbours of atoms, lengths of edges and angles."""
    degree = np.minimum(np.diff(graphs.edge_pointer), MAX_NEIGHBOURS)
    n_bins = round(MAX_DISTANCE / DISTANCE_BIN)
    length = np.linalg.norm(graphs.edge_vector, axis=1)
    distance_bin = np.minimum((length / DISTANCE_BIN).astype(np.int64), n_bins - 1)
    # angles have 65,535 different cosines: count those first, and take few arc cosines
    scale = columns.COSINE_SCALE
    by_cosine = np.bincount(np.rint(graphs.cosine * scale).astype(np.int64) + scale, minlength=2 * scale + 1)
    degrees = np.degrees(np.arccos(np.arange(-scale, scale + 1) / scale))
    return GraphStatistics(
        n_crystals=graphs.n_crystals,
        neighbours=np.bincount(degree, minlength=MAX_NEIGHBOURS + 1),
        distances=np.bincount(distance_bin, minlength=n_bins),
        angles=np.histogram(degrees, bins=180, range=(0, 180), weights=by_cosine)[0].astype(np.int64),
    )


def shard_statistics(paths: list[Path]) -> GraphStatistics:
    """The statistics of all crystals in some shards, one row group at a time in memory."""
    parts = []
    for path in paths:
        with files.open_table(path, version=columns.GRAPHS_VERSION, holds=columns.GRAPHS.names) as file:
            for group in range(file.num_row_groups):
                parts.append(statistics(graphs_from_table(file.read_row_group(group))))
    return reduce(GraphStatistics.__add__, parts)


@dataclass(frozen=True)
class Drawing:
    """One crystal's graph in space: a point per atom of the cell, a line per angle edge."""

    species: NDArray[np.uint8]  # [n_atoms]
    lattice: NDArray[np.float64]  # [3, 3] rows a, b, c in Å
    position: NDArray[np.float64]  # [n_atoms, 3] Å
    centre: NDArray[np.int64]  # [n_lines] atom in which a line starts
    neighbour: NDArray[np.int32]  # [n_lines] atom an image of which it ends in
    end: NDArray[np.float64]  # [n_lines, 3] Å


def drawing(row: pa.Table) -> Drawing:
    """The drawing of a single row of a shard: its edges within the 3-body cutoff."""
    crystal, graphs = Cells.from_table(row), graphs_from_table(row)
    position = crystal.fractional @ crystal.lattice[0]
    centre = np.repeat(np.arange(len(position)), np.diff(graphs.edge_pointer))
    rank = np.arange(len(centre)) - graphs.edge_pointer[centre]
    close = rank < graphs.n_angle_edges[centre]
    return Drawing(
        species=crystal.species,
        lattice=crystal.lattice[0],
        position=position,
        centre=centre[close],
        neighbour=graphs.neighbour[close],
        end=position[centre[close]] + graphs.edge_vector[close],
    )
