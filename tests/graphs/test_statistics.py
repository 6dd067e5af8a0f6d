"""Counts and drawings of graphs."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from crystalmatrix.config import GraphConfig
from crystalmatrix.graphs import shards
from crystalmatrix.graphs.shards import write_shard
from crystalmatrix.graphs.statistics import drawing, shard_statistics, statistics
from tests.graphs.cases import SHAPES, graph, ideal, random_crystal, read_back, write_records


def test_a_cubic_crystal_has_right_angles() -> None:
    counts = (
        statistics(graph(ideal("sc", 3.0), cutoff=3.5, three_body_cutoff=3.5, min_neighbours=1))
        .document(None)
        .to_dict()
    )
    assert counts["neighbours"] == [0] * 6 + [1]
    assert counts["distances"] == [0] * 60 + [6]
    assert (counts["n_crystals"], counts["n_atoms"]) == (1, 1)
    assert (counts["n_edges"], counts["n_angles"]) == (6, 15)
    assert {degree: n for degree, n in enumerate(counts["angles"]) if n} == {90: 12, 179: 3}


def test_the_sum_over_shards_counts_everything_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = write_records(
        tmp_path / "records.parquet", *(random_crystal(shape, seed) for seed in range(4) for shape in SHAPES)
    )
    settings = GraphConfig(shards=2)
    paths = [tmp_path / f"shard-{k}.parquet" for k in range(2)]
    monkeypatch.setattr(shards, "PIECE", 3)
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", 1000)
    for k, path in enumerate(paths):
        write_shard(path, records, settings=settings, shard=k)
    graphs = read_back(paths)
    counts = shard_statistics(paths).document(None).to_dict()
    assert counts == statistics(graphs).document(None).to_dict()
    assert counts["n_atoms"] == len(graphs.species)
    assert counts["n_edges"] == len(graphs.neighbour)
    assert counts["n_angles"] == len(graphs.cosine)


def test_lines_of_a_drawing_end_on_images_of_atoms(tmp_path: Path) -> None:
    crystal = random_crystal("triclinic", 5)
    records = write_records(tmp_path / "records.parquet", crystal)
    write_shard(tmp_path / "shard-0.parquet", records, settings=GraphConfig(shards=1), shard=0)
    picture = drawing(pq.read_table(tmp_path / "shard-0.parquet"))
    assert picture.species.tolist() == crystal.species.tolist()
    np.testing.assert_allclose(picture.position, crystal.fractional @ crystal.lattice)
    shift = (picture.end - picture.position[picture.neighbour]) @ np.linalg.inv(crystal.lattice)
    np.testing.assert_allclose(shift, np.rint(shift), atol=1e-5)
    length = np.linalg.norm(picture.end - picture.position[picture.centre], axis=1)
    assert len(length)
    assert length.max() <= 4.0 + 1e-5
