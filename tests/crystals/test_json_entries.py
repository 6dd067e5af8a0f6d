"""JSON: the crystals of jarvis-tools, pymatgen and ASE, in any of their wrappings; a bad one costs itself."""

import gzip
import json
import tracemalloc

import ase.io
import ase.io.jsonio
import numpy as np
import pytest
from ase.build import bulk

from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.files import read_file
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.crystals.json_entries import read_items

from .reading import crystal, error, formula, read

INP = bulk("InP", "zincblende", a=5.9)


def inner(**changes) -> dict:
    atoms = {
        "lattice_mat": [[4, 0, 0], [1, 5, 0], [0, 2, 6]],
        "coords": [[0, 0, 0], [0.5, 0.25, 0.5]],
        "elements": ["In", "P"],
        "cartesian": False,
    }
    return {key: value for key, value in {**atoms, **changes}.items() if value is not ...}


def entry(identity: str = "x-1", **changes) -> dict:
    return {"jid": identity, "atoms": inner(**changes)}


CARTESIAN = [[0, 0, 0], [2.25, 2.25, 3]]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        *({"cartesian": value} for value in ("False", "false", " F ", "0", "no", 0)),
        *({"cartesian": value, "coords": CARTESIAN} for value in (True, "True", "true", "T", "1", "yes", 1)),
        {"elements": ["in", "P"]},
        {"elements": ["IN", " P "]},
        {"elements": ["In3+", "P3-"]},
        {"elements": [49, 15]},
        {"elements": ["49", 15]},
        {"elements": [49.0, 15.0]},
        {"pbc": [True, True, True]},
        {"coords": [["0", "0", "0"], ["0.5", "0.25", "0.5"]]},
        {"abc": [4, 5.099, 6.3246], "angles": [71.95, 90, 78.69]},
        {"props": ["", ""]},
    ],
)
def test_what_is_said_in_other_words_is_read_as_what_it_says(tmp_path, changes):
    for content in (entry(**changes), inner(**changes), {"atoms": json.dumps(inner(**changes))}):
        found = crystal(tmp_path / "a.json", json.dumps(content))
        assert formula(found) == "InP"
        np.testing.assert_allclose(found.fractional, [[0, 0, 0], [0.5, 0.25, 0.5]], atol=1e-12)


@pytest.mark.parametrize("key", ["formula", "formula_pretty", "chemical_formula_reduced"])
def test_a_formula_unlike_the_atoms_is_remarked(tmp_path, key):
    for said, odd in {
        "InP": False,
        "In2P2": False,
        "PIn": False,
        "InP2": True,
        "GaP": True,
        "a crystal": False,
    }.items():
        for thing in (entry(), inner()):
            notes = crystal(tmp_path / "a.json", json.dumps({**thing, key: said})).notes
            assert notes == (f"the formula says {said}, the atoms are In1 P1",) * odd


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        *(({"cartesian": value}, "'cartesian' is ") for value in ([False], [], {}, None, 2, 0.5, "maybe", "")),
        ({"cartesian": ...}, "no 'cartesian' in 'atoms'"),
        ({"elements": "InP"}, "'elements' is 'InP', expected a list with one symbol an atom"),
        ({"elements": ["In", "Qq"]}, "unknown element"),
        ({"elements": ["In", None]}, "'elements', atom 2: found None, expected a symbol or an atomic number"),
        ({"elements": ["In", True]}, "'elements', atom 2: found True"),
        ({"elements": ["In", "9" * 5000]}, "'elements', atom 2: found '999"),
        ({"elements": ["In"]}, "'coords': found 2 x 3, expected 1 x 3 numbers"),
        ({"coords": [[0, 0, 0], [0.5, 0.25]]}, "'coords': found [0.5, 0.25] in row 2, expected three numbers a row"),
        ({"coords": [[0, 0, 0], [0.5, "a", 0]]}, "'coords': found [0.5, 'a', 0] in row 2"),
        ({"coords": [[0, 0, 0, 1], [1, 1, 1, 1]]}, "'coords': found 2 x 4, expected 2 x 3 numbers"),
        ({"coords": {"x": 1}}, "'coords': found {'x': 1}"),
        ({"coords": 10**400}, "'coords': found 1000000"),
        ({"lattice_mat": [4, 5, 6]}, "'lattice_mat': found 3, expected 3 x 3 numbers"),
        ({"lattice_mat": ...}, "no 'lattice_mat' in 'atoms'"),
        ({"elements": [49, 15.5]}, "'elements', atom 2: found 15.5"),
        ({"pbc": [True, True, False]}, "not periodic: pbc is set along a, b"),
        ({"abc": [4, 5, 6], "angles": [90, 90, 90]}, "'abc' and 'angles' say 4 5 6 90 90 90, 'lattice_mat' 4 5.099"),
    ],
)  # fmt: skip
def test_what_would_have_to_be_guessed_is_refused(tmp_path, changes, said):
    assert said in error(tmp_path / "a.json", json.dumps(inner(**changes)))


def test_edges_and_angles_in_place_of_the_matrix(tmp_path):
    found = crystal(tmp_path / "a.json", json.dumps(inner(lattice_mat=..., abc=[4, 5, 6], angles=[80, 95, 110])))
    length = np.linalg.norm(found.lattice, axis=1)
    cosine = (found.lattice @ found.lattice.T) / np.outer(length, length)
    np.testing.assert_allclose(length, [4, 5, 6])
    np.testing.assert_allclose([cosine[1, 2], cosine[2, 0], cosine[0, 1]], np.cos(np.radians([80, 95, 110])))
    turned = inner(lattice_mat=..., abc=[4, 5, 6], angles=[80, 95, 110], cartesian=True)  # in which directions?
    assert "no 'lattice_mat'" in error(tmp_path / "a.json", json.dumps(turned))


ENTRIES = [entry("a"), {"atoms": inner()}, entry("c")]
WRAPPINGS = {
    "a list": (json.dumps(ENTRIES), ["a", "f@1", "c"]),
    "a list over lines": (json.dumps(ENTRIES, indent=1), ["a", "f@1", "c"]),
    "in data": (json.dumps({"n": 3, "data": ENTRIES}), ["a", "f@1", "c"]),
    "in two lists": (json.dumps({"train": ENTRIES[:2], "n": 3, "test": ENTRIES[2:]}), ["a", "f@1", "c"]),
    "by id": (json.dumps({"u": inner(), "v": {"atoms": inner()}}), ["u", "v"]),
    "by id in data": (json.dumps({"meta": "x", "data": {"u": inner(), "v": {"atoms": inner()}}}), ["u", "v"]),
    "one by id": (json.dumps({"u": inner()}), ["u"]),
    "lines": ("\n".join(map(json.dumps, ENTRIES)) + "\n\n", ["a", "f@1", "c"]),
    "one line": (json.dumps(entry("a")) + "\n", ["a"]),
    "one without id": (json.dumps(inner()), ["f"]),
    "a document": (json.dumps({"material_id": "mp-1", "structure": inner(), "symmetry": {"number": 1}}), ["mp-1"]),
}


@pytest.mark.parametrize(("text", "ids"), WRAPPINGS.values(), ids=WRAPPINGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_wrappings(tmp_path, text, ids, encoding):
    (tmp_path / "f").write_bytes(text.encode(encoding))
    found = read(tmp_path / "f")
    assert [item.id for item in found] == ids
    assert {formula(item) for item in found} == {"InP"}


@pytest.mark.parametrize("bad", [None, 7, "text", [], {}, {"atoms": "na"}, {"atoms": None}, {"atoms": {}}, {"a": 1}])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_entry_costs_itself(tmp_path, bad, place):
    entries = [entry("a"), entry("b")]
    entries.insert(place, bad)
    by_id = {f"k{k}": value for k, value in enumerate(entries)}
    lines = "\n".join(map(json.dumps, entries))
    texts = [json.dumps(entries), json.dumps({"data": entries}), json.dumps(by_id)]
    for text in texts if place == 0 and not isinstance(bad, dict) else [*texts, lines]:
        found = read(tmp_path / "f.json", text)
        assert [k for k, item in enumerate(found) if isinstance(item, Failure)] == [place]
        assert [item.id for item in found if isinstance(item, Crystal)] == ["a", "b"]


def test_a_line_that_is_no_json_costs_itself(tmp_path):
    lines = [json.dumps(entry("a")), '{"jid": "b", "atoms": {"latt', json.dumps(entry("c"))]
    assert [formula(item) for item in read(tmp_path / "f.jsonl", "\n".join(lines))] == ["InP", "[unreadable]", "InP"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "no structure: found no crystal in it"),
        ("{}", "no structure: an empty object"),
        ('{"a": 1}', "no structure: found a, expected 'atoms' with a crystal in it"),
        ('"x"', "neither its content nor its name"),
        ("[" * 100_000, "entry 1: not valid JSON: a number or a nesting too large"),
        ('{"atoms": ' + "9" * 5000 + "}", "a number or a nesting too large"),
        ('{"atoms" 1}', "entry 0: found '1', expected ':'"),
        ("{1: 2}", "entry 1: not valid JSON"),
        ('{"a": [1, 2', "cut short"),
    ],
)
def test_other_json_is_refused(tmp_path, text, said):
    assert said in error(tmp_path / "f", text)


def test_what_came_before_the_damage_is_kept(tmp_path):
    text = json.dumps([entry("a"), entry("b")])
    for damaged in (text[:-20], text[:-1], text + "]", text.replace('"jid": "b"', '"jid" "b"')):
        found = read(tmp_path / "f.json", damaged)
        assert found[0].id == "a"
        assert isinstance(found[-1], Failure)
    kept = read(tmp_path / "f.json", json.dumps({"u": inner(), "v": inner()})[:-20])
    assert [formula(item) for item in kept] == ["InP", "[unreadable]"]


def test_dictionaries_of_ase(tmp_path):
    again = bulk("GaAs", "zincblende", a=5.65)
    (tmp_path / "one.json").write_text(ase.io.jsonio.encode(INP))
    ase.io.write(tmp_path / "many.json", [INP, again])
    assert [(item.id, formula(item)) for item in read(tmp_path / "one.json")] == [("one.json", "InP")]
    assert [(item.id, formula(item)) for item in read(tmp_path / "many.json")] == [("1", "InP"), ("2", "GaAs")]
    (alone,) = iterate(INP.todict())
    (by_file,) = read(tmp_path / "one.json")
    for found in (alone, by_file):
        assert isinstance(found, Crystal)
        np.testing.assert_allclose(found.lattice, INP.cell.array)
        np.testing.assert_allclose(found.fractional, INP.get_scaled_positions(), atol=1e-12)
    slab = INP.copy()
    slab.pbc = [True, False, True]
    for thing in (slab.todict(), json.loads(ase.io.jsonio.encode(slab))):
        (refused,) = iterate(thing)
        assert refused == Failure("0", "not periodic: pbc is set along a, c, expected all three directions")
    for share, is_read in ((0.9, False), (1.0, True)):
        occupied = INP.copy()
        occupied.info["occupancy"] = {"0": {"In": 1.0}, "1": {"P": share}}
        for thing in (occupied.todict(), json.loads(ase.io.jsonio.encode(occupied))):
            (item,) = iterate(thing)
            assert formula(item) == ("InP" if is_read else "[disordered]")
    (unsaid,) = iterate({key: value for key, value in INP.todict().items() if key != "pbc"})
    assert isinstance(unsaid, Failure)


def test_dictionaries_of_pymatgen(tmp_path):
    core = pytest.importorskip("pymatgen.core")
    lattice = core.Lattice(INP.cell.array)
    places = INP.get_scaled_positions()
    charged = core.Structure(lattice, ["In3+", "P3-"], places)
    for structure in (charged, core.IStructure.from_sites(charged.sites), core.Structure(lattice, ["In", "P"], places)):
        for verbosity in (0, 1):
            found = crystal(tmp_path / "p.json", json.dumps(structure.as_dict(verbosity=verbosity)))
            assert formula(found) == "InP"
            np.testing.assert_allclose(found.lattice, INP.cell.array)
            np.testing.assert_allclose(found.fractional, places, atol=1e-12)
    by_places = charged.as_dict()
    for site in by_places["sites"]:
        del site["abc"]
    assert formula(crystal(tmp_path / "p.json", json.dumps(by_places))) == "InP"
    by_edges = charged.as_dict()
    del by_edges["lattice"]["matrix"]
    found = crystal(tmp_path / "p.json", json.dumps(by_edges))
    np.testing.assert_allclose(found.volume, INP.get_volume())
    by_edges = charged.as_dict()
    by_edges["lattice"]["gamma"] = 90
    assert "'a' to 'gamma' say" in error(tmp_path / "p.json", json.dumps(by_edges))
    moved = charged.as_dict()
    assert crystal(tmp_path / "p.json", json.dumps(moved)).notes == ()
    moved["sites"][1]["xyz"][0] += 0.5
    (note,) = crystal(tmp_path / "p.json", json.dumps(moved)).notes
    assert note == "'abc' and 'xyz' of the sites disagree; 'abc' is used"
    mixed = core.Structure(lattice, [{"In": 0.5, "Ga": 0.5}, "P"], places)
    assert "site 1 holds In 0.5, Ga 0.5" in error(tmp_path / "p.json", json.dumps(mixed.as_dict()))
    vacant = core.Structure(lattice, [{"In": 0.9}, "P"], places)
    assert error(tmp_path / "p.json", json.dumps(vacant.as_dict())).startswith("disordered: site 1 holds In 0.9")
    molecule = core.Molecule(["C", "O"], [[0, 0, 0], [0, 0, 1.1]])
    assert error(tmp_path / "p.json", json.dumps(molecule.as_dict())).startswith("not periodic: no 'lattice'")
    slab = core.Structure(core.Lattice(INP.cell.array, pbc=(True, True, False)), ["In", "P"], places)
    said = "not periodic: pbc is set along a, b, expected all three directions"
    assert error(tmp_path / "p.json", json.dumps(slab.as_dict())) == said
    (refused,) = iterate(slab)
    assert refused == Failure("0", said)


def optimade(**changes) -> dict:
    kinds = [
        {"name": "M1", "chemical_symbols": ["In"], "concentration": [1.0]},
        {"name": "P", "chemical_symbols": ["P"]},
    ]
    sites = {"species_at_sites": ["M1", "P"], "species": kinds, "nperiodic_dimensions": 3, "structure_features": []}
    places = {"lattice_vectors": INP.cell.tolist(), "cartesian_site_positions": INP.positions.tolist()}
    return {**sites, **places, **changes}


def kinds(symbols: list[str], shares: list[float], **more) -> dict:
    first = {"name": "M1", "chemical_symbols": symbols, "concentration": shares, **more}
    return {"species": [first, {"name": "P", "chemical_symbols": ["P"], "concentration": [1.0]}]}


def test_answers_of_optimade(tmp_path):
    resource = {"id": "odbx/1", "type": "structures", "attributes": optimade()}
    for data in (resource, [resource]):
        found = crystal(tmp_path / "o.json", json.dumps({"links": {}, "data": data, "meta": {"api_version": "1.1"}}))
        assert (found.id, formula(found)) == ("odbx/1", "InP")
        np.testing.assert_allclose(found.fractional, INP.get_scaled_positions(), atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "InP"),
        (kinds(["Ga"], [1.0]), "GaP"),
        (kinds(["In", "Ga"], [0.5, 0.5]), "[disordered]"),
        (kinds(["In", "vacancy"], [0.9, 0.1]), "[disordered]"),
        (kinds(["In"], [0.9]), "[disordered]"),
        (kinds(["In"], [1.0], attached=["H"], nattached=[2]), "[disordered]"),
        (kinds(["vacancy"], [1.0]), "[unknown element]"),
        (kinds(["In", "Ga"], [1.0]), "[malformed structure]"),
        ({"species": []}, "[unknown element]"),
        ({"structure_features": ["disorder"]}, "[disordered]"),
        ({"nperiodic_dimensions": 2}, "[not periodic]"),
    ],
)
def test_what_a_kind_of_optimade_is_counts_and_not_its_name(tmp_path, changes, outcome):
    (found,) = read(tmp_path / "o.json", json.dumps(optimade(**changes)))
    assert formula(found) == outcome


def test_a_long_list_is_read_in_little_memory(tmp_path):
    path = tmp_path / "long.json.gz"
    with gzip.open(path, "wt", compresslevel=1) as handle:
        handle.write("[" + ",\n".join(json.dumps(entry(f"x-{k}", padding="p" * 2000)) for k in range(5_000)) + "]")
    tracemalloc.start()
    count = sum(isinstance(item, Crystal) for item in read_file(path, "long"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5_000
    assert peak < 8e6  # of 12 MB of text


def test_pieces_of_any_length_give_the_same_items():
    text = json.dumps({"a": inner(), "b": 12, "c": inner(coords=CARTESIAN, cartesian=True), "d": [1.5, "x\\u00e9\\"]})
    whole = list(read_items(iter([text])))
    assert [place for place, _ in whole] == ["a", "b", "c", "d"]
    for n in (1, 2, 3, 7, 50):
        assert list(read_items(text[k : k + n] for k in range(0, len(text), n))) == whole
