"""Twins are found whatever their cell, and other structures of the same composition are told apart."""

import time

import ase.build
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalmatrix.contracts import columns as c
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.leakage import N_DISTANCES, REACH, SAME_BELOW, leakage_table, signature
from crystalmatrix.data.records import build_records

from .entries import rock_salt


def signature_of(atoms):
    return signature(np.array(atoms.cell), atoms.get_scaled_positions(), atoms.numbers)


def signature_by_loops(lattice, fractional, species):
    unit = (abs(np.linalg.det(lattice)) / len(species)) ** (1 / 3)
    elements = sorted(set(species.tolist()))
    images = [np.array(image) - 3 for image in np.ndindex(7, 7, 7)]
    result = np.zeros((len(elements), len(elements), N_DISTANCES))
    for i, first in enumerate(elements):
        for j, second in enumerate(elements):
            rows = []
            for x in fractional[species == first]:
                distances = [
                    min(np.linalg.norm((y + image - x) @ lattice) / unit, REACH)
                    for y in fractional[species == second]
                    for image in images
                ]
                distances = sorted(d for d in distances if d > 1e-9)
                rows.append((distances + [REACH] * N_DISTANCES)[:N_DISTANCES])
            result[i, j] = np.mean(rows, axis=0)
    return result


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_atoms=st.integers(1, 4))
def test_the_signature_as_found_by_loops(seed, n_atoms):
    rng = np.random.default_rng(seed)
    lattice = 3.5 * n_atoms ** (1 / 3) * np.eye(3) + rng.uniform(-0.5, 0.5, (3, 3))
    fractional, species = rng.random((n_atoms, 3)), rng.choice([8, 12, 22], n_atoms)
    assert np.allclose(
        signature(lattice, fractional, species), signature_by_loops(lattice, fractional, species), atol=1e-9
    )


def test_the_signature_knows_neither_cell_nor_setting_nor_scale():
    small = ase.build.bulk("NaCl", "rocksalt", a=5.6)
    expected = signature_of(small)
    big = ase.build.make_supercell(ase.build.bulk("NaCl", "rocksalt", a=5.9, cubic=True), np.diag([1, 2, 1]))
    big.rotate(30, "x", rotate_cell=True)
    big.translate([0.3, 0.2, 0.1])
    assert np.allclose(signature_of(big[::-1]), expected, atol=1e-9)
    other = signature_of(ase.build.bulk("NaCl", "zincblende", a=5.6))
    assert np.sqrt(np.mean((other - expected) ** 2)) > 10 * SAME_BELOW


def records_of(*entries):
    return build_records(entries, id_key="jid", fields=fields_of({}), workers=1).table


def splits_of(**fold_of):
    rows = [
        {c.JID: jid, c.PROPERTY: "ehull", c.FOLD: fold, c.STRICT: True}
        for fold, jids in fold_of.items()
        for jid in jids
    ]
    return pa.Table.from_pylist(rows, c.SPLITS)


def test_a_twin_has_the_composition_the_group_and_the_volume():
    table = records_of(
        rock_salt("known", a=5.60),
        rock_salt("twin", a=5.62),
        rock_salt("too wide", a=5.70),
        rock_salt("other elements", a=5.60, elements=("K", "Cl")),
    )
    found = leakage_table(table, splits_of(train=["known"], test=["twin", "too wide", "other elements"]))
    assert found.schema.equals(c.LEAKAGE)
    (row,) = found.to_pylist()
    assert (row[c.JID], row[c.TWIN_JID], row[c.PROPERTY], row[c.KIND]) == ("twin", "known", "ehull", c.SAME)
    assert row["volume_difference"] == pytest.approx(1 - (5.60 / 5.62) ** 3, rel=1e-6)
    assert row["distance_difference"] < 1e-9


def test_only_training_leaks_and_the_closest_twin_is_named():
    table = records_of(rock_salt("a", a=5.60), rock_salt("b", a=5.60), rock_salt("c", a=5.61))
    assert leakage_table(table, splits_of(val=["a", "c"], test=["b"])).num_rows == 0
    assert leakage_table(table, splits_of(train=["a"], val=["b"])).num_rows == 0
    (row,) = leakage_table(table, splits_of(train=["c", "a"], test=["b"])).to_pylist()
    assert row["volume_difference"] == pytest.approx(0, abs=1e-12)


def test_same_numbers_and_another_structure_is_similar_only():
    def cell(jid, z):
        coordinates = [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0, z], [0, 0, -z]]
        lattice = [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 7.0]]
        atoms = {"lattice_mat": lattice, "coords": coordinates, "elements": ["Ba", "Ti", "O", "O"], "cartesian": False}
        return {"jid": jid, "atoms": atoms, "ehull": 0.0}

    table = records_of(cell("a", 0.30), cell("b", 0.36))
    assert len(set(table[c.SPACE_GROUP].to_pylist())) == 1
    (row,) = leakage_table(table, splits_of(train=["a"], test=["b"])).to_pylist()
    assert row[c.KIND] == c.SIMILAR


def test_many_equal_crystals_are_compared_as_one():
    """Each of 20,000 with each of 5,000 are 100 million comparisons, of which these are none."""
    one = build_records(
        [rock_salt("JVASP-0", formation_energy_peratom=-1.0)], id_key="jid", fields=fields_of({}), workers=1
    )
    n, n_train = 25_000, 20_000
    records = pa.concat_tables([one.table] * n).combine_chunks()
    jids = [f"JVASP-{k}" for k in range(n)]
    records = records.set_column(records.schema.get_field_index(c.JID), c.JID, pa.array(jids))
    folds = [c.TRAIN] * n_train + [c.TEST] * (n - n_train)
    rows = {c.JID: jids, c.PROPERTY: ["formation_energy"] * n, c.FOLD: folds, c.STRICT: [True] * n}
    began = time.process_time()
    found = leakage_table(records, pa.table({name: rows[name] for name in c.SPLITS.names if name in rows}))
    assert time.process_time() - began < 60
    assert found.num_rows == n - n_train
    assert set(found[c.TWIN_JID].to_pylist()) == {"JVASP-0"}
    assert set(found[c.KIND].to_pylist()) == {c.SAME}


def test_twins_do_not_depend_on_how_the_table_is_cut():
    """Into chunks, as the row groups of a file are."""
    table = records_of(*(rock_salt(f"x{k}", a=5.60 + 0.002 * k) for k in range(12)))
    splits = splits_of(train=[f"x{k}" for k in range(8)], test=[f"x{k}" for k in range(8, 12)])
    cut = pa.concat_tables([table.slice(k, 5) for k in (0, 5, 10)])
    assert cut[c.LATTICE].num_chunks == 3
    found = leakage_table(cut, splits)
    assert found.num_rows == 4
    assert found.equals(leakage_table(table, splits))
