"""graphs/statistics.json: what the graphs look like, counted over all crystals, and one of them to draw.

In: nothing.  Out: Statistics, Example.
"""

from typing import ClassVar

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.versions import STATISTICS_VERSION

Point = tuple[float, float, float]  # Å


class Example(Part):
    """One crystal's graph in space: a point an atom of the cell, a line per edge within the 3-body cutoff."""

    jid: str
    species: tuple[int, ...]  # [n_atoms] atomic number
    lattice: tuple[Point, Point, Point]  # rows a, b, c
    position: tuple[Point, ...]  # [n_atoms]
    centre: tuple[int, ...]  # [n_lines] atom in which a line starts
    neighbour: tuple[int, ...]  # [n_lines] atom an image of which it ends in
    end: tuple[Point, ...]  # [n_lines]


class Statistics(Document):
    """Counts; trailing zeros are cut, so bin k of `distances` is k to k + 1 times `distance_bin`."""

    VERSION: ClassVar[int] = STATISTICS_VERSION

    n_crystals: int
    n_atoms: int
    n_edges: int
    n_angles: int
    neighbours: tuple[int, ...]  # atoms with 0, 1, 2 ... neighbours
    distance_bin: float  # Å
    distances: tuple[int, ...]  # edges by length
    angles: tuple[int, ...]  # by degree
    example: Example | None  # None where no crystal is small enough to draw
