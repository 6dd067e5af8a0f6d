"""screen.py as a user runs it: a moved checkpoint, a folder with bad files, a CSV with units and reasons."""

import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crystalmatrix import Predictor
from crystalmatrix.inference.screening import screen

from .conftest import Trained
from .test_predictor import CLOSE, to_ase

SCRIPT = Path(__file__).parents[2] / "workflow_scripts/screen.py"


@pytest.fixture
def crystals(trained: Trained, tmp_path: Path) -> Path:
    folder = tmp_path / "my crystals"
    folder.mkdir()
    for entry in trained.entries[:5]:
        to_ase(entry).write(folder / f"{entry['jid']}.vasp", format="vasp", direct=True)
    (folder / "broken.cif").write_text("nothing")
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True)


def test_a_checkpoint_moved_elsewhere_gives_the_numbers_of_train_time(
    trained: Trained, crystals: Path, tmp_path: Path
) -> None:
    moved = shutil.copy(trained.model, tmp_path / "a model.pt")
    out = tmp_path / "made" / "values.csv"
    done = run(crystals, "--model", moved, "--out", out, "--batch-size", 2)
    assert done.returncode == 0, done.stderr
    assert "6 crystals, 1 of them without values (column error)" in done.stderr
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


def test_what_is_printed_is_the_table_alone(trained: Trained, crystals: Path) -> None:
    done = run(crystals, "--model", trained.model)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(StringIO(done.stdout))) == 6


def test_mistakes_are_one_line_and_leave_nothing(trained: Trained, tmp_path: Path) -> None:
    done = run(tmp_path / "none", "--model", trained.model, "--out", tmp_path / "values.csv", "--device", "cpu")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'none'}: not found, expected a structure file or a folder of them\n"
    assert list(tmp_path.iterdir()) == []


def test_chunks_make_one_table(trained: Trained, crystals: Path) -> None:
    texts = []
    for size in (1, 100):
        out = StringIO()
        screen(Predictor(trained.model, batch_size=size), [crystals], out)
        texts.append(out.getvalue())
    one, other = (pd.read_csv(StringIO(text)) for text in texts)
    assert list(one.columns) == list(other.columns)
    numbers = one.select_dtypes("number").columns
    np.testing.assert_allclose(one[numbers], other[numbers], rtol=1e-4, atol=1e-4)
