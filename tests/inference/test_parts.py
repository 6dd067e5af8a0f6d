"""A screening in parts: the rows of one screening, whatever the number of parts and whatever stops one of them."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from crystalmatrix import Predictor
from crystalmatrix.contracts.screening import ScreenPlan
from crystalmatrix.crystals import survey
from crystalmatrix.crystals.files import structure_files
from crystalmatrix.errors import DataError
from crystalmatrix.inference import output
from crystalmatrix.inference.output import PartialTable
from crystalmatrix.inference.parts import UNIT, screen_part, write_csv
from crystalmatrix.inference.reading import Reading

from ..crystals.databases import write
from .conftest import Trained
from .test_predictor import to_ase

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"


@pytest.fixture
def structures(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of frames, a database, a bad file and a file alone."""
    monkeypatch.setattr(survey, "GRAIN", 3)
    folder = tmp_path / "mine"
    folder.mkdir()
    atoms = [to_ase(entry) for entry in trained.entries]
    write(folder / "a.extxyz", atoms[:17])
    (folder / "b.cif").write_text("nothing")
    write(folder / "c.db", atoms[17:39])
    atoms[39].write(folder / "d.vasp", format="vasp")
    return folder


def planned(structures: Path, n_parts: int) -> ScreenPlan:
    files = structure_files([structures])
    return ScreenPlan(files_digest=survey.files_digest(files), n_files=len(files), parts=survey.cut(files, n_parts))


@pytest.fixture(scope="session")
def predictor(trained: Trained) -> Predictor:
    return Predictor(trained.model, device="cpu", batch_size=4)


@pytest.mark.parametrize("n_parts", [1, 3, 7, 60])
def test_all_parts_together_are_the_whole(structures: Path, n_parts: int) -> None:
    files = structure_files([structures])
    plan = planned(structures, n_parts)
    ends = [*plan.parts[1:], None]
    found = [item.id for part, end in zip(plan.parts, ends, strict=True) for item in Reading(files, part=part, end=end)]
    assert found == [item.id for item in Reading(files)]
    assert len(found) == 41
    for file, crystal, done in ((0, 16, 16), (0, 17, 17), (1, 1, 18), (2, 5, 23), (4, 0, 41)):  # as a journal has it
        left = [
            item.id
            for part, end in zip(plan.parts, ends, strict=True)
            for item in Reading(files, file=file, crystal=crystal, part=part, end=end)
        ]
        assert left == found[done:]


def test_parts_give_the_table_of_one_screening(
    trained: Trained, predictor: Predictor, structures: Path, tmp_path: Path
) -> None:
    plan = planned(structures, 3)
    parts = [tmp_path / f"results/part-{k}.parquet" for k in range(3)]
    for k, part in enumerate(parts):
        screen_part(predictor, [structures], plan, k, part, model=trained.model)
    there = sorted(path.name for path in parts[0].parent.iterdir() if not path.name.startswith("."))
    assert there == [part.name for part in parts]
    assert min(pq.read_metadata(part).num_rows for part in parts) > 8
    assert pq.read_schema(parts[0]).field("formation_energy").metadata == {UNIT: b"eV/atom"}
    whole = predictor.predict(structures)
    table = pd.read_parquet(parts[0].parent)
    assert table["id"].tolist() == whole["id"].tolist()
    assert table["error"].tolist() == whole["error"].tolist()
    numbers = whole.select_dtypes("number").columns
    np.testing.assert_allclose(table[numbers], whole[numbers], rtol=2e-5, atol=2e-5)
    said = write_csv(parts, tmp_path / "mine.csv")
    assert (said.rows, said.failed) == (41, 1)
    csv = pd.read_csv(tmp_path / "mine.csv")
    assert csv["id"].tolist() == whole["id"].tolist()
    np.testing.assert_allclose(csv["formation_energy [eV/atom]"], whole["formation_energy"], rtol=1e-4)


def test_a_part_that_was_stopped_goes_on(
    trained: Trained, predictor: Predictor, structures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(structures, 2)
    out, whole = tmp_path / "part-1.parquet", tmp_path / "whole.parquet"
    screen_part(predictor, [structures], plan, 1, whole, model=trained.model)
    append, left = output.PartialTable.append, [2]

    def stopped(table: output.PartialTable, rows: bytes, progress: output.Progress) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        append(table, rows, progress)

    with monkeypatch.context() as patch:
        patch.setattr(output.PartialTable, "append", stopped)
        with pytest.raises(KeyboardInterrupt):
            screen_part(predictor, [structures], plan, 1, out, model=trained.model)
    assert not out.exists()
    predicted: list[int] = []
    predict = predictor.predict_items
    monkeypatch.setattr(predictor, "predict_items", lambda items: predicted.append(len(items)) or predict(items))
    screen_part(predictor, [structures], plan, 1, out, model=trained.model)
    assert pq.read_table(out) == pq.read_table(whole)
    assert sum(predicted) == pq.read_metadata(out).num_rows - 8  # two chunks of four were kept


def test_a_file_that_changed_since_the_plan_is_refused(
    trained: Trained, predictor: Predictor, structures: Path, tmp_path: Path
) -> None:
    plan = planned(structures, 2)
    (structures / "b.cif").write_text("something else")
    with pytest.raises(DataError, match="changed while it was being screened; run the same command again"):
        screen_part(predictor, [structures], plan, 0, tmp_path / "part-0.parquet", model=trained.model)


def test_a_part_without_crystals_is_an_empty_table(
    trained: Trained, predictor: Predictor, structures: Path, tmp_path: Path
) -> None:
    plan = planned(structures, 60)
    part = next(k for k, part in enumerate(plan.parts) if part.n_crystals == 0)
    done = screen_part(predictor, [structures], plan, part, tmp_path / "part.parquet", model=trained.model)
    assert done.rows == pq.read_metadata(tmp_path / "part.parquet").num_rows == 0
    write_csv([tmp_path / "part.parquet"], tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().startswith("id,formula,n_atoms,formation_energy [eV/atom],")


def test_the_scripts_as_the_rules_call_them(trained: Trained, structures: Path, tmp_path: Path) -> None:
    plan, part, table = tmp_path / "_plan.json", tmp_path / "part-0.parquet", tmp_path / "mine.csv"
    write(structures / "e.jsonl", [to_ase(trained.entries[0])])
    for script, arguments in (
        ("screen_plan.py", [structures, "--parts", 1, "--out", plan]),
        ("screen_part.py", [structures, "--plan", plan, "--part", 0, "--model", trained.model, "--out", part]),
        ("screen_table.py", ["--folder", part.parent, "--parts", "1", "--structures", structures, "--out", table]),
    ):
        done = subprocess.run([sys.executable, SCRIPTS / script, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "42 crystals, 1 of them lacking values" in done.stdout
    assert len(pd.read_csv(table)) == 42


@contextmanager
def left_over_job(out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that holds the rows of a part until its input ends, as after kill -9 of snakemake."""
    code = "from crystalmatrix.inference.output import PartialTable; import sys\nfrom pathlib import Path\n"
    code += f"with PartialTable(Path({str(out.with_suffix('.rows'))!r}), made_from='x', wait=True):\n"
    code += "    print(flush=True); sys.stdin.read(); sys.exit(1)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as job:
        job.stdout.readline()  # type: ignore[union-attr]
        yield job


@pytest.mark.parametrize("finishes", [False, True])
def test_a_part_that_a_left_over_job_writes_is_waited_for(
    trained: Trained,
    predictor: Predictor,
    structures: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    finishes: bool,
) -> None:
    """The next run starts the same part; what the other has finished by then is taken and nothing is predicted."""
    out, whole = tmp_path / "part-0.parquet", tmp_path / "whole.parquet"
    arguments = ([structures], planned(structures, 1), 0)
    screen_part(predictor, *arguments, whole, model=trained.model)
    mine = SimpleNamespace(units={}, batch_size=predictor.batch_size) if finishes else predictor
    with left_over_job(out) as job:
        screening = threading.Thread(target=partial(screen_part, mine, *arguments, out, model=trained.model))
        screening.start()
        screening.join(1)
        assert screening.is_alive()
        if finishes:
            whole.replace(out)
        assert out.exists() == finishes
        job.stdin.close()  # type: ignore[union-attr]
        screening.join()
    assert "left over from a killed run: waiting for its end" in capfd.readouterr().err
    assert pq.read_table(out).num_rows == 41
    assert not out.with_suffix(".rows").exists()


def test_a_file_that_is_waited_for_keeps_its_lock(tmp_path: Path) -> None:
    """A lock whose file is removed and made again would be two: one for who waited, one for who comes then."""
    with PartialTable(tmp_path / "part-0.rows", made_from="x", wait=True):
        lock = (tmp_path / ".part-0.rows.part.lock").stat().st_ino
    assert (tmp_path / ".part-0.rows.part.lock").stat().st_ino == lock
    with PartialTable(tmp_path / "values.csv", made_from="x"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"part-0.rows", ".part-0.rows.part.lock", "values.csv"}
