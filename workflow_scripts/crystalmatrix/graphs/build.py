"""Crystals in, Graphs out: what shards are made with and what a structure of the user goes through.

In: many crystals as flat arrays, or rows of results/data/records.parquet.  Out: Graphs. A crystal's graph is a function
of that crystal and the settings alone, bit for bit, whatever stands beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.config import CPU, TORCH_CLUSTER, GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.geometry import MIN_DISTANCE, wrap
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.graphs import neighbours
from crystalmatrix.graphs.arrow import flat, lengths
from crystalmatrix.graphs.edge_key import MAX_ATOMS, MAX_IMAGE, MAX_RADIUS
from crystalmatrix.graphs.geometry import edge_vectors
from crystalmatrix.graphs.neighbours import Edges
from crystalmatrix.graphs.ragged import Graphs, from_edges, running_sum


@dataclass(frozen=True)
class Cells:
    """Many crystals as flat arrays."""

    jid: NDArray[np.str_]  # [n_crystals]
    atom_pointer: NDArray[np.int64]  # [n_crystals + 1] atoms of crystal c: atom_pointer[c]:atom_pointer[c + 1]
    species: NDArray[np.uint8]  # [n_atoms] atomic number Z
    fractional: NDArray[np.float64]  # [n_atoms, 3] in [0, 1)
    lattice: NDArray[np.float64]  # [n_crystals, 3, 3] rows a, b, c in Å

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """From the columns JID, SPECIES, FRACTIONAL and LATTICE of records or of a shard."""
        return cls(
            jid=np.array(table[columns.JID].to_pylist(), dtype=np.str_),
            atom_pointer=running_sum(lengths(table, columns.SPECIES)),
            species=flat(table, columns.SPECIES),
            fractional=flat(table, columns.FRACTIONAL).reshape(-1, 3),
            lattice=flat(table, columns.LATTICE).reshape(-1, 3, 3),
        )


def build(
    jid: NDArray[np.str_],  # [n_crystals]
    species: NDArray[np.uint8],  # [n_atoms] atomic number Z
    atom_pointer: NDArray[np.int64],  # [n_crystals + 1] atoms of crystal c: atom_pointer[c]:atom_pointer[c + 1]
    fractional: NDArray[np.float64],  # [n_atoms, 3]
    lattice: NDArray[np.float64],  # [n_crystals, 3, 3] rows a, b, c in Å
    *,
    settings: GraphConfig,
) -> Graphs:
    """Graphs of many crystals. Raises DataError, naming the crystal, for a geometry that is none."""
    crystals = Cells(jid, atom_pointer, species, wrap(fractional), lattice)
    return graphs_of(crystals, edges_of(crystals, settings=settings))


def from_crystals(crystals: Sequence[Crystal], *, settings: GraphConfig) -> Graphs:
    """Graphs of at least one crystal, the bits that a shard would hold. Raises DataError as `build` does."""
    many = Cells(
        jid=np.array([crystal.id for crystal in crystals], np.str_),
        atom_pointer=running_sum(np.array([len(crystal.species) for crystal in crystals])),
        species=np.concatenate([crystal.species for crystal in crystals]),
        fractional=np.concatenate([crystal.fractional for crystal in crystals]),
        lattice=np.stack([crystal.lattice for crystal in crystals]),
    )
    return graphs_of(many, edges_of(many, settings=settings))


def edges_of(crystals: Cells, *, settings: GraphConfig, search: str = CPU) -> Edges:
    """The edges of many crystals, the same by every `search`.

    Raises DataError, naming the crystal, for a geometry that is none, and ConfigError where torch-cluster is missing.
    """
    _check(crystals)
    _check_room(crystals, settings=settings)
    find = _find_on_device() if search == TORCH_CLUSTER else neighbours.find
    edges = find(crystals.atom_pointer, crystals.fractional, crystals.lattice, settings=settings)
    if edges.failed >= 0:
        raise DataError(
            f"{crystals.jid[edges.failed]}: an atom has fewer than {settings.min_neighbours} neighbours within "
            f"{MAX_RADIUS:.0f} Å or {MAX_IMAGE} lattice vectors; is the lattice in Å?"
        )
    return edges


def graphs_of(crystals: Cells, edges: Edges, *, cosine: NDArray[np.float32] | None = None) -> Graphs:
    """Graphs from what a shard stores; the cosines are computed unless given.

    Raises DataError for atoms on top of each other.
    """
    vector = edge_vectors(
        crystals.atom_pointer,
        crystals.fractional,
        crystals.lattice,
        edges.edge_pointer,
        edges.neighbour,
        edges.offset,
    )
    closest = vector[edges.edge_pointer[:-1]]  # [n_atoms, 3]; an atom's edges are sorted by distance
    double = np.flatnonzero((closest * closest).sum(1) < MIN_DISTANCE**2)
    if len(double):
        crystal = np.searchsorted(crystals.atom_pointer, double[0], side="right") - 1
        raise DataError(f"{crystals.jid[crystal]}: found two atoms within {MIN_DISTANCE} Å, expected one atom per site")
    return from_edges(
        jid=crystals.jid,
        atom_pointer=crystals.atom_pointer,
        species=crystals.species,
        edge_pointer=edges.edge_pointer,
        neighbour=edges.neighbour.astype(np.int32),
        edge_vector=vector,
        n_angle_edges=edges.n_angle_edges,
        cosine=cosine,
    )


def _find_on_device() -> Callable[..., Edges]:
    """torch_cluster.find, on the GPU where there is one. Raises ConfigError where torch-cluster is not installed."""
    try:
        from crystalmatrix.graphs import torch_cluster
    except ImportError:
        raise ConfigError(
            f"graph.search: found {TORCH_CLUSTER!r}, which cannot be imported here; expected torch and torch-cluster "
            f"to be installed: pip install torch-cluster, or set graph.search to {CPU!r}, which finds the same graphs"
        ) from None
    return partial(torch_cluster.find, device=torch_cluster.best_device())


def _check(crystals: Cells) -> None:
    """Raise DataError for an empty, too large or flat cell, or for coordinates that are not in [0, 1)."""
    n_atoms = np.diff(crystals.atom_pointer)
    with np.errstate(invalid="ignore"):  # a lattice of NaN or infinities has the volume NaN
        volume = np.abs(np.linalg.det(crystals.lattice))
    wrong = (n_atoms < 1) | (n_atoms > MAX_ATOMS) | ~(volume > 0) | ~np.isfinite(volume)
    crystal_of_atom = np.repeat(np.arange(len(n_atoms)), n_atoms)
    inside = (crystals.fractional >= 0) & (crystals.fractional < 1)  # false for NaN, too
    wrong[crystal_of_atom[~inside.all(1)]] = True
    if wrong.any():
        c = np.flatnonzero(wrong)[0]
        raise DataError(
            f"{crystals.jid[c]}: found {n_atoms[c]} atoms in {volume[c]:.3g} Å3, "
            f"expected 1 to {MAX_ATOMS} atoms with finite fractional coordinates in [0, 1) and a positive volume"
        )


def _check_room(crystals: Cells, *, settings: GraphConfig) -> None:
    """Raise DataError for a crystal whose edges and angles would not fit in memory, as far as its density tells."""
    n_atoms = np.diff(crystals.atom_pointer)
    density = n_atoms / np.abs(np.linalg.det(crystals.lattice))  # [n_crystals] atoms per Å3
    cap = np.inf if settings.max_neighbours is None else settings.max_neighbours
    near, nearest = (
        np.minimum(density * 4 / 3 * np.pi * radius**3, cap) for radius in (settings.cutoff, settings.three_body_cutoff)
    )
    expected = n_atoms * (near + nearest**2 / 2)
    worst = int(expected.argmax())
    if expected[worst] > settings.max_angles:
        raise DataError(
            f"{crystals.jid[worst]}: {n_atoms[worst]:,} atoms with {near[worst]:,.0f} neighbours each have about "
            f"{expected[worst]:.2g} edges and angles, expected at most {settings.max_angles:,}; lower graph.cutoff and "
            "graph.three_body_cutoff, or raise graph.max_angles if there is memory for them (4 to 40 bytes each)"
        )
