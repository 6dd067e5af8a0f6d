"""A tier on pretrained potentials: what it asks for, and that no other tier asks for it."""

from pathlib import Path

import pytest

from .running import jobs, snakemake

pytestmark = pytest.mark.workflow

TRANSFER = 'matrix={"tiers": ["transfer-plus"], "multitask": false}'


def test_a_model_needs_the_descriptors_of_its_potentials(tmp_path: Path) -> None:
    result = snakemake(tmp_path, "results/transfer-plus/dielectric.pt", "--dry-run", "--config", TRANSFER)
    counts = {
        "fetch": 1,
        "records": 1,
        "splits": 1,
        "graph_shard": 8,
        "descriptors": 16,
        "features": 8,
        "view": 1,
        "train": 1,
    }
    assert jobs(result.stdout) == counts | {"total": sum(counts.values())}


def test_a_tier_without_them_needs_none(tmp_path: Path) -> None:
    result = snakemake(tmp_path, "--dry-run", "results/lite/dielectric.pt")
    assert result.returncode == 0
    assert "descriptors" not in jobs(result.stdout)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("results/descriptors/chgnt/shard-0.parquet", "results/descriptors/chgnt: no potential 'chgnt'"),
        ("results/descriptors/chgnet/shard-99.parquet", "no shard 99 among the 8 of graph.shards"),
    ],
)
def test_an_unknown_potential_or_shard_is_one_sentence(tmp_path: Path, target: str, expected: str) -> None:
    result = snakemake(tmp_path, "--dry-run", target)
    assert result.returncode != 0
    assert expected in result.stdout
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ('{"architecture": "readout"}', "descriptors: found none, expected at least one potential"),
        ('{"architecture": "readout", "descriptors": ["chgnt"]}', "chgnt"),
        ('{"architecture": "blend", "members": [{"architecture": "cgcnn"}]}', "members"),
    ],
)
def test_a_model_that_cannot_be_is_one_line(tmp_path: Path, model: str, expected: str) -> None:
    result = snakemake(tmp_path, "--dry-run", "--config", f'tiers={{"mine": {{"model": {model}}}}}')
    assert result.returncode != 0
    assert expected in result.stdout
    assert "Traceback" not in result.stdout
