"""The optional search on a device finds the same edges and writes the same shards.

With torch-cluster where it is installed, and everywhere with a reference of its one function.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crystalmatrix.config import TORCH_CLUSTER, GraphConfig
from crystalmatrix.crystals.geometry import wrap
from crystalmatrix.errors import ConfigError
from crystalmatrix.graphs import neighbours
from crystalmatrix.graphs.shards import write_shard
from tests.graphs import reference_cluster
from tests.graphs.cases import SHAPES, Crystal, crystals, graph_settings, ideal, random_crystal, write_records

BACK_END = "crystalmatrix.graphs.torch_cluster"
INSTALLED = pytest.param(
    "torch_cluster", marks=pytest.mark.skipif(not find_spec("torch_cluster"), reason="torch-cluster is not installed")
)


@pytest.fixture(params=["reference", INSTALLED])
def back_end(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """crystalmatrix.graphs.torch_cluster, imported with the package or with the reference in its place."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "reference":
            patch.setitem(sys.modules, "torch_cluster", reference_cluster)
        patch.delitem(sys.modules, BACK_END, raising=False)
        yield import_module(BACK_END)
        sys.modules.pop(BACK_END)


def assert_same_edges(back_end: ModuleType, *some: Crystal, device: str = "cpu", **options: Any) -> None:
    pointer = np.cumsum([0, *(len(crystal.species) for crystal in some)])
    fractional = wrap(np.concatenate([crystal.fractional for crystal in some]))
    lattice = np.stack([crystal.lattice for crystal in some])
    config = graph_settings(**options)
    ours = neighbours.find(pointer, fractional, lattice, settings=config)
    theirs = back_end.find(pointer, fractional, lattice, settings=config, device=device)
    for field in fields(ours):
        np.testing.assert_array_equal(getattr(theirs, field.name), getattr(ours, field.name))


@given(st.lists(crystals, min_size=1, max_size=3), st.integers(1, 30), st.none() | st.integers(1, 40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equals_our_search(back_end: ModuleType, some: list[Crystal], fewest: int, most: int | None) -> None:
    assert_same_edges(back_end, *some, min_neighbours=fewest, max_neighbours=most)


@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_a_batch_of_every_shape(back_end: ModuleType, device: str) -> None:
    batch = [random_crystal(shape, seed) for shape in SHAPES for seed in range(3)]
    ideals = [ideal("fcc", 5.0), ideal("sc", 30.0), ideal("rock salt", 4.2), ideal("sc", 1.6)]
    assert_same_edges(back_end, *batch, *ideals, device=device)


def test_a_crystal_without_neighbours_is_reported(back_end: ModuleType) -> None:
    one = ideal("sc", 1000.0)
    found = back_end.find(np.array([0, 1]), one.fractional, one.lattice[None], settings=GraphConfig())
    assert found.failed == 0


def test_shards_are_the_same_bytes(back_end: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = write_records(tmp_path / "records.parquet", *(random_crystal(shape, 7) for shape in SHAPES))
    asked = GraphConfig(shards=1, search=TORCH_CLUSTER)
    for name, search in (("cpu", "cpu"), ("device", asked.search)):
        write_shard(tmp_path / name, records, settings=asked, shard=0, search=search)
    assert (tmp_path / "device").read_bytes() == (tmp_path / "cpu").read_bytes()

    def finds_nothing(*_: Any, **__: Any) -> Any:
        raise AssertionError("asked")

    monkeypatch.setattr(back_end, "find", finds_nothing)  # the control: it is this search that was asked
    with pytest.raises(AssertionError, match="asked"):
        write_shard(tmp_path / "other", records, settings=asked, shard=0, search=TORCH_CLUSTER)


def test_where_it_is_missing_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_cluster", None)  # importing it fails
    monkeypatch.delitem(sys.modules, BACK_END, raising=False)
    monkeypatch.delattr(sys.modules["crystalmatrix.graphs"], "torch_cluster", raising=False)  # of another test
    records = write_records(tmp_path / "records.parquet", ideal("sc", 3.0))
    with pytest.raises(
        ConfigError, match=r"^graph\.search: found 'torch-cluster'.*set graph\.search to 'cpu'"
    ) as error:
        write_shard(tmp_path / "shard", records, settings=GraphConfig(shards=1), shard=0, search=TORCH_CLUSTER)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "shard").exists()
