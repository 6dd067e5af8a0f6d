"""The quality table counts what is there, and known oddities are told only where they are."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa

from crystalmatrix.contracts import columns as c
from crystalmatrix.data.bundled.regenerate import read_benchmark
from crystalmatrix.data.defects import known_defects
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.quality import histogram, quality, suspicious_repeats
from crystalmatrix.data.records import build_records
from crystalmatrix.properties import PROPERTIES

from .entries import ORIGIN, rock_salt
from .paths import WHEEL, needs_wheel


def records_of(entries):
    return build_records(entries, id_key="jid", fields=fields_of({}), workers=1)


def test_counts_of_a_property():
    values = [0.0, 0.0, -3.0, 50.0, 700.0, "na", "soft"]
    records = records_of([rock_salt(f"JVASP-{i}", bulk_modulus_kv=value) for i, value in enumerate(values)])
    found = quality(records, source=ORIGIN, fields={}).to_dict()
    json.dumps(found, allow_nan=False)
    assert (found["n_raw"], found["n_kept"], found["dropped"]) == (7, 7, {})
    assert found["unreadable_labels"] == {"bulk_modulus": {"'soft'": 1}}
    bulk = found["properties"]["bulk_modulus"]
    counted = {key: bulk[key] for key in ("count", "zeros", "negatives", "out_of_range", "min", "median", "max")}
    assert counted == {
        "count": 5,
        "zeros": 2,
        "negatives": 1,
        "out_of_range": 2,
        "min": -3.0,
        "median": 0.0,
        "max": 700.0,
    }
    assert sum(bulk["histogram"]["counts"]) == 5
    assert found["properties"]["ehull"]["count"] == 0


def test_a_value_given_thirty_times_stands_out_and_rounded_data_do_not():
    rng = np.random.default_rng(0)
    smooth = rng.normal(80, 20, 2000)
    rounded = np.round(rng.exponential(0.1, 5000), 3)
    assert suspicious_repeats(np.concatenate([smooth, [0.19] * 30])) == [(0.19, 30)]
    assert suspicious_repeats(rounded) == []
    assert suspicious_repeats(np.full(20, 7.0)) == [(7.0, 20)]
    assert suspicious_repeats(np.zeros(100)) == []


def test_a_histogram_counts_every_value_however_extreme():
    values = np.concatenate([np.linspace(0, 1, 1000), [1e6]])
    counted = histogram(values)
    assert sum(counted.counts) == 1001
    assert counted.edges[-1] < 2
    assert sum(histogram(np.array([3.0])).counts) == 1


def test_oddities_are_told_where_they_are():
    plain = [rock_salt(f"JVASP-{i}", bulk_modulus_kv=50.0, ehull=0.05) for i in range(3)]
    assert known_defects(records_of(plain).table) == []
    odd = rock_salt(
        "JVASP-96735",
        shear_modulus_gv=-2.0,
        dfpt_piezo_max_dij=5.0,
        optb88vdw_bandgap=2.0,
        mbj_bandgap=1.0,
        ehull=3.0,
    )
    text = "\n".join(known_defects(records_of([odd]).table))
    for said in (
        "Shear modulus (Voigt): 1 negative value,",
        "1 non-zero value where the symmetry of the crystal forbids any",
        "1 TB-mBJ gap more than 0.2 eV below",
        "median 3.00 eV/atom",
        "JVASP-96735 in more than one fold",
    ):
        assert said in text


def test_one_symmetry_forbids_what_training_sets_to_zero():
    """Point group 432 has no inversion and no piezoelectricity either; 23 has neither centre nor zero."""
    table = records_of([rock_salt(f"JVASP-{i}", dfpt_piezo_max_dij=5.0) for i in range(3)]).table
    groups = {c.POINT_GROUP: ["432", "23", "m-3m"], c.HAS_INVERSION: [False, False, True]}
    for name, values in groups.items():
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    assert "2 non-zero values where the symmetry of the crystal forbids any" in "\n".join(known_defects(table))
    found = quality(replace(records_of([]), table=table), source=ORIGIN, fields={})
    assert found.properties["piezoelectric"].nonzero_against_symmetry == 2


def test_another_field_of_a_property_brings_its_unit():
    records = records_of([rock_salt("JVASP-1", dfpt_piezo_max_eij=0.0)])
    found = quality(records, source=ORIGIN, fields={"piezoelectric": "dfpt_piezo_max_eij"}).to_dict()
    assert found["properties"]["piezoelectric"]["unit"] == "C/m2"


@needs_wheel
def test_repeats_of_the_whole_release_are_found():
    def values(name):
        folds = read_benchmark(WHEEL, PROPERTIES[name].field)
        return np.array([value for fold in folds.values() for value in fold.values()])

    assert (0.19, 30) in suspicious_repeats(values("bulk_modulus"))
    assert suspicious_repeats(values("spillage")) == []
