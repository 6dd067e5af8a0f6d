"""The bundled facts: against the package that they come from, the minerals, and real data beside the project."""

import csv
import io
import zipfile
from collections import Counter

import pyarrow.parquet as pq
import pytest

from crystalmatrix.contracts import columns as c
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.bundled import regenerate
from crystalmatrix.data.entries import fields_of, read_entry
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.data.official import (
    FOLD_BITS,
    FOLDS_FILE,
    LABELS_FILE,
    mineral_labels,
    official_folds,
    official_properties,
)
from crystalmatrix.properties import PROPERTIES

from .paths import FACTS, JARVIS, PREDICTIONS, WHEEL, needs_jarvis, needs_predictions, needs_wheel

# train, val, test as published; ids in two folds counted in the more held-out one
OFFICIAL = {
    "formation_energy": (44567, 5572, 5572),
    "band_gap": (44567, 5572, 5572),
    "band_gap_mbj": (14534, 1817, 1815),
    "bulk_modulus": (15744, 1968, 1968),
    "shear_modulus": (15744, 1968, 1968),
    "dielectric": (3764, 470, 470),
    "piezoelectric": (2677, 334, 334),
    "spillage": (9101, 1137, 1137),
    "ehull": (44286, 5536, 5537),
}

# of the 503 minerals, and of the part of dft_3d beside the project
MINERALS = {
    "formation_energy": (398, 50, 54),
    "band_gap": (398, 50, 54),
    "band_gap_mbj": (184, 29, 20),
    "bulk_modulus": (205, 30, 35),
    "shear_modulus": (205, 30, 35),
    "dielectric": (88, 15, 11),
    "piezoelectric": (68, 10, 19),
    "spillage": (80, 9, 5),
    "ehull": (400, 54, 48),
}
PART = {
    "formation_energy": (12820, 1638, 885),
    "band_gap": (12820, 1638, 885),
    "band_gap_mbj": (3906, 486, 298),
    "bulk_modulus": (3918, 492, 284),
    "shear_modulus": (3918, 492, 284),
    "dielectric": (1581, 205, 118),
    "piezoelectric": (1059, 139, 85),
    "spillage": (1619, 188, 111),
    "ehull": (12782, 1619, 888),
}


def held(entries):
    """{property: (train, val, test)} of the labelled crystals among JARVIS entries."""
    read = [read_entry(raw, id_key="jid", fields=fields_of({})) for raw in entries]
    counted = {}
    for name in OFFICIAL:
        folds = official_folds(name)
        counts = Counter(folds.get(entry.jid) for entry in read if entry.labels[name] is not None)
        assert counts[None] == 0
        counted[name] = tuple(counts[fold] for fold in (c.TRAIN, c.VAL, c.TEST))
    return counted


def test_the_number_of_official_folds():
    assert official_properties() == set(OFFICIAL)
    counts = {name: Counter(official_folds(name).values()) for name in OFFICIAL}
    assert {name: (n[c.TRAIN], n[c.VAL], n[c.TEST]) for name, n in counts.items()} == OFFICIAL


def test_the_minerals_are_real_crystals_with_official_labels():
    entries = mineral_entries()
    assert len({entry["jid"] for entry in entries}) == len(entries) == 503
    assert held(entries) == MINERALS
    assert all(entry["jid"].startswith("JVASP-") for entry in entries)


@needs_wheel
def test_the_bundled_files_are_what_the_script_makes_of_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["regenerate", str(WHEEL), "--out", str(tmp_path)])
    regenerate.main()
    bundled = regenerate.Path(regenerate.__file__).parent
    for name in (FOLDS_FILE, LABELS_FILE):
        assert pq.read_table(tmp_path / name).equals(pq.read_table(bundled / name))


@needs_wheel
@pytest.mark.parametrize("name", PROPERTIES)
def test_folds_and_labels_against_the_package_id_by_id(name):
    benchmark = regenerate.read_benchmark(WHEEL, PROPERTIES[name].field)
    folds, labels = official_folds(name), mineral_labels()
    assert folds.keys() == set().union(*benchmark.values())
    for fold in FOLD_BITS:
        for jid, value in benchmark[fold].items():
            others = [other for other in FOLD_BITS if other != fold and jid in benchmark[other]]
            assert folds[jid] == fold or folds[jid] in others
            if jid in labels and not others:
                assert labels[jid][name] == value


@needs_jarvis
def test_coverage_and_labels_of_the_part_beside_the_project():
    entries = list(read_entries(JARVIS))
    assert held(entries) == PART
    labels = mineral_labels()
    shared = [entry for entry in entries if entry["jid"] in labels]
    assert len(shared) > 100
    for entry in shared:
        read = read_entry(entry, id_key="jid", fields=fields_of({})).labels
        assert {name: value for name, value in read.items() if value is not None} == labels[entry["jid"]]


def test_published_predictions_of_the_facts_are_for_official_test_ids():
    with FACTS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    for name in OFFICIAL:
        row = PROPERTIES[name]
        test_ids = {jid for jid, fold in official_folds(name).items() if fold == c.TEST}
        ids = [fact["id"] for fact in rows if fact["field"] == row.field]
        assert len(set(ids)) == len(ids) >= 85
        assert set(ids) <= test_ids


@needs_predictions
def test_published_predictions_beside_the_project_are_for_official_test_ids():
    for name in OFFICIAL:
        row = PROPERTIES[name]
        test_ids = {jid for jid, fold in official_folds(name).items() if fold == c.TEST}
        files = list(PREDICTIONS.glob(f"*/AI-SinglePropertyPrediction-{row.field}-dft_3d-test-mae.csv.zip"))
        assert files
        for path in files:
            with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as stream:
                predictions = list(csv.DictReader(io.TextIOWrapper(stream, "utf-8")))
            assert {prediction["id"] for prediction in predictions} <= test_ids
