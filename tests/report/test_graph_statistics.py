"""graph_statistics.py: the counts of the shards, and a crystal small enough to draw."""

from pathlib import Path

import pyarrow as pa
import pytest
from report_run import run_script

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.files import read_json, write_table
from crystalmatrix.graphs.shards import write_shard

CELL = [5.0, 0, 0, 0, 5.0, 0, 0, 0, 5.0]
SITES = {  # jid: fractional coordinates
    "JVASP-1": [[0, 0, 0], [0.5, 0.5, 0.5]],
    "JVASP-2": [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]],
    "JVASP-3": [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0.5]],
}


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    n = len(SITES)
    rows = {name: pa.nulls(n, c.RECORDS.field(name).type) for name in c.RECORDS.names}
    rows |= {
        c.JID: list(SITES),
        c.FORMULA: ["Mg"] * n,
        c.N_ATOMS: [len(sites) for sites in SITES.values()],
        c.SPECIES: [[12] * len(sites) for sites in SITES.values()],
        c.FRACTIONAL: [[float(x) for site in sites for x in site] for sites in SITES.values()],
        c.LATTICE: [CELL] * n,
        c.VOLUME: [125.0] * n,
    }
    records = tmp_path / "records.parquet"
    about = RecordsMetadata(source="a.json", release=None, raw_sha256="0", digest="0", symprec=0.01, fields={})
    write_table(records, pa.table(rows).cast(c.RECORDS), version=c.RECORDS_VERSION, metadata=about.to_dict())
    path = tmp_path / "shard-0.parquet"
    write_shard(path, records, settings=GraphConfig(shards=1), shard=0)
    return path


def test_counts_and_example(shard: Path, tmp_path: Path) -> None:
    out = tmp_path / "statistics.json"
    assert run_script("graph_statistics", "--graphs", str(shard.parent), "--shards", "1", "--out", str(out)) == 0
    found = read_json(out)
    assert found["n_crystals"] == len(SITES)
    assert found["n_atoms"] == sum(map(len, SITES.values())) == sum(found["neighbours"])
    assert found["n_edges"] == sum(found["distances"])
    assert found["n_angles"] == sum(found["angles"])
    example = found["example"]
    assert example["jid"] == "JVASP-2"  # the smallest with four to eight atoms
    assert len(example["species"]) == len(example["position"]) == 4
    assert len(example["centre"]) == len(example["neighbour"]) == len(example["end"]) > 0
    shortest = min(sum((a - b) ** 2 for a, b in zip(example["position"][i], end, strict=True)) ** 0.5
                   for i, end in zip(example["centre"], example["end"], strict=True))  # fmt: skip
    assert shortest == pytest.approx(2.5)
