"""What a shard holds, that it is read back exactly, and that nothing else is."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import GraphsMetadata
from crystalmatrix.errors import DataError
from crystalmatrix.files import read_metadata
from crystalmatrix.graphs import shards
from crystalmatrix.graphs.build import Cells, edges_of, graphs_of
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.shards import shard_metadata, stream_shard, write_shard
from crystalmatrix.graphs.table import graphs_from_table
from tests.graphs.cases import ORIGIN, SHAPES, random_crystal, read_back, records_table, write_records
from tests.graphs.test_ragged import assert_equal

CRYSTALS = [random_crystal(shape, seed) for seed in range(8) for shape in SHAPES]
SETTINGS = GraphConfig(shards=3)
SCRIPT = Path(__file__).parents[2] / "workflow_scripts/graphs.py"


def write_all(folder: Path, records: Path, settings: GraphConfig = SETTINGS) -> list[Path]:
    paths = [folder / f"shard-{k}.parquet" for k in range(settings.shards)]
    for k, path in enumerate(paths):
        write_shard(path, records, settings=settings, shard=k)
    return paths


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("data") / "records.parquet", *CRYSTALS)


@pytest.fixture(scope="module")
def paths(records: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_all(tmp_path_factory.mktemp("graphs"), records)


def whole() -> Graphs:
    """All crystals, without a file."""
    cells = Cells.from_table(records_table(*CRYSTALS))
    return graphs_of(cells, edges_of(cells, settings=SETTINGS))


def test_shards_are_read_back_exactly(paths: list[Path]) -> None:
    expected = whole()
    assert_equal(read_back(paths), expected)
    pieces = [graphs for path in paths for graphs in stream_shard(path)]
    for name in ("jid", "species", "neighbour", "edge_vector", "cosine"):
        joined = np.concatenate([getattr(piece, name) for piece in pieces])
        np.testing.assert_array_equal(joined, getattr(expected, name), err_msg=name)


def test_any_part_of_a_shard_can_be_read(paths: list[Path]) -> None:
    table = pq.read_table(paths[0])
    assert_equal(graphs_from_table(table.slice(2, 3)), whole().select(np.arange(2, 5)))
    assert graphs_from_table(table.slice(0, 0)).n_crystals == 0


def test_a_shard_has_the_documented_columns(paths: list[Path]) -> None:
    table = pq.read_table(paths[0])
    assert table.schema.remove_metadata().equals(columns.GRAPHS)
    for row in table.to_pylist():
        n_atoms, n_edges = len(row[columns.SPECIES]), sum(row[columns.N_NEIGHBOURS])
        assert len(row[columns.FRACTIONAL]) == 3 * n_atoms
        assert len(row[columns.N_NEIGHBOURS]) == len(row[columns.N_ANGLE_EDGES]) == n_atoms
        assert {len(row[name]) for name in (columns.NEIGHBOUR, *columns.OFFSETS)} == {n_edges}
        assert len(row[columns.COSINE]) == 2 * sum(k * (k - 1) // 2 for k in row[columns.N_ANGLE_EDGES])


def test_the_same_input_gives_the_same_bytes(
    paths: list[Path], records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = write_all(tmp_path / "again", records)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
    monkeypatch.setattr(shards, "PIECE", 5)
    small = write_all(tmp_path / "small pieces", records)
    assert_equal(read_back(small), read_back(paths))


@pytest.mark.parametrize("row_group_size", [1, 7, 100])
def test_the_layout_of_the_records_does_not_matter(
    paths: list[Path], records: Path, row_group_size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(pq.read_table(records), tmp_path / "records.parquet", row_group_size=row_group_size)
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", 4000)
    others = write_all(tmp_path / "graphs", tmp_path / "records.parquet")
    assert_equal(read_back(others), read_back(paths))


def test_more_shards_than_crystals(tmp_path: Path) -> None:
    settings = GraphConfig(shards=5)
    few = write_all(tmp_path, write_records(tmp_path / "records.parquet", *CRYSTALS[:2]), settings)
    assert read_back(few).jid.tolist() == ["crystal-0", "crystal-1"]


def refuses(path: Path, message: str, settings: GraphConfig = SETTINGS) -> None:
    with pytest.raises(DataError, match=message) as error:
        read_all(path, settings)
    assert "\n" not in str(error.value)


def read_all(path: Path, settings: GraphConfig) -> GraphsMetadata:
    """As the features stage does."""
    metadata = shard_metadata(path, settings=settings)
    assert sum(graphs.n_crystals for graphs in stream_shard(path))
    return metadata


def test_a_shard_says_what_it_holds(paths: list[Path]) -> None:
    expected = {"graph": SETTINGS.identity, "shard": 1, "n_shards": 3, "records_digest": ORIGIN.digest}
    metadata = read_all(paths[1], SETTINGS)
    assert metadata.to_dict() == {"version": columns.GRAPHS_VERSION, **expected}
    assert read_metadata(paths[1], version=columns.GRAPHS_VERSION) == metadata.to_dict()


@pytest.mark.parametrize(
    "change", [{"cutoff": 5.5}, {"three_body_cutoff": 3.5}, {"min_neighbours": 4}, {"max_neighbours": 16}]
)
def test_other_settings_are_refused(paths: list[Path], change: dict[str, float]) -> None:
    (key,) = change
    other = SETTINGS.model_copy(update=change)
    refuses(paths[0], rf"shard-0.parquet: graphs of {key} .* delete results/graphs", other)


@pytest.mark.parametrize("settings", [GraphConfig(shards=99), GraphConfig(search="torch-cluster")])
def test_neither_the_number_of_shards_nor_the_search_is_a_setting_of_graphs(
    paths: list[Path], settings: GraphConfig
) -> None:
    assert read_all(paths[0], settings).graph == GraphConfig()


def test_another_schema_is_refused(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GraphsMetadata, "VERSION", columns.GRAPHS_VERSION + 1)
    refuses(paths[0], "shard-0.parquet: schema .* this version reads")


def test_a_foreign_or_missing_file_is_refused(tmp_path: Path) -> None:
    pq.write_table(records_table(*CRYSTALS), tmp_path / "shard-0.parquet")
    refuses(tmp_path / "shard-0.parquet", "not a file of this workflow")
    refuses(tmp_path / "shard-9.parquet", "shard-9.parquet: not found")


@pytest.mark.parametrize("damage", ["truncated", "empty", *range(5)])
def test_a_damaged_file_is_refused(paths: list[Path], tmp_path: Path, damage: str | int) -> None:
    content = bytearray(paths[1].read_bytes())
    if isinstance(damage, int):  # a flipped byte in the data of one of the columns that are read
        chunk = pq.read_metadata(paths[1]).row_group(0).column(2 * damage)
        content[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 255
    else:
        del content[len(content) // 2 if damage == "truncated" else 0 :]
    (tmp_path / "shard-1.parquet").write_bytes(content)
    refuses(tmp_path / "shard-1.parquet", "shard-1.parquet: damaged")


def test_a_failed_job_leaves_no_file(tmp_path: Path) -> None:
    crystal = random_crystal("triclinic", 0)
    broken = crystal._replace(fractional=np.zeros_like(crystal.fractional))
    path = write_records(tmp_path / "records.parquet", *CRYSTALS[:3], broken)
    with pytest.raises(DataError, match="crystal-3: found two atoms"):
        write_shard(tmp_path / "graphs/shard-0.parquet", path, settings=GraphConfig(shards=1), shard=0)
    assert list((tmp_path / "graphs").iterdir()) == []


def run_script(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_the_script_writes_a_shard_or_says_why_not(paths: list[Path], records: Path, tmp_path: Path) -> None:
    out = tmp_path / "shard-1.parquet"
    good = run_script("--settings", SETTINGS.to_json(), "--records", records, "--shard", "1", "--out", out)
    assert good.returncode == 0, good.stderr
    assert re.search(r"\d+ crystals in [\d.]+ s", good.stdout)
    assert out.read_bytes() == paths[1].read_bytes()
    bad = run_script("--records", tmp_path / "none.parquet", "--shard", "0", "--out", out)
    assert bad.returncode == 2
    assert bad.stderr == f"error: {tmp_path}/none.parquet: not found\n"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_a_job_imports_no_torch_and_needs_little_memory(tmp_path: Path) -> None:
    """Ten times the crystals must not need more memory: they are built and written in pieces."""
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from crystalmatrix.config import GraphConfig; from crystalmatrix.graphs.shards import write_shard\n"
        "write_shard(Path(sys.argv[3]), Path(sys.argv[2]), settings=GraphConfig(shards=1), shard=0)\n"
        "import json; print(json.dumps(['torch' in sys.modules, 'pandas' in sys.modules,\n"
        "    Path('/proc/self/status').read_text()]))\n"
    )
    peaks = []
    for repeat in (20, 200):
        path = write_records(tmp_path / f"records-{repeat}.parquet", *itertools.chain(*[CRYSTALS] * repeat))
        command = [sys.executable, "-c", code, SCRIPT.parent, path, tmp_path / "shard.parquet"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        torch, pandas, status = json.loads(done.stdout)
        assert not torch
        assert not pandas
        # not getrusage: its maximum is inherited from the process that started this one
        peaks.append(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024)
    assert max(peaks) < 700
    assert peaks[1] - peaks[0] < 150
