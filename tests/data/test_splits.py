"""Folds: the official ones, strictness, and drawn ones that depend on seed and content alone."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.coverage import FoldCounts
from crystalmatrix.data import official
from crystalmatrix.data import splits as splits_module
from crystalmatrix.data.official import duplicate_ids, official_folds, official_properties
from crystalmatrix.data.splits import assign_folds, coverage, draw_folds, splits_table
from crystalmatrix.errors import DataError
from crystalmatrix.properties import PROPERTIES

FRACTIONS = (0.8, 0.1, 0.1)


def records(jids, *, formula=None, space_group=None, **labels):
    """A table with what the splits look at; every crystal has every official label unless `labels` says otherwise."""
    n = len(jids)
    default = {name: [1.0 if name in official_properties() else None] * n for name in PROPERTIES}
    columns = {name: pa.array(values, pa.float64()) for name, values in (default | labels).items()}
    return pa.table(
        {c.JID: list(jids), c.FORMULA: formula or ["NaCl"] * n, c.SPACE_GROUP: space_group or [225] * n, **columns}
    )


def table_of(table, **config):
    return splits_table(table, assign_folds(table, DataConfig(**config))).to_pandas()


def test_official_folds_go_to_labelled_crystals_only():
    folds = official_folds("band_gap")
    held_out = next(jid for jid, fold in folds.items() if fold == c.TEST)
    training = next(jid for jid, fold in folds.items() if fold == c.TRAIN)
    splits = table_of(records([held_out, training, "mine"], band_gap=[1.0, None, 1.0]))
    gaps = splits[splits[c.PROPERTY] == "band_gap"]
    assert gaps[[c.JID, c.FOLD]].to_numpy().tolist() == [[held_out, c.TEST]]
    assert "mine" not in set(splits[c.JID])


def test_an_id_in_several_official_folds_is_held_out_everywhere_else():
    assert {name: duplicate_ids(name) for name in PROPERTIES if duplicate_ids(name)} == {
        "formation_energy": ["JVASP-113961", "JVASP-116461"],
        "band_gap": ["JVASP-113961", "JVASP-116461"],
        "band_gap_mbj": ["JVASP-96735"],
        "ehull": ["JVASP-96735", "JVASP-97311", "JVASP-100669", "JVASP-116461"],
    }
    ehull = official_folds("ehull")
    assert ehull["JVASP-96735"] == ehull["JVASP-100669"] == ehull["JVASP-116461"] == c.TEST
    assert ehull["JVASP-97311"] == c.VAL
    splits = table_of(records(["JVASP-96735"]))
    assert splits[splits[c.PROPERTY] == "ehull"][c.FOLD].tolist() == [c.TEST]


def test_strict_training_shares_no_crystal_with_any_held_out_fold():
    jids = sorted(official_folds("formation_energy"))[::7]
    splits = table_of(records(jids))
    held_out = set(splits[splits[c.FOLD] != c.TRAIN][c.JID])
    training = splits[splits[c.FOLD] == c.TRAIN]
    assert not held_out & set(training[training[c.STRICT]][c.JID])
    assert set(training[~training[c.STRICT]][c.JID]) <= held_out
    assert splits[splits[c.FOLD] != c.TRAIN][c.STRICT].all()
    assert 0 < training[c.STRICT].mean() < 1


def test_a_property_that_the_leaderboard_lacks_holds_out_what_is_held_out_anyway(monkeypatch):
    """Multi-task training loses no crystal to it; crystals in no official fold are drawn."""
    known = official_properties() - {"spillage"}
    for module in (official, splits_module):
        monkeypatch.setattr(module, "official_properties", lambda: known)
    jids = [*sorted(official_folds("ehull"))[::40], *(f"mine-{i}" for i in range(200))]
    splits = table_of(records(jids, spillage=[1.0] * len(jids)))
    lacking = splits[splits[c.PROPERTY] == "spillage"].set_index(c.JID)[c.FOLD]
    others = splits[(splits[c.PROPERTY] != "spillage") & (splits[c.FOLD] != c.TRAIN)]
    assert len(lacking) == len(jids)
    assert set(others[c.JID]) == {jid for jid, fold in lacking.items() if fold != c.TRAIN and jid.startswith("JVASP")}
    assert set(lacking[[jid for jid in jids if jid.startswith("mine")]]) == {c.TRAIN, c.VAL, c.TEST}


def test_data_with_no_official_id_is_told_what_to_set():
    with pytest.raises(DataError, match=r"none of the 1 crystals .* set data\.splits to random or grouped"):
        table_of(records(["mp-1"]))


def test_coverage_counts_official_held_and_left_over():
    jids = [*list(official_folds("spillage"))[:50], "JVASP-999999999"]
    table = records(jids, ehull=[None] * 51)
    splits = splits_table(table, assign_folds(table, DataConfig()))
    counted = coverage(table, splits, scheme="official").properties
    assert counted["spillage"].official == FoldCounts(train=9101, val=1137, test=1137)
    assert sum(counted["spillage"].held.to_dict().values()) == 50
    assert counted["spillage"].without_fold == 1
    assert counted["ehull"].held == FoldCounts(train=0, val=0, test=0)
    assert coverage(table, splits, scheme="random").official("ehull") is None


@pytest.mark.parametrize("scheme", ["random", "grouped"])
def test_drawn_folds_are_the_same_in_every_property_and_follow_the_seed(scheme):
    n = 400
    table = records([f"mp-{i}" for i in range(n)], formula=[f"X{i // 3}" for i in range(n)])
    one, again, other = (table_of(table, splits=scheme, split_seed=seed) for seed in (0, 0, 1))
    assert one.equals(again)
    assert not one.equals(other)
    assert (one.groupby(c.JID)[c.FOLD].nunique() == 1).all()
    assert one[c.STRICT].all()
    shares = one[c.FOLD].value_counts(normalize=True)
    assert np.allclose(shares[[c.TRAIN, c.VAL, c.TEST]], FRACTIONS, atol=0.01)


def test_grouped_folds_keep_composition_and_space_group_together():
    n = 300
    formula = [f"X{i % 40}" for i in range(n)]
    space_group = [225 if i % 2 else None for i in range(n)]
    table = records([f"mp-{i}" for i in range(n)], formula=formula, space_group=space_group)
    splits = table_of(table, splits="grouped")
    gaps = splits[splits[c.PROPERTY] == "band_gap"].assign(formula=formula, space_group=space_group)
    assert (gaps.groupby(["formula", "space_group"], dropna=False)[c.FOLD].nunique() == 1).all()
    assert set(gaps[c.FOLD]) == {c.TRAIN, c.VAL, c.TEST}


def test_too_few_crystals_for_three_folds():
    with pytest.raises(DataError, match="2 crystals, split random, leave no test fold"):
        table_of(records(["a", "b"]), splits="random")


@given(
    groups=st.lists(st.integers(0, 20), min_size=1, max_size=200).map(np.array),
    seed=st.integers(0, 10),
)
def test_no_group_is_split_and_shares_miss_by_less_than_a_group(groups, seed):
    folds = draw_folds(groups, fractions=FRACTIONS, seed=seed)
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups.tolist()))
    largest = np.bincount(groups).max()
    for fold, share in zip((c.TRAIN, c.VAL, c.TEST), FRACTIONS, strict=True):
        assert abs((folds == fold).sum() - share * len(groups)) <= largest
