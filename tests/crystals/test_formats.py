"""Which files are read, as what, under which id; which are passed over."""

import os
import shutil
from pathlib import Path

import pytest
from ase.build import bulk

from crystalmatrix.crystals.files import passed_over, read_structures, structure_files
from crystalmatrix.crystals.formats import content_kind, file_kind, stem
from crystalmatrix.errors import DataError

from .reading import crystal, error, formula

GAP = bulk("GaP", "zincblende", a=5.45)
KINDS = {"cif": "cif", "vasp": "vasp", "extxyz": "xyz", "json": "json"}


def text_of(tmp_path: Path, form: str) -> str:
    GAP.write(tmp_path / "written", format=form)
    return (tmp_path / "written").read_text()


@pytest.mark.parametrize(
    ("name", "kind", "without_suffix"),
    [
        ("A.CIF", "cif", "A"),
        ("a.mcif", "cif", "a"),
        ("a.cif.gz", "cif", "a"),
        ("CONTCAR_1", "vasp", "CONTCAR_1"),
        ("POSCAR-1.2", "vasp", "POSCAR-1.2"),
        ("mp-1_POSCAR", "vasp", "mp-1_POSCAR"),
        ("run1.CONTCAR", "vasp", "run1.CONTCAR"),
        ("x.poscar", "vasp", "x"),
        ("POSCAR.gz", "vasp", "POSCAR"),
        ("x.JSON.GZ", "json", "x"),
        ("x.json.zip", "json", "x"),
        ("x.jsonl", "json", "x"),
        ("a.b.extxyz", "xyz", "a.b"),
        ("x.txt", None, "x.txt"),
        ("x.gz", None, "x"),
        ("NOTAPOSCAR", None, "NOTAPOSCAR"),
        ("POTCAR", None, "POTCAR"),
        ("labels.csv", None, "labels.csv"),
    ],
)
def test_names(name, kind, without_suffix):
    assert (file_kind(Path(name)), stem(Path(name))) == (kind, without_suffix)


@pytest.mark.parametrize("form", KINDS)
@pytest.mark.parametrize("name", ["unknown", "a.txt", "POSCAR_x.cif", "CONTCAR", "a.xyz", "a.json", "a.cif"])
def test_a_file_is_what_its_content_says_whatever_its_name(tmp_path, form, name):
    assert content_kind(text_of(tmp_path, form)) == KINDS[form]
    found = crystal(tmp_path / name, text_of(tmp_path, form))
    assert set(found.species.tolist()) == {31, 15}


@pytest.mark.parametrize("content", ["once upon a time\n", "a,b\n1,2\n", "# comment\n", "<html>", "1.5\n2.5\n"])
def test_text_that_is_no_structure_says_what_is_expected(tmp_path, content):
    assert content_kind(content) is None
    assert error(tmp_path / "x.txt", content).startswith("unreadable: neither its content nor its name")


def test_paths_that_are_not_there_and_folders_without_structures(tmp_path):
    with pytest.raises(DataError, match="none: not found"):
        structure_files([tmp_path / "none"])
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(DataError, match="found no structure file in it"):
        structure_files([tmp_path])
    assert structure_files([tmp_path / "x.txt"]) == [(str(tmp_path / "x.txt"), tmp_path / "x.txt")]


def two_folders(folder: Path) -> None:
    for name in ("b", "a"):
        (folder / name / "deep").mkdir(parents=True)
        for place in (folder / name, folder / name / "deep"):
            GAP.write(place / "POSCAR", format="vasp")


def test_ids_begin_inside_the_only_folder_and_otherwise_with_the_paths_as_given(tmp_path, monkeypatch):
    two_folders(tmp_path)
    assert [name for name, _ in structure_files([tmp_path])] == [
        "a/POSCAR",
        "a/deep/POSCAR",
        "b/POSCAR",
        "b/deep/POSCAR",
    ]
    monkeypatch.chdir(tmp_path)
    names = [name for name, _ in structure_files([Path("b"), Path("a"), Path("a/POSCAR")])]
    assert names == ["b/POSCAR", "b/deep/POSCAR", "a/POSCAR", "a/deep/POSCAR"]  # each once, in the order given
    found = list(read_structures(structure_files([Path("b"), Path("a")])))
    assert len({item.id for item in found}) == len(found) == 4


def test_files_passed_over_are_those_that_are_not_listed(tmp_path):
    two_folders(tmp_path)
    others = [tmp_path / "README.md", tmp_path / "a" / "POTCAR", tmp_path / "b" / "._POSCAR"]
    for path in others:
        path.write_text("x")
    (tmp_path / ".checkpoints").mkdir()
    shutil.copy(tmp_path / "a" / "POSCAR", tmp_path / ".checkpoints" / "POSCAR")
    others.append(tmp_path / ".checkpoints" / "POSCAR")
    assert passed_over([tmp_path]) == sorted(others)
    assert passed_over([tmp_path / "README.md"]) == []  # named itself, so read
    listed = {path for _, path in structure_files([tmp_path])}
    assert listed | set(others) == {path for path in tmp_path.rglob("*") if path.is_file()}


def test_a_name_that_is_no_utf8_is_read_under_an_id_that_can_be_written(tmp_path):
    try:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.vasp"))
        GAP.write(path, format="vasp")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    ((identity, found),) = structure_files([tmp_path])
    assert (identity, found) == ("caf\\xe9.vasp", path)
    identity.encode()
    (item,) = read_structures([(identity, found)])
    assert formula(item) == "GaP"
