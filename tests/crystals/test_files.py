"""Crystal files: every format gives the same crystal, and a bad file is one row with its reason."""

import gzip
import json
import zipfile
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.files import read_file, read_structures, structure_files
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.crystals.survey import estimated_count

SALT = bulk("NaCl", "rocksalt", a=5.64)
REAL = Path(__file__).parents[2].parent / "shared/data/jarvis_dft_3d_part.json.zip"


def jarvis(atoms, **more) -> dict:
    inner = {
        "lattice_mat": atoms.cell.tolist(),
        "coords": atoms.positions.tolist(),
        "elements": atoms.get_chemical_symbols(),
        "cartesian": True,
    }
    return {"atoms": inner, **more}


def read(path: Path) -> list[Crystal | Failure]:
    return list(read_file(path, path.name))


def only_error(path: Path) -> str:
    (found,) = read(path)
    assert isinstance(found, Failure)
    assert "\n" not in found.error
    return found.error


def write_all(folder: Path) -> None:
    SALT.write(folder / "salt.cif")
    SALT.write(folder / "POSCAR-salt", format="vasp")
    SALT.write(folder / "salt.vasp", format="vasp")
    SALT.write(folder / "salt.xyz", format="extxyz")
    (folder / "salt.json").write_text(json.dumps(jarvis(SALT)["atoms"]))
    (folder / "list.json").write_text(json.dumps([jarvis(SALT, jid="JVASP-1"), jarvis(SALT)]))
    with gzip.open(folder / "list.json.gz", "wt") as handle:
        json.dump([jarvis(SALT, id="mp-2")], handle)
    with zipfile.ZipFile(folder / "one.json.zip", "w") as archive:
        archive.writestr("one.json", json.dumps(jarvis(SALT, jid="JVASP-3")))


def test_every_format_gives_the_same_crystal_in_the_order_of_the_names(tmp_path: Path) -> None:
    write_all(tmp_path)
    (tmp_path / "README.md").write_text("no structure")
    found = list(read_structures(structure_files([tmp_path])))
    assert [structure.id for structure in found] == [
        "POSCAR-salt",
        "JVASP-1",
        "list.json@1",
        "mp-2",
        "JVASP-3",
        "salt.cif",
        "salt.json",
        "salt.vasp",
        "salt.xyz@0",
    ]
    for structure in found:
        assert isinstance(structure, Crystal), structure
        assert sorted(structure.species) == [11, 17]
        volume = abs(np.linalg.det(structure.lattice))
        assert volume == pytest.approx(SALT.get_volume(), rel=1e-5)
        difference = (structure.fractional[1] - structure.fractional[0]) % 1
        np.testing.assert_allclose(difference, 0.5, atol=1e-5)
    assert estimated_count(structure_files([tmp_path])) == len(found)


def test_a_cif_is_unfolded_by_its_symmetry(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(
        "data_a\n_cell_length_a 5.64\n_cell_length_b 5.64\n_cell_length_c 5.64\n_cell_angle_alpha 90\n"
        "_cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'F m -3 m'\n"
        "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n"
        "_atom_site_fract_z\n_atom_site_occupancy\nNa1 Na1+ 0 0 0 1\nCl1 Cl1- 0.5 0.5 0.5 1.0\n"
    )
    (structure,) = read(tmp_path / "a.cif")
    assert isinstance(structure, Crystal)
    assert np.bincount(structure.species, minlength=18)[[11, 17]].tolist() == [4, 4]


def test_crystals_of_one_file_are_counted_and_a_bad_one_stops_no_other(tmp_path: Path) -> None:
    frames = [SALT, bulk("Si"), SALT]
    ase.io.write(tmp_path / "frames.extxyz", frames)
    assert [item.id for item in read(tmp_path / "frames.extxyz")] == [f"frames.extxyz@{k}" for k in range(3)]
    frames[1] = frames[1].copy()
    frames[1].pbc = [True, True, False]
    ase.io.write(tmp_path / "slab.extxyz", frames)
    first, slab, last = read(tmp_path / "slab.extxyz")
    assert isinstance(first, Crystal)
    assert isinstance(last, Crystal)
    assert slab == Failure("slab.extxyz@1", "not periodic: pbc is set along a, b, expected all three directions")
    ase.io.write(tmp_path / "two.cif", [SALT, bulk("Si")])
    assert [item.id for item in read(tmp_path / "two.cif")] == ["two.cif@0", "two.cif@1"]


def test_a_file_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    ase.io.write(tmp_path / "cut.extxyz", [SALT, SALT])
    text = (tmp_path / "cut.extxyz").read_text()
    (tmp_path / "cut.extxyz").write_text(text.rsplit("\n", 2)[0] + "\n")
    *_, last = read(tmp_path / "cut.extxyz")
    assert isinstance(last, Failure)
    (tmp_path / "cut.json").write_text(json.dumps([jarvis(SALT), jarvis(SALT)])[:-30])
    first, last = read(tmp_path / "cut.json")
    assert isinstance(first, Crystal)
    assert last.id == "cut.json@1"
    assert "cut short" in last.error


def test_disorder_is_refused(tmp_path: Path) -> None:
    SALT.write(tmp_path / "a.cif")
    text = (tmp_path / "a.cif").read_text()
    assert " 1.0000\n" in text
    (tmp_path / "a.cif").write_text(text.replace(" 1.0000\n", " 0.5\n"))
    assert only_error(tmp_path / "a.cif") == (
        "disordered: block data_image0, site Na1 has the occupancy 0.5, expected 1 everywhere"
    )


def test_what_is_no_crystal_says_why(tmp_path: Path) -> None:
    molecule = bulk("Si")
    molecule.cell = None
    molecule.write(tmp_path / "molecule.xyz", format="extxyz")
    assert only_error(tmp_path / "molecule.xyz").startswith("not periodic: the frame of line 1 has no Lattice")
    close = SALT.copy()
    close.positions[1] = close.positions[0] + 0.1
    close.write(tmp_path / "close.vasp", format="vasp")
    assert only_error(tmp_path / "close.vasp").startswith("atoms too close: 0.173")
    flat = jarvis(SALT)
    flat["atoms"]["lattice_mat"][2] = flat["atoms"]["lattice_mat"][1]
    (tmp_path / "flat.json").write_text(json.dumps(flat))
    assert only_error(tmp_path / "flat.json").startswith("zero volume")
    nan = jarvis(SALT)
    nan["atoms"]["coords"][0][0] = float("nan")
    (tmp_path / "nan.json").write_text(json.dumps(nan))
    assert only_error(tmp_path / "nan.json").startswith("not a finite number")
    strange = jarvis(SALT)
    strange["atoms"]["elements"][0] = "Xy"
    (tmp_path / "strange.json").write_text(json.dumps(strange))
    assert only_error(tmp_path / "strange.json") == (
        "unknown element: 'elements', atom 1: 'Xy', expected the symbol of an element"
    )


@pytest.mark.parametrize("name", ["a.cif", "POSCAR", "a.xyz", "a.json", "a.json.gz", "a.json.zip"])
@pytest.mark.parametrize("content", [b"", b"nonsense\n\x00\xff", b"{}", b"[]", b"data_x\n_cell_length_a 1\n"])
def test_any_rubbish_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert only_error(tmp_path / name)


def test_a_real_data_set_is_read_whole() -> None:
    if not REAL.exists():
        pytest.skip(f"{REAL} is not here")
    found = [item for _, item in zip(range(500), iterate(REAL), strict=False)]
    assert all(isinstance(item, Crystal) for item in found)
    assert found[0].id.startswith("JVASP-")
    assert estimated_count(structure_files([REAL])) == 15_364
