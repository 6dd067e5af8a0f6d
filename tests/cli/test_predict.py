"""`crystalmatrix predict` and `features`: files to tables, the same numbers as the Predictor gives."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from crystalmatrix import Predictor
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.files import read_structures, structure_files
from crystalmatrix.descriptors.potential import load_potential

from ..inference.conftest import PROPERTIES, Trained
from .conftest import Run

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def test_the_screen_shows_value_interval_unit_and_domain(run: Run, trained: Trained, crystals: Path) -> None:
    (crystals / "broken.cif").write_text("nothing")
    ended = run("predict", crystals, "--model", trained.model, "--device", "cpu")
    assert ended.code == 0, ended.err
    row = Predictor(trained.model, device="cpu").predict(crystals / "JVASP-100.vasp").iloc[0]
    lines = ended.out.splitlines()
    shown = next(line for line in lines if line.startswith("JVASP-100"))
    assert f"{row['formation_energy']:.4g}" in shown
    assert "eV/atom" in shown
    assert "inside" in shown or "OUTSIDE" in shown
    assert any(line.startswith("broken.cif: no structure") for line in lines)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_files_by_their_ending_hold_the_predictors_numbers(
    run: Run, trained: Trained, crystals: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / "made" / f"table{suffix}"
    ended = run("predict", crystals, "--model", trained.model, "--out", out, "--device", "cpu")
    assert ended.code == 0, ended.err
    expected = Predictor(trained.model, device="cpu").predict(crystals)
    if suffix == ".csv":
        found = pd.read_csv(out)["formation_energy [eV/atom]"]
    elif suffix == ".parquet":
        found = pd.read_parquet(out)["formation_energy"]
        assert pq.read_schema(out).field("formation_energy").metadata[b"unit"] == b"eV/atom"
    else:
        rows = json.loads(out.read_text())
        found = [row["properties"]["formation_energy"]["value"] for row in rows]
        assert {row["properties"]["formation_energy"]["unit"] for row in rows} == {"eV/atom"}
    np.testing.assert_allclose(found, expected["formation_energy"], **CLOSE)


def test_only_the_properties_asked_for(run: Run, trained: Trained, crystals: Path, tmp_path: Path) -> None:
    out = tmp_path / "one.parquet"
    run("predict", crystals, "--model", trained.model, "--out", out, "--properties", "dielectric", "--device", "cpu")
    table = pd.read_parquet(out)
    assert "dielectric" in table
    assert "formation_energy" not in table


def test_shipped_models_are_the_default_and_give_one_table(
    run: Run, trained: Trained, crystals: Path, tmp_path: Path
) -> None:
    """The property's own model goes before the multi-task one, which gives the others."""
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(trained.model, models / "multitask.pt")
    shutil.copy(trained.model, models / "dielectric.pt")
    ended = run("predict", crystals, "--out", "all.parquet", "--device", "cpu")
    assert ended.code == 0, ended.err
    assert ended.err.startswith(f"models: {Path('models/dielectric.pt')}, {Path('models/multitask.pt')}")
    table = pd.read_parquet("all.parquet")
    expected = Predictor(trained.model, device="cpu").predict(crystals)
    for name in PROPERTIES:
        np.testing.assert_allclose(table[name], expected[name], **CLOSE)


def test_without_a_model_one_line_says_what_to_do(run: Run, crystals: Path) -> None:
    ended = run("predict", crystals)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "snakemake --cores all" in ended.err


def test_features_of_crystals_and_atoms_agree(run: Run, trained: Trained, crystals: Path) -> None:
    for per in ("crystal", "atom"):
        out = f"{per}.parquet"
        ended = run("features", crystals, "--out", out, "--per", per, "--model", trained.model, "--device", "cpu")
        assert ended.code == 0, ended.err
    crystal, atom = pd.read_parquet("crystal.parquet"), pd.read_parquet("atom.parquet")
    assert len(crystal) == 3
    assert len(atom) == 6
    assert atom.columns.tolist()[:4] == ["id", "formula", "atom", "element"]
    assert crystal["formula"].tolist() == Predictor(trained.model, device="cpu").predict(crystals)["formula"].tolist()
    feature = [name for name in atom if name.startswith("feature_")]
    mean = atom.groupby("id", sort=False)[feature].mean().to_numpy()
    deviation = atom.groupby("id", sort=False)[feature].std(ddof=0).to_numpy()
    numbers = crystal.drop(columns=["id", "formula"]).to_numpy()
    np.testing.assert_allclose(numbers, np.hstack([mean, deviation]), atol=1e-5)
    assert np.ptp(mean, axis=0).max() > 1e-3  # the crystals differ, so agreement means something


def test_features_of_a_potential_are_its_descriptors(run: Run, crystals: Path) -> None:
    ended = run("features", crystals, "--out", "atoms.parquet", "--per", "atom", "--model", "chgnet", "--device", "cpu")
    assert ended.code == 0, ended.err
    table = pd.read_parquet("atoms.parquet")
    structures = [item for item in read_structures(structure_files([crystals])) if isinstance(item, Crystal)]
    expected = load_potential("chgnet", device="cpu")(structures).features
    np.testing.assert_allclose(table.filter(like="feature_").to_numpy(), expected, rtol=1e-3, atol=1e-3)
    assert np.ptp(expected, axis=0).max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "none.cif"], "none.cif: not found"),
        (["predict", "empty"], "empty: found no structure file in it"),
        (["predict", "crystals", "--properties", "bandgap"], "did you mean 'band_gap'?"),
        (["predict", "crystals", "--out", "crystals"], "a folder, expected the name of a file"),
        (["predict", "crystals", "--out", "t.xlsx"], "unknown ending '.xlsx'"),
        (["predict", "crystals", "--out", "file/t.csv"], "nothing can be written in file"),
        (["predict", "crystals", "--out", "t.cvs"], "did you mean '.csv'?"),
        (["predict", "crystals", "--model", "lite/gap"], "no model 'lite/gap' here"),
        (["predict", "crystals", "--model", "none.pt"], "no model 'none.pt' here"),
        (["predict", "crystals", "--modle", "x"], "did you mean '--model'?"),
        (["predict", "crystals", "--device", "gpu"], "did you mean 'cpu'?"),
        (["predict", "crystals", "--batch-size", "0"], "expected at least 1"),
        (["predict"], "required: FILE"),
        (["predct"], "did you mean 'predict'?"),
        (["features", "crystals", "--out", "t.json"], "unknown ending '.json'"),
        (["features", "none", "--out", "t.csv"], "none: not found"),
        (["features", "empty", "--out", "t.csv"], "empty: found no structure file in it"),
        (["features", "crystals", "--out", "t.csv", "--model", "cghnet"], "did you mean 'chgnet'?"),
        (["features", "crystals", "--out", "t.csv", "--per", "atm"], "did you mean 'atom'?"),
    ],
)
def test_mistakes_are_one_line(run: Run, crystals: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    ended = run(*arguments)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert ended.err.splitlines()[0].find(said) > 0, ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_property_that_the_model_lacks(run: Run, trained: Trained, crystals: Path) -> None:
    ended = run("predict", crystals, "--model", trained.model, "--properties", "band_gap", "--device", "cpu")
    assert ended.code == 2
    assert "no model here predicts 'band_gap'" in ended.err
