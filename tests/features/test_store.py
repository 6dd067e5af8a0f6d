"""The stage's files: bit for bit what is made in memory, and refused in one line when they are not what a job needs."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.columns import JID
from crystalmatrix.contracts.features import NEIGHBOURHOOD_WIDTH, FeaturesMetadata
from crystalmatrix.contracts.view import View
from crystalmatrix.errors import DataError
from crystalmatrix.features.blocks import array_of
from crystalmatrix.features.features import Features
from crystalmatrix.features.mapped import open_file
from crystalmatrix.features.store import open_features, write_features
from crystalmatrix.files import described
from crystalmatrix.graphs.neighbourhood import WIDTH

from ..models.cases import CONFIGS, graphs_of, random_crystal
from .cases import ORIGIN, write_records, write_shards, write_stage

GRAPH = GraphConfig(shards=3)
LITE = CONFIGS["lite"]
CRYSTALS = [random_crystal(seed, n_atoms=2 + seed % 7) for seed in range(20)]
SCRIPT = Path(__file__).parents[2] / "workflow_scripts/features.py"
PLENTY = 1 << 40


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(folder, write_records(folder / "records.parquet", CRYSTALS), GRAPH)


@pytest.fixture
def paths(tmp_path: Path, shards: list[Path]) -> list[Path]:
    return write_stage(tmp_path, shards, GRAPH, LITE, block_bytes=10_000)


def opened(paths: list[Path], model=LITE, limit: int = PLENTY, **options: object) -> Features:
    return open_features(paths, model=model, records_digest=ORIGIN.digest, limit=limit, **options)


def listed(paths: list[Path]) -> Path:
    out = paths[0].with_name("shards.json")
    command = [
        sys.executable,
        str(SCRIPT.with_name("view.py")),
        "--folder",
        str(out.parent),
        "--shards",
        str(len(paths)),
    ]
    subprocess.run([*command, "--out", str(out)], check=True)
    return out


def test_a_list_stands_for_the_files_of_a_view(paths: list[Path], shards: list[Path], tmp_path: Path) -> None:
    """Opened like them; another one as soon as one of them has another content, the same for the same content."""
    out = listed(paths)
    first = out.read_bytes()
    assert opened([out]).jid.tolist() == opened(paths).jid.tolist()
    paths[1].touch()
    assert listed(paths).read_bytes() == first
    write_features(paths[1], shards[1], view=View.of(GRAPH, LITE), n_slots=LITE.neighbours, block_bytes=1)
    assert listed(paths).read_bytes() != first
    paths[2].unlink()
    with pytest.raises(DataError, match=r"shard-2\.arrow: not found"):
        opened([out])


@pytest.mark.parametrize("name", [name for name, config in CONFIGS.items() if not config.descriptors])
def test_files_hold_what_memory_holds(tmp_path: Path, shards: list[Path], name: str) -> None:
    """Ids, sizes and every array, bit for bit, whatever the blocks; paths in any order."""
    model = CONFIGS[name]
    expected = Features.of_graphs(graphs_of(CRYSTALS, GRAPH), View.of(GRAPH, model))
    every = np.arange(len(CRYSTALS))
    for block_bytes in (1, 30_000, PLENTY):
        paths = write_stage(tmp_path, shards, GRAPH, model, block_bytes=block_bytes)
        found = opened(paths[::-1], model)
        assert found.jid.tolist() == [f"JVASP-{i}" for i in every]
        assert found.n_slots == expected.n_slots
        np.testing.assert_array_equal(found.species, expected.species)
        np.testing.assert_array_equal(found.atom_pointer, expected.atom_pointer)
        for key, values in found.gather(every, *expected.items).items():
            np.testing.assert_array_equal(values, expected.gather(every, key)[key], strict=True)


def test_the_same_shard_gives_the_same_bytes(tmp_path: Path, paths: list[Path], shards: list[Path]) -> None:
    again = write_stage(tmp_path / "again", shards, GRAPH, LITE, block_bytes=10_000)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_any_arrow_reads_them(paths: list[Path]) -> None:
    """A row a crystal, with the shapes in the types: no reader of ours is needed."""
    table = pa.ipc.open_file(str(paths[0])).read_all()
    row = table.slice(0, 1).to_pylist()[0]
    n_atoms = len(CRYSTALS[0].species)
    assert row[JID] == "JVASP-0"
    assert row["species"] == CRYSTALS[0].species.tolist()
    assert np.shape(row["vector"]) == (n_atoms, 3 * LITE.neighbours)
    assert np.shape(row["neighbourhood"]) == (n_atoms, NEIGHBOURHOOD_WIDTH)
    assert NEIGHBOURHOOD_WIDTH == WIDTH


def test_keys_depend_on_id_and_atoms(paths: list[Path]) -> None:
    features = opened(paths)
    keys = features.keys(np.arange(20))
    assert len(set(keys.tolist())) == 20
    renamed = dataclasses.replace(features, jid=np.roll(features.jid, 1))
    assert not np.isin(renamed.keys(np.arange(20)), keys).any()
    np.testing.assert_array_equal(features.select(np.array([4, 2])).keys(np.arange(2)), keys[[4, 2]])


def changed(path: Path, **metadata: object) -> None:
    """The file with other metadata."""
    source = pa.ipc.open_file(path.read_bytes())
    batches = [source.get_batch_with_custom_metadata(k) for k in range(source.num_record_batches)]
    content = {**open_file(path).metadata.to_dict(), **metadata}
    version = content.pop("version")
    with pa.ipc.new_file(str(path), described(source.schema, version=version, metadata=content)) as writer:
        for batch in batches:
            writer.write_batch(batch.batch, custom_metadata=batch.custom_metadata)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"version": 0}, "schema 0, this version reads 1; delete it and run again"),
        ({"records_digest": "b"}, "records_digest b, expected digest of the records as in "),
        ({"n_shards": 4}, "n_shards 4, expected 3 as in "),
        ({"shard": 0}, "found files [0, 0, 2], expected each of 0 to 2; delete results/features and run again"),
        ({"shard": "x"}, "shard: found 'x', which is not what this version writes"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(paths: list[Path], metadata: dict, expected: str) -> None:
    opened(paths)
    changed(paths[1])
    opened(paths)  # the control: writing it again is no error
    changed(paths[1], **metadata)
    with pytest.raises(DataError, match=re.escape(expected)) as caught:
        opened(paths)
    assert "\n" not in str(caught.value)


def test_an_incomplete_set_is_one_line(paths: list[Path]) -> None:
    with pytest.raises(DataError, match=r"found files \[0, 2\], expected each of 0 to 2"):
        opened([paths[0], paths[2]])
    with pytest.raises(DataError, match="found no features, expected results/features"):
        opened([])
    paths[0].unlink()
    with pytest.raises(DataError, match=r"shard-0\.arrow: not found"):
        opened(paths)


@pytest.mark.parametrize("length", [0, 10, 5000, -10])
def test_a_cut_file_is_one_line(paths: list[Path], length: int) -> None:
    paths[1].write_bytes(paths[1].read_bytes()[:length])
    with pytest.raises(DataError, match=r"shard-1\.arrow: damaged .*; delete it and run again") as caught:
        opened(paths)
    assert "\n" not in str(caught.value)


def test_one_flipped_bit_is_found_when_its_block_is_used(paths: list[Path]) -> None:
    """In whichever array: the file opens, its other blocks are used, and the damaged one reaches no network."""
    whole = paths[1].read_bytes()
    for name in opened(paths).items:
        values = array_of(open_file(paths[1]).blocks[1], name)
        at = whole.index(np.ascontiguousarray(values).tobytes())
        paths[1].write_bytes(whole[: at + 3] + bytes([whole[at + 3] ^ 1]) + whole[at + 4 :])
        features = opened(paths)
        damaged = features.block == features.block.tolist()[0] + len(open_file(paths[0]).blocks) + 1
        features.gather(np.flatnonzero(~damaged), name)
        with pytest.raises(DataError, match=r"shard-1\.arrow: block 1 is damaged \(checksum\); delete the file"):
            features.gather(np.flatnonzero(damaged), name)
    paths[1].write_bytes(whole)
    opened(paths).gather(np.arange(20), name)


def test_a_shard_of_other_graphs_is_one_line(tmp_path: Path, shards: list[Path]) -> None:
    view = View.of(GraphConfig(cutoff=4.0), LITE)
    with pytest.raises(DataError, match=r"graphs of cutoff 5\.0, expected 4\.0"):
        write_features(tmp_path / "x.arrow", shards[0], view=view, n_slots=LITE.neighbours)
    assert not list(tmp_path.iterdir())


def test_the_script_writes_a_file_or_says_why_not(tmp_path: Path, paths: list[Path], shards: list[Path]) -> None:
    out = tmp_path / "shard-1.arrow"
    arguments = [sys.executable, SCRIPT, "--view", View.of(GRAPH, LITE).to_json(), "--out", out, "--shard"]
    good = subprocess.run([*arguments, shards[1]], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert open_file(out).metadata == open_file(paths[1]).metadata
    bad = subprocess.run([*arguments, tmp_path / "none.parquet"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert bad.stderr == f"error: {tmp_path}/none.parquet: not found\n"


def test_an_empty_shard_is_a_file_without_rows(tmp_path: Path) -> None:
    graph = GraphConfig(shards=4)
    records = write_records(tmp_path / "records.parquet", CRYSTALS[:2])
    paths = write_stage(tmp_path, write_shards(tmp_path, records, graph), graph, LITE)
    assert opened(paths).jid.tolist() == ["JVASP-0", "JVASP-1"]


def test_metadata_is_of_this_version() -> None:
    assert FeaturesMetadata.VERSION == columns.FEATURES_VERSION
