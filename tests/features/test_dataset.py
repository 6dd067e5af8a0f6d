"""Batches of a data set: the same from every storage, from memory and from mapped files."""

import numpy as np
import pytest
import torch

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.features import SEEN_BY_NETWORKS
from crystalmatrix.contracts.view import View
from crystalmatrix.features.batch import Batch
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.features import Features
from crystalmatrix.features.staging import Staging
from crystalmatrix.features.store import open_features

from ..models.cases import CONFIGS, GRAPH, graphs_of, random_crystal
from ..training.cases import rock_salts
from .cases import ORIGIN, write_records, write_shards, write_stage

CPU = torch.device("cpu")
MODEL = CONFIGS["lite"]
CRYSTALS = [*rock_salts(4), *(random_crystal(seed, n_atoms=3 + seed) for seed in range(4))]
SOME = np.array([3, 0, 4, 7, 7])
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")


def in_memory() -> Features:
    return Features.of_graphs(graphs_of(CRYSTALS), View.of(GRAPH, MODEL))


def assert_equal(first: Batch, second: Batch) -> None:
    for one, other in zip(first, second, strict=True):
        one, other = torch.as_tensor(one).cpu(), torch.as_tensor(other).cpu()
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.fixture
def mapped(tmp_path):
    """The same crystals in files, three blocks in each of two."""
    graph = GraphConfig(shards=2)
    records = write_records(tmp_path / "records.parquet", CRYSTALS)
    paths = write_stage(tmp_path, write_shards(tmp_path, records, graph), graph, MODEL, block_bytes=6000)
    return open_features(paths, model=MODEL, records_digest=ORIGIN.digest, limit=20_000)


def test_mapped_files_give_the_batches_of_memory(mapped):
    assert len(list(mapped.blocks)) > 3
    assert_equal(Dataset(mapped, CPU).batch(SOME), Dataset(in_memory(), CPU).batch(SOME))


def test_the_device_gives_the_batches_of_the_host(mapped):
    assert_equal(Dataset(mapped, CPU, storage="device").batch(SOME), Dataset(mapped, CPU, storage="host").batch(SOME))


def test_a_selection_gives_its_crystals(mapped):
    order = np.array([5, 1, 6])
    selected = Dataset(mapped.select(order), CPU).batch(np.array([2, 0]))
    assert_equal(selected, Dataset(mapped, CPU).batch(np.array([6, 5])))
    assert mapped.select(order).species.tolist() == np.concatenate([CRYSTALS[k].species for k in order]).tolist()


def test_batches_own_their_memory(mapped):
    """A later batch, or pages that are given back, change no earlier one."""
    dataset = Dataset(mapped, CPU)
    first = dataset.batch(SOME)
    kept = Batch(*(torch.as_tensor(part).clone() for part in first))
    for crystal in range(8):
        dataset.batch(np.array([crystal]))
    assert_equal(first, kept)


def test_neighbours_stay_within_their_crystal():
    batch = Dataset(in_memory(), CPU).batch(np.array([3, 1, 2]))
    assert torch.equal(batch.crystal[batch.neighbour], batch.crystal.unsqueeze(1).expand_as(batch.neighbour))


@needs_gpu
@pytest.mark.parametrize("storage", ["device", "host"])
def test_the_gpu_gives_the_batches_of_the_cpu(mapped, storage):
    dataset = Dataset(mapped, torch.device("cuda"), storage=storage)
    batches = [dataset.batch(np.array([k, 7 - k])) for k in range(8)]  # while copies of earlier ones are under way
    for k, batch in enumerate(batches):
        assert_equal(batch, Dataset(in_memory(), CPU).batch(np.array([k, 7 - k])))


@needs_gpu
def test_staging_is_pinned_and_used_again():
    items = {name: in_memory().items[name] for name in SEEN_BY_NETWORKS}
    staging = Staging(items, torch.device("cuda"))
    taken = []
    for n_atoms in (100, 90, 80, 70):
        tensors = staging.take(n_atoms)
        assert all(tensor.is_pinned() and len(tensor) == n_atoms for tensor in tensors.values())
        taken.append(tensors["vector"].data_ptr())
        staging.sent()
    assert taken[:2] == taken[2:]
    assert taken[0] != taken[1]
