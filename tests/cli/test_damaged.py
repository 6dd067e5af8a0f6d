"""What a run finds damaged when it starts: new or touched files of results, each read as `verify` reads it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crystalmatrix.cli.damaged import damaged, remove_left_over, set_aside
from crystalmatrix.contracts.comparison import Comparison
from crystalmatrix.errors import DataError
from crystalmatrix.files import SET_ASIDE, TEMPORARY, sha256_of, write_text

from ..faults.artefacts import build

PLACES = {
    "records.parquet": "data",
    "quality.json": "data",
    "splits.parquet": "data",
    "shard.parquet": "graphs",
    "features.arrow": "features/view",
    "model.pt": "lite",
    "model.predictions.parquet": "lite",
    "model.metrics.json": "lite",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    sound = build(folder / "run")
    for name, place in PLACES.items():
        path = folder / "results" / place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound[name])
    report = folder / "results/report"
    write_text(report / "comparison.html", "<p>a page</p>")
    write_text(report / "figures/parity.svg", "<svg/>")
    listed = sha256_of(report, ["comparison.html", "figures/parity.svg"])
    Comparison(properties={}, files=listed).write(report / "comparison.json")
    return folder / "results"


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "results")
    return tmp_path / "results"


FILES = [*(f"{place}/{name}" for name, place in PLACES.items())]
FILES += ["report/comparison.json", "report/comparison.html", "report/figures/parity.svg"]


def test_each_damaged_file_is_found_and_no_other(results: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    assert damaged(results, known) == {}
    for name in FILES:
        path = results / name
        sound = path.read_bytes()
        changed = bytearray(sound)
        changed[len(sound) // 2] ^= 4
        path.write_bytes(changed)
        found = damaged(results, known)
        assert path in found, name
        assert str(path) in found[path]
        assert len(found) == 1
        path.write_bytes(sound)
    assert damaged(results, known) == {}


@pytest.mark.parametrize("name", ["data/records.parquet", "lite/model.pt", "report/comparison.html"])
@pytest.mark.parametrize("kind", ["a folder", "a link to nowhere"])
def test_what_is_no_file_is_found(results: Path, tmp_path: Path, name: str, kind: str) -> None:
    path = results / name
    path.unlink()
    if kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    found = damaged(results, tmp_path / "known.json")
    assert kind in found[path]


def test_a_file_is_read_again_only_where_it_was_touched(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr("crystalmatrix.cli.damaged.complaint", read.append)
    damaged(results, tmp_path / "known.json")
    assert {str(path.relative_to(results)) for path in read} == set(FILES)
    read.clear()
    (results / "data/records.parquet").touch()
    damaged(results, tmp_path / "known.json")
    assert read == [results / "data/records.parquet"]
    read.clear()
    (tmp_path / "known.json").write_text("[")
    damaged(results, tmp_path / "known.json")
    assert len(read) == len(FILES)


def test_what_was_set_aside_is_left_alone(results: Path, tmp_path: Path) -> None:
    (results / "lite/model.pt").rename(results / f"lite/model.pt{SET_ASIDE}")
    (results / f"lite/model.pt{SET_ASIDE}").write_bytes(b"damaged")
    (results / "report/figures").rename(results / f"report/figures{SET_ASIDE}")
    (results / f"report/figures{SET_ASIDE}/parity.svg").write_bytes(b"damaged")
    assert damaged(results, tmp_path / "known.json") == {}


@pytest.mark.parametrize("before", ["file", "folder", "link", "nothing"])
@pytest.mark.parametrize("now", ["file", "folder", "link"])
def test_whatever_was_set_aside_makes_place(tmp_path: Path, before: str, now: str) -> None:
    path = tmp_path / "data/records.parquet"
    path.parent.mkdir()
    kept = path.with_name(f"{path.name}{SET_ASIDE}")
    put(kept, before)
    put(path, now)
    assert set_aside(path, f"{path}: damaged; delete it and run again").endswith("to be built again where it is needed")
    assert not path.exists()
    assert (kept.is_symlink(), kept.is_dir(), kept.is_file()) == (now == "link", now == "folder", now == "file")


def put(path: Path, kind: str) -> None:
    if kind == "file":
        path.write_bytes(b"x")
    elif kind == "folder":
        path.mkdir()
        (path / "inside").write_bytes(b"x")
    elif kind == "link":
        path.symlink_to("nowhere")


def test_what_cannot_be_moved_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "data/records.parquet"
    path.parent.mkdir()
    put(path, "file")
    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(
        DataError, match=r"records.parquet: damaged, and cannot be moved \(Permission denied\); remove it"
    ):
        set_aside(path, "damaged")


WRITES_FOR_EVER = """
import sys, time
from pathlib import Path
from crystalmatrix.files import atomic
with atomic(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print(flush=True)
    time.sleep(600)
"""


def test_what_a_killed_process_had_half_written_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    results = tmp_path / "results"
    (results / "data").mkdir(parents=True)
    kept = [results / "data/records.parquet", results / "data/.jdft_3d.json.zip.part"]  # a download, which goes on
    for path in kept:
        path.write_bytes(b"whole")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITES_FOR_EVER, results / "graphs/shard-0.parquet"], stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        (half,) = (results / "graphs").iterdir()
        assert TEMPORARY.fullmatch(half.name)
        assert remove_left_over(results) == (0, 0)
        assert half.exists()
        writer.kill()
    assert remove_left_over(results, idle=3600) == (0, 0), "of another machine, perhaps"
    hours_ago = time.time() - 7200
    os.utime(half, (hours_ago, hours_ago))
    assert remove_left_over(results, idle=3600) == (1, 4)
    assert sorted(path for path in results.rglob("*") if path.is_file()) == sorted(kept)
