"""Both real files beside the project, or as much of them as a test has time for."""

from itertools import islice

import numpy as np
import pyarrow as pa
import pytest
import spglib

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.crystals.symmetry import SYMPREC
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.leakage import leakage_table
from crystalmatrix.data.records import build_records, check_records
from crystalmatrix.data.splits import assign_folds, splits_table

from .paths import JARVIS, MEGNET, needs_jarvis, needs_megnet

MEGNET_FIELDS = {"formation_energy": "e_form", "band_gap": "gap pbe"}


@pytest.fixture(scope="module")
def jarvis() -> pa.Table:
    """Every crystal that has a piezoelectric label, and each 20th of the others."""
    entries = (
        entry for i, entry in enumerate(read_entries(JARVIS)) if entry["dfpt_piezo_max_dij"] != "na" or i % 20 == 0
    )
    records = build_records(entries, id_key="jid", fields=fields_of({}), workers=1)
    assert records.dropped.num_rows == 0
    return records.table


@needs_jarvis
def test_symmetry_forbids_what_the_labels_say_is_zero(jarvis):
    labelled = jarvis.filter(jarvis["piezoelectric"].is_valid())
    value, inversion = labelled["piezoelectric"].to_numpy(), np.array(labelled[c.HAS_INVERSION])
    assert labelled.num_rows == 1283
    assert inversion[value == 0].all()
    assert (inversion & (value != 0)).sum() == 19


@needs_jarvis
def test_twins_of_the_real_test_crystals_are_in_training(jarvis):
    splits = splits_table(jarvis, assign_folds(jarvis, DataConfig()))
    fold = {(row[c.JID], row[c.PROPERTY]): row[c.FOLD] for row in splits.to_pylist()}
    twins = leakage_table(jarvis, splits).to_pylist()
    assert any(row[c.KIND] == c.SAME for row in twins)
    for row in twins:
        assert fold[row[c.JID], row[c.PROPERTY]] == c.TEST
        assert fold[row[c.TWIN_JID], row[c.PROPERTY]] == c.TRAIN


@needs_megnet
def test_another_jarvis_style_set_by_its_keys_with_spglib_as_oracle():
    fields = fields_of(MEGNET_FIELDS)
    records = build_records(islice(read_entries(MEGNET), 0, 20_000, 20), id_key="id", fields=fields, workers=1)
    check_records(records, fields=fields, chosen=MEGNET_FIELDS, max_drop_rate=0)
    table = records.table
    assert table.num_rows == 1000
    assert table["formation_energy"].null_count == table["band_gap"].null_count == 0
    assert table["ehull"].null_count == 1000
    cubic = [row for row in table.to_pylist() if row[c.SPACE_GROUP] >= 195][:60]
    assert len(cubic) == 60
    for row in cubic:
        cell = (np.reshape(row[c.LATTICE], (3, 3)), np.reshape(row[c.FRACTIONAL], (-1, 3)), row[c.SPECIES])
        assert spglib.get_symmetry_dataset(cell, symprec=SYMPREC).number == row[c.SPACE_GROUP]
    splits = splits_table(table, assign_folds(table, DataConfig(splits="grouped"))).to_pandas()
    assert set(splits[c.PROPERTY]) == {"formation_energy", "band_gap"}
