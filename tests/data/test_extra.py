"""Extra training crystals: none stands in for a held-out one, and another functional's offset is found."""

import numpy as np
import pyarrow as pa
import pytest

from crystalmatrix.config import ConfigError, DataConfig, ExtraConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.data import extra as extra_module
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.extra import SAME_DISTANCES, SAME_GROUP, SAME_ID, check_names, own
from crystalmatrix.data.folds import numbers_of
from crystalmatrix.data.official import official_folds
from crystalmatrix.data.records import build_records
from crystalmatrix.data.splits import coverage, splits_table
from crystalmatrix.errors import DataError
from crystalmatrix.properties import PROPERTIES

from .entries import rock_salt

HALIDES = [(metal, halogen) for metal in ("Li", "Na", "K", "Rb", "Cs", "Ag") for halogen in ("F", "Cl", "Br", "I")]
NO_FOLDS: dict[str, dict[str, str]] = {name: {} for name in PROPERTIES if name != "formation_energy"}
TEST_ID = next(jid for jid, fold in official_folds("band_gap").items() if fold == c.TEST)


def caesium_chloride(jid, a=4.0, **labels):
    entry = rock_salt(jid, elements=("Na", "Cl"), **labels)
    entry["atoms"] |= {"lattice_mat": (a * np.eye(3)).tolist(), "coords": [[0, 0, 0], [a / 2] * 3]}
    return entry


def table_of(entries):
    return build_records(entries, id_key="jid", fields=fields_of({}), workers=1).table


def fold_numbers(records, folds):
    """As assign_folds gives them, of {property: {id: fold}}."""
    jids = own(records, ["more"])[c.JID]
    return {name: numbers_of(jids, fold_of) for name, fold_of in folds.items()}


def extra_of(records, folds, sources):
    return extra_module.extra_of(records, fold_numbers(records, folds), sources)


def extra(offset="none", weight=1.0):
    return ExtraConfig(name="more", source="more.json", offset=offset, weight=weight)


def test_what_stands_too_near_to_a_held_out_crystal_does_not_train():
    label = {"formation_energy_peratom": 1.0}
    strained = rock_salt("more:strained", **label)
    strained["atoms"]["lattice_mat"][0][1] *= 1.01  # no longer cubic, hardly another structure
    records = table_of(
        [
            rock_salt("held", **label),
            rock_salt("trains", elements=("K", "Cl"), **label),
            rock_salt("more:swollen", a=6.2, **label),
            strained,
            rock_salt("more:held", elements=("Li", "F"), **label),
            rock_salt(f"more:{TEST_ID}", elements=("Li", "Br"), **label),
            caesium_chloride("more:polymorph", **label),
            rock_salt("more:trained", elements=("K", "Cl"), **label),
            rock_salt("more:unlabelled", elements=("Li", "I")),
        ]
    )
    found = extra_of(records, {"formation_energy": {"held": c.TEST, "trains": c.TRAIN}} | NO_FOLDS, [extra(weight=0.5)])
    assert [(entry.jid.removeprefix("more:"), entry.twin, entry.why) for entry in found.removed] == [
        ("swollen", "held", SAME_GROUP),
        ("strained", "held", SAME_DISTANCES),
        ("held", "held", SAME_ID),
        (TEST_ID, TEST_ID, SAME_ID),
    ]
    assert [row[:3] for row in found.rows] == [
        (f"more:{jid}", "formation_energy", 0.5) for jid in ("polymorph", "trained")
    ]


def shifted(by):
    """Halides in training, and again in an extra source whose labels are higher by `by(metal)`."""
    energies = {pair: -1.0 - 0.1 * k for k, pair in enumerate(HALIDES)}
    ours = [rock_salt(f"{m}{x}", elements=(m, x), formation_energy_peratom=e) for (m, x), e in energies.items()]
    theirs = [
        rock_salt(f"more:{m}{x}", elements=(m, x), a=5.7, formation_energy_peratom=e + by(m))
        for (m, x), e in energies.items()
    ]
    new = rock_salt("more:new", elements=("Cu", "Cl"), formation_energy_peratom=5.0)
    folds = {"formation_energy": {f"{m}{x}": c.TRAIN for m, x in HALIDES}} | NO_FOLDS
    return table_of([*ours, *theirs, new]), folds


@pytest.mark.parametrize("offset", ["constant", "composition"])
def test_a_constant_offset_is_found(offset):
    records, folds = shifted(lambda metal: 0.25)
    found = extra_of(records, folds, [extra(offset)])
    assert found.pairs == {"more": {"formation_energy": len(HALIDES)}}
    np.testing.assert_allclose([row[3] for row in found.rows], 0.25, atol=1e-6)


def test_an_offset_that_follows_an_element_is_found():
    """Of lithium alone; and the control, a constant cannot follow it."""
    records, folds = shifted(lambda metal: 0.5 if metal == "Li" else 0.1)
    by_composition = {row[0]: row[3] for row in extra_of(records, folds, [extra("composition")]).rows}
    assert by_composition["more:LiF"] == pytest.approx(0.5, abs=0.15)
    assert by_composition["more:new"] == pytest.approx(0.1, abs=0.05)
    constant = {row[0]: row[3] for row in extra_of(records, folds, [extra("constant")]).rows}
    assert constant["more:LiF"] == pytest.approx(0.1, abs=1e-6)


def test_too_few_twins_give_no_offset():
    records, folds = shifted(lambda metal: 0.25)
    few = {"formation_energy": dict(list(folds["formation_energy"].items())[:5])} | NO_FOLDS
    found = extra_of(records, few, [extra("constant")])
    assert found.pairs == {"more": {"formation_energy": 5}}
    assert {row[3] for row in found.rows} == {0.0}


def test_extra_crystals_are_in_no_fold_but_training_and_counted_apart():
    records, folds = shifted(lambda metal: 0.25)
    folds["formation_energy"]["LiF"] = c.TEST
    mine = own(records, ["more"])
    assert mine[c.JID].to_pylist() == [f"{m}{x}" for m, x in HALIDES]
    found = extra_of(records, folds, [extra()])
    table = splits_table(mine, fold_numbers(records, folds), found)
    rows = table.filter(pa.compute.starts_with(table[c.JID], "more:"))
    assert set(rows[c.FOLD].to_pylist()) == {c.TRAIN}
    assert "more:LiF" not in rows[c.JID].to_pylist()
    counted = coverage(mine, table, scheme="official", extra=found)
    assert counted.properties["formation_energy"].held.train == len(HALIDES) - 1
    assert counted.properties["formation_energy"].extra == len(HALIDES)
    assert counted.extra_removed == {SAME_ID: 1}


def test_ids_that_would_be_mixed_up_are_refused():
    check_names(["more", "others:1"], [extra()])
    with pytest.raises(DataError, match=r"more:1 of data\.source reads like an id of more"):
        check_names(["more:1"], [extra()])


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "a/b", "source": "x"}, "expected letters"),
        ({"name": "a"}, "source: not found"),
        ({"name": "a", "source": "x", "offset": "linear"}, "offset"),
        ({"name": "a", "source": "x", "weight": 0}, "weight"),
    ],
)
def test_a_wrong_entry_is_one_line(entry, said):
    with pytest.raises(ConfigError, match=said):
        DataConfig.parse({"extra": [entry]})
    with pytest.raises(ConfigError, match="'a' 2 times"):
        DataConfig.parse({"extra": [{"name": "a", "source": "x"}] * 2})
