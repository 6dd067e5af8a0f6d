"""One entry: what counts as missing, as a number, and as a crystal."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crystalmatrix.crystals import crystal as e
from crystalmatrix.crystals.crystal import InvalidCrystalError
from crystalmatrix.crystals.geometry import distances_below, wrap
from crystalmatrix.data.entries import crystal_of, fields_of, read_entry

from .entries import rock_salt

FIELDS = fields_of({})


def read(raw):
    return read_entry(raw, id_key="jid", fields=FIELDS)


@pytest.mark.parametrize("mark", ["na", "", None, [], "NaN", float("nan")])
def test_marks_of_a_missing_value(mark):
    entry = read(rock_salt("JVASP-1", ehull=mark, spillage=0.5))
    assert entry.labels["ehull"] is None
    assert entry.labels["spillage"] == 0.5
    assert entry.labels["dielectric"] is None


@pytest.mark.parametrize(("value", "number"), [("1.5", 1.5), (2, 2.0), ("-3e-2", -0.03), (0, 0.0)])
def test_numbers_may_be_text(value, number):
    assert read(rock_salt("JVASP-1", ehull=value)).labels["ehull"] == number


@pytest.mark.parametrize("value", ["high", True, [1.0], {"a": 1}, float("inf")])
def test_other_things_are_no_label_and_are_counted(value):
    entry = read(rock_salt("JVASP-1", ehull=value))
    assert entry.labels["ehull"] is None
    assert "ehull" in entry.unreadable


def test_fields_of_the_config_replace_jarvis_names_and_ours_always_do():
    raw = rock_salt("x", e_form=-1.0, band_gap=2.0, dfpt_piezo_max_eij=0.3, dfpt_piezo_max_dij=9.0)
    chosen = fields_of({"formation_energy": "e_form", "piezoelectric": "dfpt_piezo_max_eij"})
    labels = read_entry(raw, id_key="jid", fields=chosen).labels
    assert (labels["formation_energy"], labels["band_gap"], labels["piezoelectric"]) == (-1.0, 2.0, 0.3)


def broken(**changes):
    raw = rock_salt("JVASP-1")
    raw["atoms"] |= changes
    return raw


INVALID = {
    "no id": ({"atoms": {}}, e.NO_ID),
    "no atoms": ({"jid": "x"}, e.NO_STRUCTURE),
    "atoms is text": ({"jid": "x", "atoms": "na"}, e.NO_STRUCTURE),
    "no lattice": ({"jid": "x", "atoms": {"elements": ["Na"], "coords": [[0, 0, 0]]}}, e.MALFORMED),
    "no elements": (broken(elements=[], coords=[]), e.MALFORMED),
    "ragged coordinates": (broken(coords=[[0, 0, 0], [0, 0]]), e.MALFORMED),
    "too few coordinates": (broken(coords=[[0, 0, 0]]), e.MALFORMED),
    "flat lattice matrix": (broken(lattice_mat=[1, 2, 3]), e.MALFORMED),
    "text as coordinate": (broken(coords=[[0, 0, "x"], [1, 1, 1]]), e.MALFORMED),
    "unknown element": (broken(elements=["Na", "Qq"]), e.UNKNOWN_ELEMENT),
    "placeholder element": (broken(elements=["Na", "X"]), e.UNKNOWN_ELEMENT),
    "elements as text": (broken(elements="NaCl"), e.MALFORMED),
    "an atomic number too large": (broken(elements=["Na", 104]), e.MALFORMED),
    "cartesian is a list": (broken(cartesian=[False]), e.MALFORMED),
    "null as coordinate": (broken(coords=[[0, 0, None], [1, 1, 1]]), e.NOT_FINITE),
    "edges of another cell": (broken(abc=[4, 4, 4.0], angles=[60, 60, 60]), e.CONTRADICTORY),
    "angles of another cell": (broken(abc=[3.96, 3.96, 3.96], angles=[60, 60, 90]), e.CONTRADICTORY),
    "NaN": (broken(coords=[[0, 0, 0], [float("nan"), 1, 1]]), e.NOT_FINITE),
    "infinite": (broken(lattice_mat=[[float("inf"), 0, 0], [0, 1, 0], [0, 0, 1]]), e.NOT_FINITE),
    "singular": (broken(lattice_mat=[[1, 0, 0], [2, 0, 0], [0, 0, 1]]), e.ZERO_VOLUME),
    "flat": (broken(lattice_mat=[[5, 0, 0], [0, 5, 0], [0, 0, 0.1]]), e.ZERO_VOLUME),
    "needle": (broken(lattice_mat=[[3, 0, 0], [3000, 0.01, 0], [0, 0, 300]]), e.ZERO_VOLUME),
    "oversized": (broken(lattice_mat=[[5, 0, 0], [0, 5, 0], [0, 0, 1e6]]), e.OVERSIZED),
    "close": (broken(coords=[[0, 0, 0], [0.3, 0, 0]]), e.ATOMS_TOO_CLOSE),
    "close through the boundary": (broken(coords=[[0, 0, 0], [0, 2.7, 2.7]]), e.ATOMS_TOO_CLOSE),
}


@pytest.mark.parametrize(("raw", "reason"), INVALID.values(), ids=INVALID.keys())
def test_each_defect_has_its_reason(raw, reason):
    with pytest.raises(InvalidCrystalError) as caught:
        crystal_of(read(raw))
    assert caught.value.reason == reason
    assert caught.value.detail


CELL = st.lists(st.floats(-1.5, 1.5), min_size=9, max_size=9).map(
    lambda noise: 5 * np.eye(3) + np.reshape(noise, (3, 3))
)
ATOMS = st.lists(st.tuples(*[st.floats(-3, 3)] * 3), min_size=1, max_size=4).map(np.array)


@given(lattice=CELL, fractional=ATOMS)
def test_cartesian_and_fractional_wrapped_and_not_are_one_crystal(lattice, fractional):
    elements = ["Na"] * len(fractional)
    forms = [
        {"coords": fractional.tolist(), "cartesian": False},
        {"coords": wrap(fractional).tolist(), "cartesian": False},
        {"coords": (fractional @ lattice).tolist(), "cartesian": True},
    ]
    assume(len(distances_below(0.6, lattice, fractional)) == 0)
    found = []
    for form in forms:
        atoms = {"lattice_mat": lattice.tolist(), "elements": elements, **form}
        found.append(crystal_of(read({"jid": "x", "atoms": atoms})).fractional)
    for other in found[1:]:
        difference = other - found[0]
        assert np.abs(difference - np.rint(difference)).max() < 1e-9
    assert all(((form >= 0) & (form < 1)).all() for form in found)


@given(st.floats(-1e3, 1e3) | st.sampled_from([-1e-17, 1 - 1e-17, -1.0, 5.0]))
def test_wrapped_coordinates_stay_below_one(value):
    assert 0 <= wrap(np.array([[value]]))[0, 0] < 1


@given(lattice=CELL, fractional=ATOMS)
def test_close_atoms_as_found_by_loops(lattice, fractional):
    fractional, limit = wrap(fractional), 2.0
    expected = []
    for i, one in enumerate(fractional):
        for j, other in enumerate(fractional):
            for image in np.ndindex(5, 5, 5):
                distance = np.linalg.norm((other + np.array(image) - 2 - one) @ lattice)
                if distance < limit and (i != j or image != (2, 2, 2)):
                    expected.append(distance)
    found = distances_below(limit, lattice, fractional)
    near_the_limit = np.abs(np.array(expected) - limit).min(initial=1) < 1e-9
    assert near_the_limit or np.allclose(np.sort(found), np.sort(expected))
