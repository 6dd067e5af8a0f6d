"""The models that come with the project: whole, small, trained on no held-out crystal, the same on every machine."""

import json

import numpy as np
import pytest
from ase.build import bulk

import minerals
from crystalmatrix import Predictor
from crystalmatrix.contracts.card import ModelCard
from crystalmatrix.contracts.columns import TRAIN
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.data.official import official_folds
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.files import sha256
from crystalmatrix.properties import MULTITASK, PROPERTIES
from crystalmatrix.shipped import MODELS, PROJECT
from crystalmatrix.trained.checkpoint import Checkpoint, load_checkpoint

FOLDER = PROJECT / MODELS
MOST_BYTES = 25e6
CLOSE = 1e-3  # relative; sums of float32 in another order


@pytest.fixture(scope="module")
def checkpoints() -> dict[str, Checkpoint]:
    return {path.stem: load_checkpoint(path) for path in sorted(FOLDER.glob("*.pt"))}


def test_there_is_one_for_every_property_and_for_all(checkpoints: dict[str, Checkpoint]) -> None:
    assert set(checkpoints) == {*PROPERTIES, MULTITASK}
    assert sum(path.stat().st_size for path in FOLDER.glob("*.pt")) < MOST_BYTES


def test_each_is_what_its_cards_describe(checkpoints: dict[str, Checkpoint]) -> None:
    for task, checkpoint in checkpoints.items():
        digest = sha256(FOLDER / f"{task}.pt")
        card = ModelCard.read(FOLDER / f"{task}.json")
        assert (card.sha256, card.tier) == (digest, checkpoint.tier)
        assert set(card.properties) == set(checkpoint.properties)
        assert digest in (FOLDER / f"{task}.md").read_text()


def test_no_held_out_crystal_was_trained_on(checkpoints: dict[str, Checkpoint]) -> None:
    """By the official folds, of all minerals; the control: training minerals are known."""
    predictor = Predictor([FOLDER / f"{name}.pt" for name in PROPERTIES], device="cpu")
    folds = {name: official_folds(name) for name in PROPERTIES}
    n_trained = 0
    for entry in mineral_entries():
        seen = predictor.was_trained_on(entry["jid"], [SYMBOLS.index(symbol) for symbol in entry["atoms"]["elements"]])
        for name, trained in seen.items():
            if trained:
                assert folds[name][entry["jid"]] == TRAIN
            n_trained += trained
    assert n_trained > 300


def test_the_demo_says_what_was_seen_of_its_minerals() -> None:
    """As the folds of the run say, in which only SrTiO3 is; the control is that all three answers come up."""
    entries = {entry["jid"]: entry for entry in mineral_entries()}
    strontium, calcium, manganese = (entries[jid] for jid in minerals.CHOSEN)
    predictor = Predictor([FOLDER / f"{name}.pt" for name in PROPERTIES], device="cpu")
    learned = {"dielectric", "piezoelectric", "ehull"}
    assert minerals.what_was_seen(predictor, strontium) == {
        name: minerals.LEARNED if name in learned else minerals.UNSEEN for name in PROPERTIES
    } | {"band_gap_mbj": minerals.VALIDATED}
    for entry in (calcium, manganese):
        assert set(minerals.what_was_seen(predictor, entry).values()) == {minerals.UNSEEN}


def test_predictions_are_the_golden_ones() -> None:
    golden = json.loads((FOLDER / "golden.json").read_text())["values"]
    entries = [{"jid": entry["jid"], "atoms": entry["atoms"]} for entry in mineral_entries() if entry["jid"] in golden]
    table = Predictor(device="cpu").predict(entries).set_index("id")
    for jid, values in golden.items():
        for name, value in values.items():
            np.testing.assert_allclose(table.loc[jid, name], value, rtol=CLOSE, atol=CLOSE)


def test_zirconia_has_all_nine_values_and_says_which_model_gave_them() -> None:
    """No dielectric label of training has Zr: its own model refuses, the multi-task model knows Zr by other labels."""
    zirconia = bulk("ZrO2", crystalstructure="fluorite", a=5.1)
    row = Predictor(device="cpu").predict(zirconia).iloc[0]
    assert row["error"] == ""
    for name in PROPERTIES:
        assert row[f"{name}_lower"] <= row[name] <= row[f"{name}_upper"]
    assert "dielectric, piezoelectric by transfer/multitask" in row["note"]
    assert "no crystal with Zr" in row["note"]
    assert not row["dielectric_in_domain"]
    alone = Predictor([FOLDER / "dielectric.pt"], device="cpu").predict(zirconia).iloc[0]
    assert np.isnan(alone["dielectric"]), "the control"
    assert alone["error"] == "unknown element: the model was trained on no crystal with Zr"
