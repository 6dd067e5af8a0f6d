"""Ablations: what each variant changes, and that a member that two of them have in common is trained once."""

import argparse
import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crystalmatrix import config
from crystalmatrix.data.labels import TRAIN
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.tiers import TierConfig

from ..training.cases import SETTINGS, training_data
from ..training.fitting import CPU

ROOT = Path(__file__).parents[2]
TIERS = config.load(ROOT / "config.yaml").tiers
BLEND = TierConfig.parse(
    {
        "model": {
            "architecture": "blend",
            "members": [SETTINGS.model.model_dump(), SETTINGS.model.model_dump() | {"l_max": 0}],
        },
        "training": SETTINGS.training.model_dump(),
    }
)


@pytest.fixture
def ablation(beside_each_other):
    return importlib.import_module("ablation")


@pytest.fixture
def variants(beside_each_other):
    return importlib.import_module("variants").VARIANTS


def architectures(tier):
    return [member.architecture for member in tier.members]


def test_every_variant_changes_a_tier_or_the_data(variants):
    """And only what it says: the other tiers stay as they are."""
    tiers = [*TIERS.values(), TIERS["transfer"].model_copy(update={"training": TIERS["std"].training})]
    for name, variant in variants.items():
        assert variant.without or any(variant.settings(tier) != tier for tier in tiers), name
    assert variants["descriptors early"].settings(TIERS["lite"]) == TIERS["lite"]
    assert variants["kernel alone"].settings(TIERS["lite"]) == TIERS["lite"]
    assert variants["Muon"].settings(TIERS["lite"]).training.optimiser == "muon"


def test_members_of_a_blend_are_changed_or_left_out(variants):
    tier = TIERS["transfer"]
    assert architectures(variants["readout alone"].settings(tier)) == ["readout"]
    assert architectures(variants["no kernel"].settings(tier)) == ["readout", "equivariant"]
    late = variants["descriptors late"].settings(tier)
    assert late.members[1].descriptors_enter == "late"
    assert (late.members[0], late.members[2]) == (tier.members[0], tier.members[2])
    plain = variants["network without descriptors"].settings(tier)
    assert [member.descriptors for member in plain.members] == [("chgnet",), (), ("chgnet",)]
    kernel = variants["kernel on 7net-0, layer 2"].settings(tier).model
    assert (kernel.architecture, kernel.descriptors, kernel.descriptor_layers) == ("kernel", ("7net-0",), ("layer 2",))


def test_a_variant_that_changes_nothing_is_refused(ablation):
    def asked(*names):
        return argparse.Namespace(variants=list(names) or None, tier="lite")

    every = ablation.variants_for("dielectric", asked(), TIERS["lite"])
    assert {"no 3-body angles", "moments pooling", "Muon"} < set(every)
    assert not {"descriptors early", "kernel alone", "no proxies", "uniform sampling"} & set(every)
    assert ablation.variants_for("dielectric", asked("Muon", "no proxies"), TIERS["lite"]) == ["Muon", "no proxies"]
    with pytest.raises(ConfigError, match="kernel alone changes nothing of lite/dielectric"):
        ablation.variants_for("dielectric", asked("kernel alone"), TIERS["lite"])


def test_an_extra_source_is_left_out_of_training(ablation):
    data = training_data(["formation_energy"])
    jid = data.features.jid.astype("U20")
    jid[:5] = [f"proxies:{k}" for k in range(5)]
    data = replace(data, features=replace(data.features, jid=jid))
    before = (data.fold == TRAIN).sum()
    found = ablation.without_source(data, "proxies")
    assert (found.fold == TRAIN).sum() == before - (data.fold[:5] == TRAIN).sum() < before
    assert ablation.without_source(data, "") is data
    with pytest.raises(DataError, match="no training label is of megnet"):
        ablation.without_source(data, "megnet")


def test_a_common_member_is_trained_once(ablation, tmp_path, capsys):
    """The network of the blend is that which was trained alone; the other member is trained, as the control."""
    data = training_data(["formation_energy"])
    arguments = argparse.Namespace(out=tmp_path, tier="mine")

    def trained(settings, folder):
        capsys.readouterr()
        found = ablation.trained(data, settings, "formation_energy", 0, tmp_path / folder, arguments, CPU, None)
        return found, capsys.readouterr().out.count("epoch 1/")

    alone, n_alone = trained(BLEND.of_member(0), "alone")
    blend, n_blend = trained(BLEND, "blend")
    assert (n_alone, n_blend) == (1, 1), "not two for the blend"
    assert all((blend.members[0][name] == weights).all() for name, weights in alone.members[0].items())
    assert trained(BLEND, "blend")[1] == 0


def test_rows_hold_the_paired_difference(ablation, tmp_path):
    rows = importlib.import_module("rows").Rows(tmp_path / "rows.json")
    noise = np.random.default_rng(0).normal(size=(3, 400))
    error = {"as it is": {"ehull": noise}, "worse": {"ehull": 1.5 * noise}}
    summary = argparse.Namespace(train_seconds=7.0)
    arguments = argparse.Namespace(tier="lite", fold="val", max_epochs=None)
    for _ in range(2):
        ablation.keep(rows, "worse", error, ["ehull"], [argparse.Namespace(summary=summary)] * 3, arguments)
    (row,) = json.loads(rows.path.read_text())["rows"]
    assert row["verdict"] == "worse"
    assert row["difference"] == pytest.approx(0.5 * np.abs(noise).mean())
    assert (row["n"], row["seeds"], row["seconds"]) == (400, 3, 7.0)
