"""Records: typed rows, reasons, and errors that say what to do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.contracts import columns as c
from crystalmatrix.crystals import crystal as e
from crystalmatrix.crystals.formula import hill_formula
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.data.records import build_records, check_records, table_digest
from crystalmatrix.errors import DataError

from .entries import rock_salt


def build(entries, *, id_key="jid", chosen=None, workers=1):
    return build_records(entries, id_key=id_key, fields=fields_of(chosen or {}), workers=workers)


def check(records, *, chosen=None, max_drop_rate=0.01):
    check_records(records, fields=fields_of(chosen or {}), chosen=chosen or {}, max_drop_rate=max_drop_rate)


def test_a_row_holds_what_the_schema_says():
    entry = rock_salt("JVASP-1", a=5.64, formation_energy_peratom=-2.1, optb88vdw_bandgap="na", epsx="2.5")
    records = build([entry])
    assert records.table.schema.equals(c.RECORDS)
    (row,) = records.table.to_pylist()
    assert (row[c.JID], row[c.FORMULA], row[c.N_ATOMS], row[c.SPECIES]) == ("JVASP-1", "ClNa", 2, [11, 17])
    assert np.allclose(row[c.FRACTIONAL], [0, 0, 0, 0.5, 0.5, 0.5])
    assert row[c.LATTICE] == np.ravel(entry["atoms"]["lattice_mat"]).tolist()
    assert row[c.VOLUME] == pytest.approx(5.64**3 / 4)
    assert (row[c.SPACE_GROUP], row[c.POINT_GROUP], row[c.HAS_INVERSION]) == (225, "m-3m", True)
    assert (row["formation_energy"], row["band_gap"], row["epsx"], row["ehull"]) == (-2.1, None, 2.5, None)


def test_every_dropped_row_is_listed_with_its_reason_and_the_rest_is_kept():
    good = [rock_salt(f"JVASP-{i}", a=5 + i / 10) for i in range(3)]
    bad_element, too_close = rock_salt("JVASP-7", elements=("Na", "Qq")), rock_salt("JVASP-8", a=0.4)
    no_id = {"atoms": good[0]["atoms"]}
    records = build([good[0], bad_element, good[1], no_id, good[0], too_close, good[2]])
    assert records.table[c.JID].to_pylist() == ["JVASP-0", "JVASP-1", "JVASP-2"]
    listed = {(row[c.JID], row["reason"]) for row in records.dropped.to_pylist()}
    assert listed == {
        ("JVASP-7", e.UNKNOWN_ELEMENT),
        (None, e.NO_ID),
        ("JVASP-0", e.DUPLICATE_ID),
        ("JVASP-8", e.ZERO_VOLUME),
    }


def test_dropped_rows_are_in_the_same_order_for_any_number_of_workers():
    entries = [
        rock_salt(f"JVASP-{i}", a=0.9 if i % 3 else 5.0, elements=("Na", "Cl" if i % 4 else "Qq")) for i in range(600)
    ]
    alone, shared = build(entries), build(entries, workers=2)
    assert alone.dropped.num_rows > 300
    assert alone.dropped.equals(shared.dropped)


def test_the_first_row_of_an_id_is_kept():
    records = build([rock_salt("JVASP-1", ehull=0.1), rock_salt("JVASP-1", ehull=0.2)])
    assert records.table["ehull"].to_pylist() == [0.1]


def test_worker_processes_change_nothing():
    entries = mineral_entries()[:300]
    alone, shared = build(entries), build(entries, workers=2)
    assert alone.table.equals(shared.table)
    assert table_digest(alone.table) == table_digest(shared.table)


def test_the_digest_tells_any_value():
    one = build([rock_salt("JVASP-1", ehull=0.1)]).table
    assert table_digest(one) == table_digest(build([rock_salt("JVASP-1", ehull=0.1)]).table)
    assert table_digest(one) != table_digest(build([rock_salt("JVASP-1", ehull=0.2)]).table)
    assert table_digest(one) != table_digest(build([rock_salt("JVASP-1", ehull="na")]).table)


@pytest.mark.parametrize(
    ("species", "formula"),
    [([12, 8], "MgO"), ([6, 1, 1, 1, 1], "CH4"), ([8, 1, 8, 1], "HO"), ([14] * 8, "Si"), ([20, 6, 8, 8, 8], "CCaO3")],
)
def test_formulas_are_reduced_and_in_hill_order(species, formula):
    assert hill_formula(np.array(species, np.uint8)) == formula


@given(st.lists(st.integers(1, 94), min_size=1, max_size=6), st.integers(1, 4))
def test_a_formula_knows_no_order_and_no_cell(species, multiple):
    species = np.array(species, np.uint8)
    assert hill_formula(species) == hill_formula(np.repeat(species[::-1], multiple))


def test_too_many_invalid_rows_stop_the_run_and_say_which():
    entries = [rock_salt(f"JVASP-{i}", ehull=0.0) for i in range(9)] + [rock_salt("JVASP-9", elements=("Na", "Qq"))]
    check(build(entries), max_drop_rate=0.1)
    with pytest.raises(
        DataError, match=r"1 of 10 rows .* 5\.00%; .* JVASP-9: unknown element \('elements', atom 2: 'Qq'"
    ):
        check(build(entries), max_drop_rate=0.05)


def test_a_wrong_id_key_says_which_keys_there_are():
    records = build([rock_salt("JVASP-1")], id_key="id")
    with pytest.raises(DataError, match="no 'id' among the keys jid, atoms"):
        check(records)


def test_a_wrong_field_names_the_nearest_key():
    chosen = {"formation_energy": "eform"}
    with pytest.raises(DataError, match=r"data\.fields\.formation_energy: no entry has a key 'eform'.*'e_form'"):
        check(build([rock_salt("x", e_form=1.0)], chosen=chosen), chosen=chosen)


def test_no_label_at_all_says_how_to_name_them():
    with pytest.raises(DataError, match=r"only the keys atoms, energy, jid; name them in data\.fields"):
        check(build([rock_salt("x", energy=1.0)]))


@pytest.mark.parametrize("damaged", [None, 7, "text", [], {"jid": ["x"], "atoms": {}}])
def test_whatever_stands_in_place_of_an_entry_costs_itself(damaged):
    records = build([rock_salt("JVASP-1"), damaged, rock_salt("JVASP-2")])
    assert records.table[c.JID].to_pylist() == ["JVASP-1", "JVASP-2"]
    assert records.dropped.num_rows == 1
