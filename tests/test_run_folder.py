"""Whose locks a run removes: those of runs that died on this machine, and of nobody else."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crystalmatrix import run_folder
from crystalmatrix.run_folder import LOCKS, RUNS, claim

HERE = socket.gethostname()
HOLD = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """With Snakemake's locks in it; a claim ends with the test instead of with the process."""
    leaving: list[tuple] = []
    monkeypatch.setattr(run_folder.atexit, "register", lambda *call: leaving.append(call))
    for name in (LOCKS, RUNS):
        (tmp_path / name).mkdir()
    (tmp_path / LOCKS / "0.input.lock").write_text("results/data/records.parquet\n")
    yield tmp_path
    for function, *arguments in leaving:
        function(*arguments)


def names(folder: Path, kind: str) -> list[str]:
    return sorted(path.name for path in (folder / kind).glob("*.lock"))


def left_by(folder: Path, host: str) -> Path:
    path = folder / RUNS / f"{host}@123@0.lock"
    path.touch()
    return path


def test_locks_of_a_run_that_died_here_are_removed(folder: Path) -> None:
    left_by(folder, HERE)
    assert claim(folder).buried == (f"process 123 on {HERE}",)
    assert names(folder, LOCKS) == []
    assert len(names(folder, RUNS)) == 1, "that of this process"


def test_a_run_of_another_machine_may_live(folder: Path) -> None:
    """As long as there are locks: without any, no run of Snakemake is under way."""
    left_by(folder, "elsewhere")
    found = claim(folder)
    assert (found.living, found.buried) == (("process 123 on elsewhere",), ())
    assert names(folder, LOCKS) == ["0.input.lock"]


def test_a_run_of_another_machine_is_forgotten_when_there_are_no_locks(folder: Path) -> None:
    (folder / LOCKS / "0.input.lock").unlink()
    left = left_by(folder, "elsewhere")
    found = claim(folder)
    assert (found.living, found.buried) == ((), ())
    assert not left.exists()


@pytest.mark.parametrize("also_dead", [False, True])
def test_a_living_run_keeps_its_locks(folder: Path, also_dead: bool) -> None:
    living = folder / RUNS / f"{HERE}@7@1.lock"
    if also_dead:
        left_by(folder, HERE)
    with subprocess.Popen([sys.executable, "-c", HOLD, living], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdin
        other.stdout.readline()
        found = claim(folder)
        other.stdin.close()
    assert (found.living, found.buried) == ((f"process 7 on {HERE}",), ())
    assert names(folder, LOCKS) == ["0.input.lock"]


def test_locks_that_nobody_signed_stay(folder: Path) -> None:
    found = claim(folder)
    assert (found.living, found.buried) == ((), ())
    assert names(folder, LOCKS) == ["0.input.lock"]
