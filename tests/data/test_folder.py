"""A folder with a table of labels: every crystal is the one that screening reads, every label is on the right one."""

import ase.build
import ase.io
import numpy as np
import pytest

from crystalmatrix.config import DataConfig
from crystalmatrix.crystals.files import read_file
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.quality import quality
from crystalmatrix.data.records import build_records, check_records
from crystalmatrix.data.sources import fetch
from crystalmatrix.errors import DataError

TABLE = "id,formation_energy,optb88vdw_bandgap\nNaCl,-2.0,5.0\nPOSCAR-2,-1.0,\n"
COPPER = ase.build.bulk("Cu", "fcc", a=3.6)


def folder_of(path, table=TABLE):
    path.mkdir()
    ase.io.write(path / "NaCl.cif", ase.build.bulk("NaCl", "rocksalt", a=5.64))
    ase.io.write(path / "POSCAR-2", COPPER, format="vasp")
    if table:
        (path / "labels.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return path


def entries_of(folder, out):
    fetch(DataConfig(source=str(folder)), out / "raw.json.zip")
    return list(read_entries(out / "raw.json.zip"))


def records_of(folder, out):
    return build_records(entries_of(folder, out), id_key="jid", fields=fields_of({}), workers=1)


def quality_of(folder, out):
    origin = fetch(DataConfig(source=str(folder)), out / "raw.json.zip")
    return quality(records_of(folder, out), source=origin, fields={})


def labels_of(folder, out, key="ehull"):
    return {entry["jid"]: entry.get(key) for entry in entries_of(folder, out)}


def refused(folder, out, said):
    with pytest.raises(DataError, match=said) as caught:
        entries_of(folder, out)
    assert "\n" not in str(caught.value)
    assert not (out / "raw.json.zip").exists()


def test_cif_and_poscar_files_with_a_table(tmp_path):
    folder = folder_of(tmp_path / "mine")
    (folder / "broken.cif").write_text("data_\nloop_\n_cell_length_a x\n")
    records = records_of(folder, tmp_path)
    assert [
        (row["jid"], row["formula"], row["space_group"], row["formation_energy"], row["band_gap"])
        for row in records.table.to_pylist()
    ] == [("NaCl", "ClNa", 225, -2.0, 5.0), ("POSCAR-2", "Cu", 225, -1.0, None)]
    (dropped,) = records.dropped.to_pylist()
    assert dropped["jid"] == "broken"
    assert dropped["reason"]


def test_the_crystals_are_those_of_screening_to_the_last_bit(tmp_path):
    folder = folder_of(tmp_path / "mine")
    skew = ase.build.bulk("Si")
    skew.rattle(0.1, seed=1)
    ase.io.write(folder / "si.xyz", skew, format="extxyz")
    rows = {row["jid"]: row for row in records_of(folder, tmp_path).table.to_pylist()}
    for name, jid in (("NaCl.cif", "NaCl"), ("POSCAR-2", "POSCAR-2"), ("si.xyz", "si")):
        (crystal,) = read_file(folder / name, jid)
        assert rows[jid]["lattice"] == crystal.lattice.ravel().tolist()
        assert rows[jid]["fractional"] == crystal.fractional.ravel().tolist()
        assert rows[jid]["species"] == crystal.species.tolist()


def test_only_suffixes_of_structure_files_are_no_part_of_the_id(tmp_path):
    folder = folder_of(tmp_path / "mine", "id,ehull\nPOSCAR-1.2,0.12\nPOSCAR-1.3,0.13\nLiF.4K,0.4\nCu.POSCAR,0.5\n")
    for name in ("POSCAR-1.2", "POSCAR-1.3", "LiF.4K.vasp", "Cu.POSCAR"):
        ase.io.write(folder / name, COPPER, format="vasp")
    assert labels_of(folder, tmp_path) == {
        "Cu": "0.5", "LiF.4K": "0.4", "NaCl": None, "POSCAR-1.2": "0.12", "POSCAR-1.3": "0.13", "POSCAR-2": None
    }  # fmt: skip


def test_two_files_that_differ_in_the_suffix_alone_keep_it(tmp_path):
    folder = folder_of(tmp_path / "mine", "id,ehull\nCu.vasp,0.1\nCu.xyz,0.2\n")
    ase.io.write(folder / "Cu.vasp", COPPER, format="vasp")
    ase.io.write(folder / "Cu.xyz", COPPER, format="extxyz")
    assert labels_of(folder, tmp_path) == {"Cu.vasp": "0.1", "Cu.xyz": "0.2", "NaCl": None, "POSCAR-2": None}
    (folder / "labels.csv").write_text("id,ehull\nCu,0.1\n")
    refused(folder, tmp_path / "out", "labels for 'Cu', which could be Cu.vasp and Cu.xyz; write the suffix too")


def test_a_disordered_cif_is_dropped_with_its_reason(tmp_path):
    folder = folder_of(tmp_path / "mine")
    ordered = (folder / "NaCl.cif").read_text()
    assert " 1.0000\n" in ordered
    (folder / "NaCl.cif").write_text(ordered.replace(" 1.0000\n", " 0.7\n"))
    records = records_of(folder, tmp_path)
    assert records.table["jid"].to_pylist() == ["POSCAR-2"]
    (dropped,) = records.dropped.to_pylist()
    assert (dropped["jid"], dropped["reason"]) == ("NaCl", "disordered")
    assert "0.7" in dropped["detail"]
    assert quality_of(folder, tmp_path).dropped == {"disordered": 1}


def test_each_crystal_of_a_file_with_several_is_a_row_and_labelled_as_such(tmp_path):
    folder = folder_of(tmp_path / "mine", "id,ehull\nNaCl,0.1\nframes@1,0.3\n")
    slab = ase.build.bulk("Al")
    slab.pbc = [True, True, False]
    ase.io.write(folder / "frames.xyz", [COPPER, ase.build.bulk("Si"), slab], format="extxyz")
    records = records_of(folder, tmp_path)
    found = {row["jid"]: (row["formula"], row["ehull"]) for row in records.table.to_pylist()}
    assert found == {
        "NaCl": ("ClNa", 0.1), "POSCAR-2": ("Cu", None), "frames@0": ("Cu", None), "frames@1": ("Si", 0.3)
    }  # fmt: skip
    assert [(row["jid"], row["reason"]) for row in records.dropped.to_pylist()] == [("frames@2", "not periodic")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("frames,0.3", "labels for 'frames.xyz', a file with several crystals; name each, as frames@0 and frames@1"),
        ("frames.xyz,0.3", "a file with several crystals"),
        ("frames@2,0.3", "labels for frames.xyz@2, but the file holds 2 crystals"),
        ("NaCl@1,0.3", r"labels for several crystals of NaCl\.cif, but the file holds one"),
    ],
)
def test_a_label_that_fits_no_single_crystal_is_an_error(tmp_path, row, said):
    folder = folder_of(tmp_path / "mine", f"id,ehull\n{row}\n")
    ase.io.write(folder / "frames.xyz", [COPPER, ase.build.bulk("Si")], format="extxyz")
    refused(folder, tmp_path, said)


def test_what_the_reader_remarks_comes_to_the_quality_of_the_data(tmp_path):
    folder = folder_of(tmp_path / "mine")
    (folder / "hydride.vasp").write_text("x\n1\n0 2 2\n2 0 2\n2 2 0\nLi D\n1 1\nDirect\n0 0 0\n.5 .5 .5\n")
    found = quality_of(folder, tmp_path)
    assert found.n_notes == 1
    (note,) = found.notes
    assert note.jid == "hydride"
    assert note.note == "deuterium (D) is read as hydrogen"


def test_files_passed_over_are_counted_and_named(tmp_path, capsys):
    folder = folder_of(tmp_path / "mine")
    (folder / "notes.txt").write_text("no structure")
    (folder / "deeper").mkdir()
    entries_of(folder, tmp_path)
    assert "mine: passed over 2, neither structures nor the table: deeper, notes.txt\n" in capsys.readouterr().err
    (folder / "notes.txt").unlink()
    (folder / "deeper").rmdir()
    entries_of(folder, tmp_path)
    assert "passed over" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "found none, expected exactly one .csv"),
        ("id,ehull\nKCl.cif,0.1\n", "labels for 'KCl.cif', but no structure file"),
        ("id,ehull\nNaCl,0.1\nNaCl,0.2\n", "found two rows for 'NaCl'"),
        ("id,ehull\nNaCl,0.1\nNaCl.cif,0.2\n", r"found two rows for 'NaCl\.cif'"),
    ],
)
def test_a_table_that_does_not_fit_its_folder(tmp_path, table, said):
    refused(folder_of(tmp_path / "mine", table), tmp_path, said)


def test_a_folder_without_structures(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", tmp_path, "found no structure file")


def test_mostly_unreadable_labels_stop_the_stage_with_the_column(tmp_path):
    fields = fields_of({})
    folder = folder_of(tmp_path / "mine", "id,ehull,spillage\nNaCl,0.1 eV,0.2\nPOSCAR-2,high,?\n")
    with pytest.raises(DataError, match=r"column 'ehull' \(ehull\): 2 of 2 labels are no numbers, such as '0\.1 eV'"):
        check_records(records_of(folder, tmp_path), fields=fields, chosen={}, max_drop_rate=0)
    (folder / "labels.csv").write_text("id,ehull,spillage\nNaCl,0.1,0.2\nPOSCAR-2,high,?\n")
    records = records_of(folder, tmp_path)  # half of them: counted, not stopped
    check_records(records, fields=fields, chosen={}, max_drop_rate=0)
    assert records.unreadable == {"ehull": {"'high'": 1}, "spillage": {"'?'": 1}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_tables_in_any_usual_encoding_and_with_any_usual_separator(tmp_path, encoding, separator, ending):
    rows = ["id,ehull,Bemerkung für später", "NaCl,0.1,ü", '"POSCAR-2",-2e-1,', ""]
    table = ending.join(rows).replace(",", separator).encode(encoding)
    assert labels_of(folder_of(tmp_path / "mine", table), tmp_path) == {"NaCl": "0.1", "POSCAR-2": "-2e-1"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("id;ehull\nNaCl;0,1\n", r"labels\.csv, line 2, column 'ehull': found '0,1'; write a decimal point, 0\.1"),
        ('id,ehull\nNaCl,"0,1"\n', "line 2, column 'ehull': found '0,1'"),
        ("id,ehull\nNaCl,0,1\n", r"line 2: found 3 fields, expected 2 .* decimal comma need a point"),
        ("id,ehull,spillage\nNaCl,0.1\n", "line 2: found 2 fields, expected 3"),
        ("id,ehull,ehull\nNaCl,0.1,0.2\n", "line 1: found the column 'ehull' twice"),
        ("id,,ehull\nNaCl,0.1,0.2\n", "line 1: found the column '' twice or without a name"),
        ("id,a;b\nNaCl,0.1\n", "line 1: found commas and semicolons"),
        ("id\nNaCl\n", "line 1: found one column"),
        ("", "an empty file, expected a table of labels"),
        (b"id,ehull\0\nNaCl,0.1\n", "binary data, expected text"),
        ('id,ehull\nNaCl,"0.1\n', "a quote that is not closed"),
    ],
)
def test_a_table_that_would_have_to_be_guessed_at(tmp_path, table, said):
    folder = folder_of(tmp_path / "mine", None)
    (folder / "labels.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    refused(folder, tmp_path, said)


def test_the_guard_of_decimal_commas_lets_other_text_pass(tmp_path):
    table = 'id,remark,ehull,\nNaCl,"a, b, c",0.1,\nPOSCAR-2,"(1,2)",0.2,\n'
    found = labels_of(folder_of(tmp_path / "mine", table), tmp_path)
    assert np.array([float(value) for value in found.values()]) == pytest.approx([0.1, 0.2])
