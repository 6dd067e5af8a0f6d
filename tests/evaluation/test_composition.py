"""The composition baseline: features of hand, and a fit that finds what a composition tells and nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.contracts.cases import SOURCE

from crystalmatrix.contracts import columns as c
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation.composition import Fitted, predict_composition
from crystalmatrix.evaluation.descriptors import DESCRIPTORS, composition_features

REAL = Path(__file__).parents[2].parent / "shared/data/jarvis_dft_3d_part.json.zip"


def fitted(records: pd.DataFrame, splits: pd.DataFrame, *, name: str) -> Fitted:
    return predict_composition(records, splits, name=name, source=SOURCE, data_digest="1")


def features_of(*species: list[int]) -> np.ndarray:
    return composition_features([np.array(atoms, np.uint8) for atoms in species])


def statistics(row: np.ndarray, name: str) -> list[float]:
    """mean, mean deviation, least, greatest of a descriptor."""
    first = 120 + 4 * DESCRIPTORS.index(name)
    return row[first : first + 4].tolist()


def test_features_of_water() -> None:
    (row,) = features_of([1, 1, 8])
    assert row[0] == pytest.approx(2 / 3)
    assert row[7] == pytest.approx(1 / 3)
    assert row[:118].sum() == pytest.approx(1)
    assert row[118] == 2  # elements
    assert row[119] == 3  # atoms of the formula unit
    assert statistics(row, "Z") == pytest.approx([10 / 3, 28 / 9, 1, 8])
    assert statistics(row, "X") == pytest.approx([(2 * 2.2 + 3.44) / 3, 4 / 9 * 1.24, 2.2, 3.44])


def test_features_know_neither_the_cell_nor_the_order_of_atoms() -> None:
    one, supercell, turned = features_of([11, 17], [11, 17, 11, 17], [17, 11])
    np.testing.assert_array_equal(one, supercell)
    np.testing.assert_array_equal(one, turned)


def test_an_unknown_descriptor_is_left_out_and_where_all_are_unknown_missing() -> None:
    known, partly, unknown = features_of([8], [8, 89], [89])  # the table says nothing of actinium's radii
    assert statistics(partly, "avg_ion_rad") == pytest.approx(statistics(known, "avg_ion_rad"))
    assert np.isnan(statistics(unknown, "avg_ion_rad")).all()
    assert statistics(unknown, "Z") == [89, 0, 89, 89]


OF_ITS_OWN = {c.STRICT: True, c.WEIGHT: None, c.OFFSET: None}  # no crystal of an extra source


def synthetic(n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    generator = np.random.default_rng(0)
    species = [generator.choice([3, 8, 11, 12, 16, 17, 19], size=4).astype(np.uint8) for _ in range(n)]
    jid = np.array([f"JVASP-{k}" for k in range(n)])
    value = np.array([np.mean(atoms == 8) + 0.1 * np.mean(atoms) for atoms in species])
    records = pd.DataFrame({c.JID: jid, c.SPECIES: species, "ehull": value, "spillage": np.nan})
    fold = np.select([np.arange(n) % 10 == 0, np.arange(n) % 10 == 1], [c.TEST, c.VAL], c.TRAIN)
    return records, pd.DataFrame({c.JID: jid, c.PROPERTY: "ehull", c.FOLD: fold, **OF_ITS_OWN})


def test_it_learns_what_the_composition_tells_and_repeats_itself() -> None:
    records, splits = synthetic(400)
    table, model, _ = fitted(records, splits, name="ehull")
    assert table.schema == c.PREDICTIONS
    frame = table.to_pandas()
    assert frame[c.FOLD].value_counts().to_dict() == {c.VAL: 40, c.TEST: 40}
    test = frame[frame[c.FOLD] == c.TEST]
    error = np.abs(test[c.PREDICTION] - test[c.TARGET]).mean()
    constant = np.abs(test[c.TARGET] - model.train_median["ehull"]).mean()
    assert error < 0.25 * constant
    assert ((test[c.LOWER] <= test[c.TARGET]) & (test[c.TARGET] <= test[c.UPPER])).mean() > 0.75
    again, _, _ = fitted(records, splits.sample(frac=1, random_state=1), name="ehull")
    assert again.equals(table)


def test_labels_of_extra_sources_count_less_their_offset() -> None:
    records, splits = synthetic(400)
    expected, _, _ = fitted(records, splits, name="ehull")
    extra = (splits[c.FOLD] == c.TRAIN) & (splits.index % 2 == 0)
    records.loc[extra, "ehull"] += 5.0
    splits.loc[extra, [c.WEIGHT, c.OFFSET]] = (1.0, 5.0)
    found, _, _ = fitted(records, splits, name="ehull")
    splits[c.OFFSET] = None
    uncorrected, _, _ = fitted(records, splits, name="ehull")
    off, far_off = (
        np.abs(table[c.PREDICTION].to_numpy() - expected[c.PREDICTION].to_numpy()).mean()
        for table in (found, uncorrected)
    )
    assert off < 0.05  # adding and taking away five moves the last bits, and with them a bin
    assert far_off > 0.5


def test_where_the_composition_tells_nothing_it_is_the_constant() -> None:
    records, splits = synthetic(200)
    records["ehull"] = np.random.default_rng(1).permutation(np.r_[np.zeros(180), np.ones(20)])
    table, model, _ = fitted(records, splits, name="ehull")
    assert model.train_median["ehull"] == 0
    assert np.abs(table[c.PREDICTION].to_numpy()).max() < 0.5


def test_a_property_without_labels_is_refused() -> None:
    records, splits = synthetic(40)
    splits[c.PROPERTY] = "spillage"
    with pytest.raises(DataError, match="spillage: found 0 training"):
        fitted(records, splits, name="spillage")


def test_it_beats_the_constant_on_real_crystals(tmp_path: Path) -> None:
    if not REAL.exists():
        pytest.skip(f"{REAL} is not here")
    from crystalmatrix.data.archive import read_entries
    from crystalmatrix.data.entries import fields_of, read_entry

    entries = [read_entry(raw, id_key="jid", fields=fields_of({})) for raw in read_entries(REAL)]
    held = [entry for entry in entries if entry.labels["spillage"] is not None]
    records = pd.DataFrame(
        {
            c.JID: [entry.jid for entry in held],
            c.SPECIES: [entry.parts.species for entry in held],
            "spillage": [entry.labels["spillage"] for entry in held],
        }
    )
    fold = np.random.default_rng(0).choice([c.TRAIN, c.VAL, c.TEST], p=[0.8, 0.1, 0.1], size=len(records))
    splits = pd.DataFrame({c.JID: records[c.JID], c.PROPERTY: "spillage", c.FOLD: fold, **OF_ITS_OWN})
    table, model, _ = fitted(records, splits, name="spillage")
    test = table.filter(pa.compute.equal(table[c.FOLD], c.TEST)).to_pandas()
    error = np.abs(test[c.PREDICTION] - test[c.TARGET]).mean()
    assert error < 0.9 * np.abs(test[c.TARGET] - model.train_median["spillage"]).mean()
