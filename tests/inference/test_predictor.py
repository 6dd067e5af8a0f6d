"""The Predictor gives the numbers of train time, whatever the batch, the order, the cell and the form of a crystal."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from ase.build import make_supercell

from crystalmatrix import Predictor
from crystalmatrix.contracts import columns
from crystalmatrix.crystals.crystal import Failure
from crystalmatrix.descriptors.potential import shared_potential
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.inference import PropertyCalculator
from crystalmatrix.inference.model import LoadedModel
from crystalmatrix.models.crystal import HEADS
from crystalmatrix.shipped import MODELS, PROJECT
from crystalmatrix.trained.checkpoint import load_checkpoint, save_checkpoint

from .conftest import PROPERTIES, Trained

CLOSE = {"rtol": 2e-5, "atol": 2e-5}  # float32: sums of another batch are rounded in another order


@pytest.fixture(scope="session")
def predictor(trained: Trained) -> Predictor:
    return Predictor(trained.model)


@pytest.fixture(scope="session")
def table(predictor: Predictor, trained: Trained) -> pd.DataFrame:
    return predictor.predict(trained.entries)


def to_ase(entry: dict) -> Atoms:
    atoms = entry["atoms"]
    return Atoms(atoms["elements"], positions=atoms["coords"], cell=atoms["lattice_mat"], pbc=True)


def values(table: pd.DataFrame, predictor: Predictor) -> np.ndarray:
    return table[list(predictor.units)].to_numpy(np.float64)


def test_predictions_are_those_of_train_time(trained: Trained, table: pd.DataFrame) -> None:
    by_id = table.set_index("id")
    for name, rows in trained.predictions.groupby(columns.PROPERTY):
        found = by_id.loc[rows[columns.JID]]
        for column, ours in ((columns.PREDICTION, ""), (columns.LOWER, "_lower"), (columns.UPPER, "_upper")):
            np.testing.assert_allclose(found[f"{name}{ours}"], rows[column], **CLOSE)


def test_table_has_a_row_a_crystal_in_order_with_units_and_bounds(
    trained: Trained, predictor: Predictor, table: pd.DataFrame
) -> None:
    assert table["id"].tolist() == [entry["jid"] for entry in trained.entries]
    assert (table["error"] == "").all()
    assert predictor.properties == PROPERTIES
    assert table.attrs["units"] == predictor.units
    assert [predictor.units[name] for name in PROPERTIES] == ["eV/atom", "1", "pC/N"]
    for name in PROPERTIES:
        assert (table[f"{name}_lower"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_upper"]).all()
    assert sorted(re.findall("[A-Z][a-z]?", table["formula"][0])) == sorted(trained.entries[0]["atoms"]["elements"])


@pytest.mark.parametrize("batch_size", [1, 7])
def test_neither_batch_size_nor_order_changes_a_number(
    trained: Trained, predictor: Predictor, table: pd.DataFrame, batch_size: int
) -> None:
    order = np.random.default_rng(0).permutation(len(trained.entries))
    other = Predictor(trained.model, batch_size=batch_size).predict([trained.entries[i] for i in order])
    assert other["id"].tolist() == table["id"].iloc[order].tolist()
    np.testing.assert_allclose(values(other, predictor), values(table, predictor)[order], **CLOSE)
    np.testing.assert_allclose(other["novelty"], table["novelty"].iloc[order], **CLOSE)


def test_a_supercell_is_the_same_crystal(trained: Trained, predictor: Predictor, table: pd.DataFrame) -> None:
    atoms = [make_supercell(to_ase(entry), [[1, 1, 0], [0, 1, 0], [0, 0, 2]]) for entry in trained.entries[:6]]
    np.testing.assert_allclose(
        values(predictor.predict(atoms), predictor), values(table, predictor)[:6], rtol=1e-3, atol=1e-3
    )


def test_symmetry_decides_where_a_tensor_vanishes(predictor: Predictor, table: pd.DataFrame) -> None:
    centrosymmetric = np.arange(len(table)) % 2 == 0
    zero = table.loc[centrosymmetric, ["piezoelectric", "piezoelectric_lower", "piezoelectric_upper"]]
    assert (zero == 0).all(axis=None)
    assert (table.loc[~centrosymmetric, "piezoelectric_upper"] > 0).all()


def test_failures_stand_between_the_others_with_their_reasons(
    trained: Trained, predictor: Predictor, table: pd.DataFrame
) -> None:
    xenon = to_ase(trained.entries[1])
    xenon.symbols = ["Xe", "F"]
    crowd = to_ase(trained.entries[1])
    crowd.positions[1] = crowd.positions[0]
    found = predictor.predict([trained.entries[0], xenon, Failure("gone.cif", "unreadable: gone"), crowd, 7])
    assert found["id"].tolist() == ["JVASP-100", "1", "gone.cif", "3", "4"]
    assert found["error"][0] == ""
    assert found["error"][1] == "unknown element: the model was trained on no crystal with Xe"
    assert found["error"][2] == "unreadable: gone"
    assert found["error"][3].startswith("atoms too close")
    assert found["error"][4].startswith("no structure: found builtins.int")
    np.testing.assert_allclose(values(found, predictor)[0], values(table, predictor)[0], **CLOSE)
    assert np.isnan(values(found, predictor)[1:]).all()
    assert found["in_domain"].isna().tolist() == [False, True, True, True, True]


def test_a_crystal_that_no_graph_can_be_made_of_stops_no_other(trained: Trained, predictor: Predictor) -> None:
    thin = to_ase(trained.entries[0])
    thin.set_cell(np.diag([150.0, 150.0, 150.0]))  # 13 neighbours are further away than any search goes
    found = predictor.predict([trained.entries[0], thin, trained.entries[1]])
    assert found["error"].tolist()[::2] == ["", ""]
    assert "neighbours" in found["error"][1]


def test_squeezed_and_stretched_crystals_are_outside_the_domain(
    trained: Trained, predictor: Predictor, table: pd.DataFrame
) -> None:
    known = [entry["jid"] for entry in trained.entries[:20]]
    assert table.set_index("id").loc[known, "in_domain"].mean() > 0.9
    strange = [to_ase(entry) for entry in trained.entries]
    for atoms in strange:
        atoms.set_cell(atoms.cell * 0.6, scale_atoms=True)
    found = predictor.predict(strange)
    valid = found["error"] == ""
    assert valid.mean() > 0.9
    assert (~found["in_domain"][valid]).mean() > 0.5
    assert found["novelty"][valid].median() > 10 * table["novelty"].median()


@pytest.fixture(scope="module")
def less(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the dielectric constant alone that knows no chlorine; else it says what the other does."""
    whole = load_checkpoint(trained.model)
    path = tmp_path_factory.mktemp("less") / "less.pt"
    save_checkpoint(path, replace(whole, elements=[z for z in whole.elements if z != 17], properties=["dielectric"],
                                  targets=[whole.targets[1]], members=[_of_head(m, 1) for m in whole.members],
                                  summary=whole.summary.model_copy(update={"task": "dielectric"})))  # fmt: skip
    return path


def _of_head(weights: dict[str, torch.Tensor], head: int) -> dict[str, torch.Tensor]:
    """The same network with one head."""
    others = {name: value for name, value in weights.items() if not name.startswith(HEADS)}
    own = f"{HEADS}{head}."
    return others | {f"{HEADS}0.{k.removeprefix(own)}": v for k, v in weights.items() if k.startswith(own)}


def chlorides(trained: Trained) -> np.ndarray:
    found = np.array(["Cl" in entry["atoms"]["elements"] for entry in trained.entries])
    assert 0 < found.sum() < len(found)
    return found


def test_what_a_model_cannot_take_another_gives(
    trained: Trained, less: Path, predictor: Predictor, table: pd.DataFrame
) -> None:
    """Same weights, so same values; the note names both models, and the property counts as outside its domain."""
    found = Predictor([less, trained.model]).predict(trained.entries)
    chlorine = chlorides(trained)
    for name in predictor.units:
        np.testing.assert_allclose(found[name], table[name], **CLOSE)
    assert (found["error"] == "").all()
    assert set(found["note"][chlorine]) == {
        "dielectric by tiny/multitask, where the model before it could not "
        "(unknown element: the model was trained on no crystal with Cl)"
    }
    assert (found["note"][~chlorine] == "").all()
    assert not found["dielectric_in_domain"][chlorine].any()
    assert not found["in_domain"][chlorine].any()
    pd.testing.assert_series_equal(found["dielectric_in_domain"][~chlorine], table["dielectric_in_domain"][~chlorine])
    pd.testing.assert_series_equal(found["piezoelectric_in_domain"], table["piezoelectric_in_domain"])


def test_without_another_model_the_row_says_what_is_missing(trained: Trained, less: Path, table: pd.DataFrame) -> None:
    """The control, and a table of two models of which none has the other's property."""
    chlorine = chlorides(trained)
    alone = Predictor([less]).predict(trained.entries)
    assert alone["dielectric"].isna().tolist() == chlorine.tolist()
    assert set(alone["error"]) == {"", "unknown element: the model was trained on no crystal with Cl"}
    whole = load_checkpoint(trained.model)
    other = less.with_name("energy.pt")
    save_checkpoint(other, replace(whole, properties=["formation_energy"], targets=whole.targets[:1],
                                   members=[_of_head(m, 0) for m in whole.members]))  # fmt: skip
    both = Predictor([less, other]).predict(trained.entries)
    np.testing.assert_allclose(both["formation_energy"], table["formation_energy"], **CLOSE)
    assert both["dielectric"].isna().tolist() == chlorine.tolist()
    assert both["error"][chlorine].str.startswith("dielectric: unknown element").all()
    assert (both["error"][~chlorine] == "").all()
    with pytest.raises(ConfigError, match="no model here predicts 'spillage'"):
        Predictor([trained.model], properties=["spillage"])


def test_values_depend_on_no_other_crystal_where_two_models_share_a_table(trained: Trained, less: Path) -> None:
    two = Predictor([less, trained.model])
    whole = two.predict(trained.entries)
    alone = pd.concat([two.predict([entry]) for entry in trained.entries[:8]], ignore_index=True)
    pd.testing.assert_frame_equal(alone, whole.head(8), check_exact=False, rtol=1e-4)


def test_a_model_whose_potential_is_not_there_leaves_its_properties_to_the_others(
    trained: Trained, less: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: LoadedModel, path: Path, **keywords: Any) -> None:
        init(self, path, **keywords)
        self.refusal = "potential chgnet: the package chgnet is not installed" if path == less else ""

    init = LoadedModel.__init__
    monkeypatch.setattr(LoadedModel, "__init__", missing)
    found = Predictor([less, trained.model]).predict(trained.entries)
    np.testing.assert_allclose(found["dielectric"], table["dielectric"], **CLOSE)
    assert found["note"].str.contains("chgnet is not installed").all()
    with pytest.raises(ConfigError, match="chgnet is not installed"):
        Predictor([less])


def test_a_crystal_too_large_for_the_potential_gets_the_value_of_a_model_that_needs_none(
    trained: Trained, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [entry for entry in trained.entries if "Cl" not in entry["atoms"]["elements"]][:3]
    rows = table["id"].isin([entry["jid"] for entry in some])
    two = Predictor([PROJECT / MODELS / "dielectric.pt", trained.model], device="cpu")
    own = two.predict(some)
    assert (own["note"] == "").all(), "the control: two atoms are not too many"
    monkeypatch.setattr(shared_potential("chgnet", "cpu"), "most_atoms", 1)
    found = two.predict(some)
    np.testing.assert_allclose(found["dielectric"], table["dielectric"][rows], **CLOSE)
    assert found["note"].str.contains("chgnet cannot describe it").all()
    assert found["dielectric_in_domain"].tolist() == table["dielectric_in_domain"][rows].tolist()
    assert (found["error"] == "").all()
    assert np.abs(own["dielectric"] - found["dielectric"]).min() > 1e-3


def test_what_was_trained_on_is_asked_of_the_model_that_gives_the_value(trained: Trained, less: Path) -> None:
    two = Predictor([less, trained.model])
    chlorine = chlorides(trained)
    for k, entry in enumerate(trained.entries[:20]):  # the training fold
        numbers = [SYMBOLS.index(symbol) for symbol in entry["atoms"]["elements"]]
        assert all(two.was_trained_on(entry["jid"], numbers).values())
        assert ("dielectric" in Predictor(less).was_trained_on(entry["jid"], numbers)) == (not chlorine[k])


def test_the_distance_from_training_is_that_of_the_predictions(trained: Trained, table: pd.DataFrame) -> None:
    known = trained.predictions[trained.predictions["property"] == "dielectric"].set_index("jid")["novelty"]
    found = table.set_index("id")["novelty"].loc[known.index]
    assert known.nunique() > 10
    np.testing.assert_allclose(found, known, **CLOSE)


def test_no_crystal_at_all_is_an_empty_table(predictor: Predictor, table: pd.DataFrame) -> None:
    empty = predictor.predict([])
    assert len(empty) == 0
    assert list(empty.columns) == list(table.columns)


def test_calculator(trained: Trained, predictor: Predictor, table: pd.DataFrame) -> None:
    atoms = to_ase(trained.entries[3])
    atoms.calc = PropertyCalculator(predictor)
    assert atoms.calc.get_property("formation_energy", atoms) == pytest.approx(table["formation_energy"][3], rel=1e-4)
    atoms.set_cell(atoms.cell * 1.1, scale_atoms=True)
    changed = atoms.calc.get_property("formation_energy", atoms)
    assert changed == pytest.approx(predictor.predict(atoms)["formation_energy"][0], rel=1e-4)
    atoms.symbols = ["Xe", "F"]
    with pytest.raises(DataError, match="unknown element"):
        atoms.calc.get_property("formation_energy", atoms)


def test_a_model_that_never_saw_a_validation_crystal_says_nothing_of_its_domain(
    trained: Trained, predictor: Predictor
) -> None:
    assert load_checkpoint(trained.model).domain is not None
    other = Predictor(trained.model)
    object.__setattr__(other.models[0].checkpoint, "domain", None)
    found = other.predict(trained.entries[0])
    assert found["in_domain"].isna().all()
    assert found["error"].tolist() == [""]


def test_a_missing_model_or_device_is_one_line(trained: Trained) -> None:
    with pytest.raises(DataError, match="not found"):
        Predictor(trained.model.with_name("none.pt"))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="sees no GPU"):
            Predictor(trained.model, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_gpu_and_cpu_agree(trained: Trained, predictor: Predictor) -> None:
    other = Predictor(trained.model, device="cuda").predict(trained.entries)
    cpu = Predictor(trained.model, device="cpu").predict(trained.entries)
    np.testing.assert_allclose(values(other, predictor), values(cpu, predictor), rtol=1e-3, atol=1e-3)
