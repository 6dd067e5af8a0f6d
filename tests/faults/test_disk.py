"""Disks that are full, read only, gone or somebody else's: every file that a stage writes, one line, nothing lost."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from crystalmatrix import files
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.data.archive import write_entries
from crystalmatrix.errors import DataError, DiskError, or_exit, run
from crystalmatrix.files import atomic
from crystalmatrix.run_folder import claim
from crystalmatrix.trained.torch_file import torch_bytes
from crystalmatrix.training.state import PREVIOUS, STATE, load_state, save_state

from ..data.entries import ORIGIN, rock_salt
from ..rights import rights_hold
from ..workflow.running import ROOT

NOISE = np.random.default_rng(0).random(100_000)
TABLE = pa.table({"values": NOISE})
ROOM = 64  # kB


def state(path: Path) -> None:
    save_state(path.parent, {"digest": "a", "step": 2, "weights": torch.from_numpy(NOISE)})


def checkpoint(path: Path) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(torch_bytes({"members": torch.from_numpy(NOISE)}))


def features(path: Path) -> None:
    with files.arrow_writer(path, TABLE.schema, version=1, metadata={}) as writer:
        writer.write_table(TABLE)


# Each way of the workflow's to write a file, with more content than there is room for.
WRITERS: dict[str, Callable[[Path], object]] = {
    "raw.json.zip": lambda path: write_entries(path, (rock_salt(f"{x}", a=5 + x) for x in NOISE[:20_000])),
    "raw.meta.json": lambda path: ORIGIN.model_copy(update={"source": "x" * 100_000}).write(path),
    "records.parquet": lambda path: files.write_table(path, TABLE, version=1, metadata={}),
    "features.arrow": features,
    STATE: state,
    "model.pt": checkpoint,
    "comparison.html": lambda path: files.write_text(path, "x" * 100_000),
}
written = pytest.mark.parametrize("name", WRITERS)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}k", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@written
def test_a_full_disk_is_one_line_and_what_was_there_stays(name: str, small: Path) -> None:
    path = small / name
    path.write_bytes(b"what was there")
    with pytest.raises(DiskError) as caught:
        WRITERS[name](path)
    assert str(caught.value) == f"{path}: No space left on device, 0 MB free; make room and run again"
    assert [found.name for found in small.iterdir()] == [name]
    assert path.read_bytes() == b"what was there"


@written
def test_the_same_writers_with_room(name: str, tmp_path: Path) -> None:
    """The control."""
    WRITERS[name](tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1024 * ROOM


@written
def test_a_read_only_disk_is_one_line(name: str, small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(DiskError) as caught:
        WRITERS[name](small / "results" / name)
    assert str(caught.value) == (
        f"{small / 'results' / name}: cannot be written (Read-only file system); check the folder and its rights"
    )


@written
def test_somebody_elses_folder_is_one_line(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with rights_hold(), pytest.raises(DiskError, match=r"cannot be written \(Permission denied\)"):
        WRITERS[name](tmp_path / "results" / name)
    tmp_path.chmod(0o700)


@written
def test_a_file_where_a_folder_should_be_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(DiskError, match=r"cannot be written \((Not a directory|File exists)\)"):
        WRITERS[name](tmp_path / "results" / name)


@pytest.mark.parametrize("name", sorted(WRITERS.keys() - {"raw.json.zip"}))
def test_a_folder_that_goes_away_meanwhile_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
    with pytest.raises(DiskError, match="cannot be written"):
        WRITERS[name](tmp_path / "results" / name)


def test_the_state_before_survives_a_full_disk(small: Path) -> None:
    saved = {"digest": "a", "step": 1}
    save_state(small, saved)
    with pytest.raises(DiskError):
        state(small / STATE)
    assert load_state(small, digest="a") == saved
    assert not (small / PREVIOUS).exists()


def test_an_error_about_another_file_is_not_blamed_on_this_one(tmp_path: Path) -> None:
    """Such as one that is read while this one is written."""
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic(tmp_path / "out"):
        (tmp_path / "elsewhere").read_bytes()


@pytest.mark.parametrize("call", [run, or_exit])
def test_what_the_system_refuses_is_one_line_of_a_script(
    call: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "a\nb"
    with pytest.raises(SystemExit) as caught:
        call(missing.read_bytes)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.endswith(
        "a\\nb: cannot be read or written (No such file or directory); check the path and its rights\n"
    )
    assert said.count("\n") == 1
    with pytest.raises(OSError, match="a bug"):  # the control: what names no file keeps its traceback
        call(bug)


def bug() -> None:
    raise OSError("a bug")


def test_results_that_are_read_only_end_a_run_in_one_line(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(SystemExit):
        or_exit(claim, small / ".snakemake")
    assert capsys.readouterr().err.count("\n") == 1


def test_a_temporary_folder_that_is_gone_stops_no_stage(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "workflow_scripts/fetch.py", "--settings", '{"source": "crystals.json"}']
    write_entries(tmp_path / "crystals.json", [rock_salt("JVASP-1")])
    subprocess.run(
        [*command, "--out", "raw.json.zip", "--meta", "raw.meta.json"],
        env={**os.environ, "TMPDIR": str(tmp_path / "gone")},
        cwd=tmp_path,
        check=True,
    )
    assert Origin.read(tmp_path / "raw.meta.json").n_entries == 1


def test_a_damaged_file_says_so_rather_than_who_may_read_it(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        Origin.read(tmp_path)


def test_two_nodes_with_the_same_process_number_write_two_files(tmp_path: Path) -> None:
    with atomic(tmp_path / "out") as one, atomic(tmp_path / "out") as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "out").read_text() == "one"
