"""Crystals of every shape for the tests: ideal, random, needles, slabs, skewed, single atoms, 140 atoms."""

import functools
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase.data import atomic_numbers
from hypothesis import strategies as st
from numpy.typing import NDArray

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.graphs.build import build
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.table import graphs_from_table

SHARED = Path(__file__).parents[2].parent / "shared/data/jarvis_dft_3d_part.json.zip"


class Crystal(NamedTuple):
    species: NDArray[np.uint8]  # [n_atoms]
    fractional: NDArray[np.float64]  # [n_atoms, 3]
    lattice: NDArray[np.float64]  # [3, 3] rows, Å


def graph_settings(**settings: float | None) -> GraphConfig:
    """Settings that the configuration may refuse: the search itself knows no smallest number of neighbours."""
    return GraphConfig().model_copy(update=settings)


def graph(*crystals: Crystal, **settings: float | None) -> Graphs:
    """The graphs of some crystals, one after the other."""
    return build(
        np.array([f"crystal-{k}" for k in range(len(crystals))]),
        np.concatenate([crystal.species for crystal in crystals]),
        np.cumsum([0, *(len(crystal.species) for crystal in crystals)]),
        np.concatenate([crystal.fractional for crystal in crystals]),
        np.stack([crystal.lattice for crystal in crystals]),
        settings=graph_settings(**settings),
    )


def ideal(name: str, a: float) -> Crystal:
    """The primitive cells of sc, fcc and bcc with cubic lattice constant `a` in Å, and rock salt."""
    sites = [[0.0, 0, 0], [0.5, 0.5, 0.5]] if name == "rock salt" else [[0.0, 0, 0]]
    lattice = {
        "sc": np.eye(3),
        "fcc": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
        "bcc": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
        "rock salt": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
    }[name]
    return Crystal(np.full(len(sites), 29, np.uint8), np.array(sites), a * lattice)


def random_crystal(shape: str, seed: int) -> Crystal:
    """A random crystal, 8 to 30 Å3 an atom, no two atoms within 0.5 Å (by the nearest of 27 images)."""
    random = np.random.default_rng(seed)
    n_atoms = {"single": 1, "large": 140}.get(shape, int(random.integers(2, 9)))
    stretch = {"needle": [1, 1, 12], "slab": [1, 5, 5]}.get(shape, [1, 1, 1])
    lattice = random.normal(scale=0.15, size=(3, 3)) + np.diag(stretch)
    if shape == "skewed":
        lattice[2] += 3 * lattice[0] - 2 * lattice[1]
    lattice *= np.cbrt(random.uniform(8, 30) * n_atoms / abs(np.linalg.det(lattice)))
    fractional = np.empty((0, 3))
    while len(fractional) < n_atoms:
        site = random.random(3)
        images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 1, 3)
        if not len(fractional) or np.linalg.norm((fractional - site + images) @ lattice, axis=-1).min() > 0.5:
            fractional = np.vstack([fractional, site])
    return Crystal(random.integers(1, 90, n_atoms).astype(np.uint8), fractional, lattice)


SHAPES = ("triclinic", "needle", "slab", "skewed", "single")
crystals = st.builds(random_crystal, st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))


def records_table(*some: Crystal) -> pa.Table:
    """The columns of records that graphs are made of."""
    return pa.table(
        {
            columns.JID: [f"crystal-{k}" for k in range(len(some))],
            columns.N_ATOMS: pa.array([len(crystal.species) for crystal in some], pa.int32()),
            columns.SPECIES: pa.array([crystal.species for crystal in some], pa.list_(pa.uint8())),
            columns.FRACTIONAL: pa.array([crystal.fractional.ravel() for crystal in some], pa.list_(pa.float64())),
            columns.LATTICE: pa.array([crystal.lattice.ravel() for crystal in some], pa.list_(pa.float64(), 9)),
            columns.VOLUME: [abs(float(np.linalg.det(crystal.lattice))) for crystal in some],
        }
    )


ORIGIN = RecordsMetadata(source="a test", release=None, raw_sha256="", digest="0" * 64, symprec=0.01, fields={})


def write_records(path: Path, *some: Crystal) -> Path:
    """A records.parquet of some crystals."""
    files.write_table(path, records_table(*some), version=columns.RECORDS_VERSION, metadata=ORIGIN.to_dict())
    return path


def read_back(paths: list[Path]) -> Graphs:
    """The graphs of some shards, in their order."""
    return graphs_from_table(pa.concat_tables([pq.read_table(path) for path in paths]))


@functools.cache
def _real_entries() -> list[dict[str, Any]]:
    if not SHARED.exists():
        pytest.skip("no ../shared/data/jarvis_dft_3d_part.json.zip")
    with zipfile.ZipFile(SHARED) as archive:
        return [entry["atoms"] for entry in json.loads(archive.read(archive.namelist()[0]))]


def real_crystals(n: int) -> list[Crystal]:
    """`n` real crystals spread over the part of JARVIS-DFT beside the project, the largest cell first."""
    entries = _real_entries()
    largest = max(entries, key=lambda atoms: len(atoms["elements"]))
    some = []
    for atoms in [largest, *entries[:: len(entries) // n][: n - 1]]:
        lattice = np.array(atoms["lattice_mat"])
        species = np.array([atomic_numbers[name.strip()] for name in atoms["elements"]], np.uint8)
        some.append(Crystal(species, np.array(atoms["coords"]) @ np.linalg.inv(lattice), lattice))
    return some
