"""Nasty names: of tiers, screenings, files, crystals and labels. Each works as it is, or is refused in one line.

Through a shell and Snakemake they go in tests/workflow/test_end_to_end.py, whose folder, source and structures have
such names.
"""

import os
import shlex
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import ase.build
import ase.io
import pandas as pd
import pytest

from crystalmatrix import files
from crystalmatrix.config import Config, DataConfig, ScreenConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.files import read_structures, structure_files
from crystalmatrix.data.archive import read_entries, write_entries
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.folder import folder_entries
from crystalmatrix.data.records import build_records
from crystalmatrix.errors import ConfigError, one_line
from crystalmatrix.inference.screening import as_csv

from ..data.entries import rock_salt

NASTY = {
    "space": "a b",
    "quote": "it's",
    "double quote": 'a"b',
    "command": "$(touch canary)",
    "backquotes": "`touch canary`",
    "semicolon": "a;touch canary",
    "pipe": "a|touch canary",
    "ampersand": "a&touch canary&",
    "variable": "$HOME",
    "redirection": ">canary",
    "newline": "a\ntouch canary",
    "newline at the end": "a\n",
    "dash": "--help",
    "upwards": "..",
    "braces": "{wildcards.tier}",
    "glob": "*",
    "backslash": "a\\",
    "tilde": "~root",
    "unicode": "größe 结晶 \u202e",
    "escape": "\x1b[2J",
    "markup": "<script>alert(1)</script>",
}
TOO_LONG = {"long": "x" * 5000}
# `..` would hide a file, and a slash part it.
OF_FILES = sorted(name for name in NASTY.values() if "/" not in name and not name.startswith("."))
table = pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
longer = pytest.mark.parametrize("name", (NASTY | TOO_LONG | {"a slash": "a/b", "nothing": ""}).values())
FIELDS = fields_of({})


def one_line_of(error: pytest.ExceptionInfo) -> str:
    said = str(error.value)
    assert said.isprintable()
    assert len(said) < 500
    return said


@longer
def test_tiers_and_screenings_are_plain_words(name: str) -> None:
    """They are parts of paths and of commands."""
    cgcnn = {"model": {"architecture": "cgcnn"}}
    with pytest.raises(ConfigError) as caught:
        Config.parse({"tiers": {name: cgcnn}, "matrix": {"tiers": [name]}})
    assert "tiers: found the name" in one_line_of(caught)
    with pytest.raises(ConfigError) as caught:
        Config.parse({"tiers": {"a": cgcnn}, "matrix": {"tiers": ["a"]}, "screen": {name: {"structures": "x"}}})
    assert "screen: found the name" in one_line_of(caught)
    good = {"tiers": {"a-1_B": cgcnn}, "matrix": {"tiers": ["a-1_B"]}, "screen": {"a-1_B": {"structures": name}}}
    assert Config.parse(good).screening("a-1_B").structures in (name, str(Path(name).expanduser()))  # the control


@table
def test_settings_reach_a_script_as_they_are(name: str, tmp_path: Path) -> None:
    """As rules pass them: quoted by shlex, within a line that a shell reads."""
    sent = DataConfig(source=name, fields={"ehull": name}, id_key=name)
    echo = "import sys; sys.stdout.buffer.write(sys.argv[1].encode() + b'|' + sys.argv[2].encode())"
    command = (
        f"{shlex.quote(sys.executable)} -c {shlex.quote(echo)} {shlex.quote(sent.to_json())} --x={shlex.quote(name)}"
    )
    output = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True).stdout.decode()
    settings, _, value = output.rpartition("|--x=")
    assert value == name
    assert DataConfig.from_json(settings) == sent
    assert ScreenConfig(structures=name).structures == str(Path(name).expanduser())
    assert not list(tmp_path.iterdir())


def test_the_control_of_quoting(tmp_path: Path) -> None:
    """Without quotes the table does do harm."""
    for name in (NASTY["command"], NASTY["semicolon"], NASTY["redirection"]):
        subprocess.run(["bash", "-c", f"echo {name}"], cwd=tmp_path, capture_output=True, check=True)
        (tmp_path / "canary").unlink()


def test_ids_of_crystals_stay_what_they_are(tmp_path: Path) -> None:
    """Through raw data and records; half of a surrogate pair, which no file can hold, is shown."""
    ids = [*NASTY.values(), "x" * 100_000, "a/b", "\0", "=1+1", "a\ud800"]
    path = tmp_path / "raw.json.zip"
    write_entries(path, (rock_salt(name, formation_energy_peratom=-1.0) for name in ids))
    records = build_records(read_entries(path), id_key="jid", fields=FIELDS, workers=1)
    files.write_table(tmp_path / "records.parquet", records.table, version=c.RECORDS_VERSION, metadata={})
    read, _ = files.read_table(tmp_path / "records.parquet", version=c.RECORDS_VERSION)
    assert read[c.JID].to_pylist() == [*ids[:-1], "a\\ud800"]


def test_what_is_no_crystal_is_listed_under_its_name_too(tmp_path: Path) -> None:
    bad = [{"jid": name, "atoms": {**rock_salt("")["atoms"], "elements": [name, "Cl"]}} for name in NASTY.values()]
    bad += [{"jid": "a", "a\ud800": 1}, {"a\ud800": 1}, {"jid": "b", "atoms": "x\ud800"}]
    dropped = build_records(bad, id_key="jid", fields=FIELDS, workers=1).dropped
    files.write_table(tmp_path / "dropped.parquet", dropped, version=c.RECORDS_VERSION, metadata={})
    assert {row[c.JID] for row in dropped.to_pylist()} == {*NASTY.values(), "a", "b", None}


@pytest.mark.parametrize("label", [10**400, -(10**400), "1" * 5000, "\ud800", "1e999"], ids=range(5))
def test_a_label_that_is_no_finite_number_is_none(label: object) -> None:
    records = build_records([rock_salt("a", ehull=label)], id_key="jid", fields=FIELDS, workers=1)
    assert records.table["ehull"].to_pylist() == [None]
    assert records.unreadable["ehull"].total() == 1


@pytest.fixture
def structures(tmp_path: Path) -> Path:
    folder = tmp_path / "it's $(touch canary)"
    folder.mkdir()
    for name in OF_FILES:
        ase.io.write(folder / f"{name}.cif", ase.build.bulk("NaCl", "rocksalt", a=5.64), format="cif")
    (folder / os.fsdecode(b"\xff.cif")).write_bytes((folder / "*.cif").read_bytes())
    return folder


def test_files_of_structures_are_read_under_their_names(structures: Path) -> None:
    """And their rows come back from the CSV that a screening writes."""
    expected = {f"{name}.cif" for name in OF_FILES} | {"\\xff.cif"}
    crystals = list(read_structures(structure_files([structures])))
    assert all(isinstance(crystal, Crystal) for crystal in crystals)
    assert {crystal.id for crystal in crystals} == expected
    rows = as_csv(pd.DataFrame({"id": [crystal.id for crystal in crystals]}), {}, True)
    assert set(pd.read_csv(BytesIO(rows), keep_default_na=False)["id"]) == expected


def test_a_folder_with_labels_may_have_any_names(structures: Path) -> None:
    names = [name for name in OF_FILES if name == name.strip()]  # as cells of a table are read
    labels = pd.DataFrame({"id": names, "ehull": range(len(names))})
    labels.to_csv(structures / "labels.csv", index=False)
    found = {entry["jid"]: entry.get("ehull") for entry in folder_entries(structures, id_key="jid")}
    assert found == dict.fromkeys(OF_FILES) | {name: str(k) for k, name in enumerate(names)} | {"\\xff": None}


def test_a_message_is_one_line_whatever_it_names() -> None:
    assert one_line("a\nb\r\x1b[2Jc\t\0 größe") == r"a\nb\r\x1b[2Jc\t\x00 größe"
    assert all(one_line(name).isprintable() for name in NASTY.values())
