"""`crystalmatrix predict` to a table: a moved checkpoint, a folder with bad files, a CSV with units and reasons."""

import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crystalmatrix import Predictor
from crystalmatrix.inference.output import Progress
from crystalmatrix.inference.screening import screen

from .. import preloaded
from .conftest import Trained
from .test_predictor import CLOSE, to_ase

COMMAND = [sys.executable, "-c", "from crystalmatrix.cli.main import main; main()", "predict"]


@pytest.fixture
def crystals(trained: Trained, tmp_path: Path) -> Path:
    folder = tmp_path / "my crystals"
    folder.mkdir()
    for entry in trained.entries[:5]:
        to_ase(entry).write(folder / f"{entry['jid']}.vasp", format="vasp", direct=True)
    (folder / "broken.cif").write_text("nothing")
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return preloaded.run([*COMMAND, *map(str, arguments), "--device", "cpu"], preload=preloaded.PREDICTING)


def table_of(ended: subprocess.CompletedProcess[str], out: Path) -> pd.DataFrame:
    assert ended.returncode == 0, ended.stderr
    return pd.read_csv(out, keep_default_na=False)


def test_a_checkpoint_moved_elsewhere_gives_the_numbers_of_train_time(
    trained: Trained, crystals: Path, tmp_path: Path
) -> None:
    moved = shutil.copy(trained.model, tmp_path / "a model.pt")
    out = tmp_path / "made" / "values.csv"
    done = run(crystals, "--model", moved, "--out", out, "--batch-size", 2)
    assert done.returncode == 0, done.stderr
    assert "6 crystals, 1 of them lacking values (column error)" in done.stderr
    table = pd.read_csv(out).set_index("id")
    assert table.index.tolist() == [f"JVASP-{100 + i}.vasp" for i in range(5)] + ["broken.cif"]
    assert table["error"]["broken.cif"].startswith("no structure: no data block with atoms")
    expected = Predictor(trained.model).predict(trained.entries[:5])
    for column, ours in (
        ("formation_energy [eV/atom]", "formation_energy"),
        ("dielectric", "dielectric"),
        ("piezoelectric_upper [pC/N]", "piezoelectric_upper"),
    ):
        np.testing.assert_allclose(table[column][:5], expected[ours], rtol=1e-4, atol=CLOSE["atol"])


def test_mistakes_are_one_line_and_leave_nothing(trained: Trained, tmp_path: Path) -> None:
    done = run(tmp_path / "none", "--model", trained.model, "--out", tmp_path / "values.csv")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'none'}: not found, expected a structure file or a folder of them\n"
    assert list(tmp_path.iterdir()) == []


class Rows:
    """An output that keeps everything in memory."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.text = ""

    def append(self, rows: bytes, progress: Progress) -> None:
        self.text += rows.decode()
        self.progress = progress


def test_chunks_make_one_table(trained: Trained, crystals: Path) -> None:
    texts = []
    for size in (1, 100):
        out = Rows()
        screen(Predictor(trained.model, batch_size=size), [crystals], out)
        texts.append(out.text)
    one, other = (pd.read_csv(StringIO(text)) for text in texts)
    assert list(one.columns) == list(other.columns)
    numbers = one.select_dtypes("number").columns
    np.testing.assert_allclose(one[numbers], other[numbers], rtol=1e-4, atol=1e-4)


def test_what_was_remarked_on_reading_stands_in_the_table(trained: Trained, tmp_path: Path) -> None:
    text = "data_t\n" + "".join(f"_cell_length_{axis} 2.98\n" for axis in "abc") + "# Formula: Mg O H2\n"
    text += "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    (tmp_path / "mgo.cif").write_text(text + "Mg1 0 0 0\nO1 .5 .5 .5\n")
    done = run(tmp_path / "mgo.cif", "--model", trained.model, "--out", tmp_path / "t.csv")
    table = table_of(done, tmp_path / "t.csv")
    assert list(table.columns[-2:]) == ["note", "error"]
    assert "hydrogen is missing" in table["note"][0]
    assert table["error"][0] == ""
    assert "1 with a remark" in done.stderr


def test_files_passed_over_are_counted_and_named(trained: Trained, crystals: Path, tmp_path: Path) -> None:
    (crystals / "README.txt").write_text("about")
    done = run(crystals, "--model", trained.model, "--out", tmp_path / "t.csv")
    assert "1 file of other kinds passed over" in done.stderr
    assert "README.txt" in done.stderr


def test_names_with_commas_quotes_lines_and_bytes(trained: Trained, crystals: Path, tmp_path: Path) -> None:
    source = (crystals / "JVASP-100.vasp").read_bytes()
    folder = tmp_path / "odd"
    folder.mkdir()
    names = ["a,b.vasp", 'say "x".vasp', "two\nlines.vasp", "$(rm x).vasp", "-dash.vasp"]
    for name in names:
        (folder / name).write_bytes(source)
    with open(os.fsencode(folder) + b"/caf\xe9.vasp", "wb") as handle:
        handle.write(source)
    done = run(folder, "--model", trained.model, "--out", tmp_path / "t.csv")
    table = table_of(done, tmp_path / "t.csv")
    assert set(table["error"]) == {""}
    found = set(table["id"])
    assert {"a,b.vasp", 'say "x".vasp', "$(rm x).vasp", "-dash.vasp", r"caf\xe9.vasp"} <= found
    assert len(found) == 6


def test_equal_names_in_two_folders_are_two_ids(trained: Trained, crystals: Path, tmp_path: Path) -> None:
    shutil.copytree(crystals, tmp_path / "other")
    done = run(crystals, tmp_path / "other", "--model", trained.model, "--out", tmp_path / "t.csv")
    table = table_of(done, tmp_path / "t.csv")
    assert len(table) == table["id"].nunique() == 12
