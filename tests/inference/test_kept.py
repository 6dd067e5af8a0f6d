"""Whatever stops a screening, what is done is kept, and the same command ends with the same bytes."""

import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from crystalmatrix.errors import DataError
from crystalmatrix.inference.output import PartialTable, Progress

from .. import preloaded
from .conftest import Trained
from .test_predictor import to_ase

PREDICT = "from crystalmatrix.cli.main import main; main()"


@pytest.fixture(scope="module")
def crystals(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 files, one of them with two crystals, one with none."""
    folder = tmp_path_factory.mktemp("crystals")
    for entry in trained.entries:
        to_ase(entry).write(folder / f"{entry['jid']}.cif", format="cif")
    one, two = ((folder / f"JVASP-10{k}.cif").read_text() for k in (0, 1))
    (folder / "JVASP-105.cif").write_text(one + two)
    (folder / "JVASP-110.cif").write_text("nothing")
    return folder


def command(trained: Trained, crystals: Path, out: Path | None, *, code: str = PREDICT) -> list[str]:
    arguments = ["predict", str(crystals), "--model", str(trained.model), "--batch-size", "3", "--device", "cpu"]
    return [sys.executable, "-c", code, *arguments, *(["--out", str(out)] if out else [])]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return preloaded.run(command, preload=preloaded.PREDICTING)


@pytest.fixture(scope="module")
def uninterrupted(trained: Trained, crystals: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("whole") / "values.csv"
    done = run(command(trained, crystals, out))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.parent.iterdir()) == ["values.csv"]
    return out.read_bytes()


# The command with files no larger than so many bytes: a disk without room.
FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))
from crystalmatrix.cli.main import main
main()
"""

# The command, which sends its own process a signal in the middle of the n-th write: half a row, half a line.
KILLED = """
import os
from crystalmatrix.inference import output
write, left = output._write, [{n}]
def killed(handle, content):
    left[0] -= 1
    if not left[0]:
        write(handle, content[: len(content) // 2])
        os.kill(os.getpid(), {number})
    write(handle, content)
output._write = killed
from crystalmatrix.cli.main import main
main()
"""


@pytest.mark.parametrize(("number", "n"), [(signal.SIGKILL, 13), (signal.SIGTERM, 6), (signal.SIGINT, 18)])
def test_killed_and_run_again(
    trained: Trained, crystals: Path, uninterrupted: bytes, tmp_path: Path, number: signal.Signals, n: int
) -> None:
    out, part = tmp_path / "values.csv", tmp_path / "values.csv.part"
    killed = run(command(trained, crystals, out, code=KILLED.format(n=n, number=int(number))))
    assert killed.returncode != 0
    assert "Traceback" not in killed.stderr
    assert not out.exists()
    kept = part.read_bytes()
    assert kept.count(b"\n") > 3
    assert uninterrupted.startswith(kept)
    assert number == signal.SIGKILL or "goes on after them" in killed.stderr
    again = run(command(trained, crystals, out))
    assert again.returncode == 0, again.stderr
    assert "going on after" in again.stderr
    assert out.read_bytes() == uninterrupted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["values.csv"]


def test_other_structures_start_afresh(trained: Trained, crystals: Path, uninterrupted: bytes, tmp_path: Path) -> None:
    """The control of going on: rows of another input are never joined."""
    out = tmp_path / "values.csv"
    (tmp_path / "values.csv.part").write_bytes(b"rows of something else\n")
    (tmp_path / "values.csv.part.journal").write_bytes(b'{"made_from": "something else"}\n')
    done = run(command(trained, crystals, out))
    assert "starting afresh" in done.stderr
    assert out.read_bytes() == uninterrupted


def test_a_full_disk_keeps_the_rows(trained: Trained, crystals: Path, uninterrupted: bytes, tmp_path: Path) -> None:
    """The control, a screening that nothing limits, is the run afterwards."""
    out = tmp_path / "values.csv"
    full = run(command(trained, crystals, out, code=FULL.format(size=len(uninterrupted) // 2)))
    assert full.returncode == 2
    assert "run the same command again" in full.stderr
    assert "Traceback" not in full.stderr
    assert uninterrupted.startswith((tmp_path / "values.csv.part").read_bytes())
    assert run(command(trained, crystals, out)).returncode == 0
    assert out.read_bytes() == uninterrupted


def test_a_closed_pipe_ends_quietly(trained: Trained, crystals: Path) -> None:
    process = subprocess.Popen(command(trained, crystals, None), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() in (0, 141)
    assert "Traceback" not in said


def test_places_that_cannot_be_written(trained: Trained, crystals: Path, tmp_path: Path) -> None:
    done = run(command(trained, crystals, tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a folder, expected the name of a file" in done.stderr
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"), PartialTable(tmp_path / "file/t.csv", made_from="x"):
        pass


def test_two_writers_of_one_table(tmp_path: Path) -> None:
    with (
        PartialTable(tmp_path / "t.csv", made_from="x"),
        pytest.raises(DataError, match="another run"),
        PartialTable(tmp_path / "t.csv", made_from="x"),
    ):
        pass


@pytest.mark.parametrize("cut", range(0, 400, 23))
def test_a_journal_or_table_cut_anywhere(tmp_path: Path, cut: int) -> None:
    """Whatever a power cut left of the two files, what is taken up again is whole chunks."""
    out = tmp_path / "t.csv"
    chunks = [f"row {k}\n".encode() * 5 for k in range(4)]
    for victim in ("t.csv.part", "t.csv.part.journal"):
        table = PartialTable(out, made_from="x").__enter__()
        for k, chunk in enumerate(chunks):
            table.append(chunk, Progress(rows=5 * (k + 1)))
        table.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        path = tmp_path / victim
        path.write_bytes(path.read_bytes()[:cut])
        with PartialTable(out, made_from="x") as table:
            done = table.progress.rows // 5
            assert (tmp_path / "t.csv.part").read_bytes() == b"".join(chunks[:done])
            for k, chunk in enumerate(chunks[done:], start=done):
                table.append(chunk, Progress(rows=5 * (k + 1)))
        assert out.read_bytes() == b"".join(chunks)


def test_the_whole_is_what_the_predictor_says(trained: Trained, crystals: Path, uninterrupted: bytes) -> None:
    from io import BytesIO

    table = pd.read_csv(BytesIO(uninterrupted))
    assert len(table) == 41
    assert table["error"].notna().sum() == 1


# After a prediction, what is loaded; then e3nn's own mark, with the compiler that it needs.
LOADED = """
import sys
from crystalmatrix.cli.main import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
print("compiler", "torch._dynamo" in sys.modules)
import torch
from crystalmatrix.models.e3 import o3
before = o3.so3_generators(2)
torch.compiler.disable(print)
print("compiler", "torch._dynamo" in sys.modules, torch.equal(o3.so3_generators(2), before))
"""


def test_a_prediction_loads_no_compiler(trained: Trained, crystals: Path, tmp_path: Path) -> None:
    """It would take as long as the whole rest of the start."""
    done = run(command(trained, crystals, tmp_path / "values.csv", code=LOADED))
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if "compiler" in line] == ["compiler False", "compiler True True"]
