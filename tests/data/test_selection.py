"""`data: {ids: ...}`: only the crystals that are named, all of them, or one line that says which are missing."""

import json
from pathlib import Path
from typing import Any

import pytest

from crystalmatrix.contracts import columns as c
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.official import official_folds, official_properties
from crystalmatrix.data.selection import PART, select, selected_ids
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.files import read_table

from .entries import rock_salt
from .paths import JARVIS, needs_jarvis
from .test_scripts import fetch, records


def labels(entry: dict[str, Any]) -> list[Any]:
    return [value for key, value in entry.items() if key not in ("jid", "atoms")]


def written(folder: Path, ids: str) -> str:
    path = folder / "ids.txt"
    path.write_text(ids)
    return str(path)


def test_the_part_is_a_part_of_the_official_release() -> None:
    ids = selected_ids(PART)
    assert len(ids) == 15_343
    assert ids <= set().union(*(official_folds(name) for name in official_properties()))


@needs_jarvis
def test_the_part_is_what_the_figures_were_measured_on() -> None:
    labelled = {entry["jid"] for entry in read_entries(JARVIS) if any(value != "na" for value in labels(entry))}
    assert selected_ids(PART) == labelled


def test_only_the_named_crystals_become_records(tmp_path: Path) -> None:
    source, results = tmp_path / "data.json", tmp_path / "results"
    source.write_text(json.dumps([rock_salt(f"JVASP-{i}", a=5 + i / 10, ehull=0.1) for i in range(5)]))
    results.mkdir()
    assert fetch(results, source=str(source)).returncode == 0
    done = records(results, source=str(source), ids=written(tmp_path, "JVASP-3\n\nJVASP-1 \n"))
    assert done.returncode == 0, done.stderr
    table, about = read_table(results / "records.parquet", version=c.RECORDS_VERSION)
    assert about["source"] == f"{source} (ids: ids.txt)"
    assert table[c.JID].to_pylist() == ["JVASP-1", "JVASP-3"]


def test_a_missing_crystal_stops_the_records_in_one_line(tmp_path: Path) -> None:
    source, results = tmp_path / "data.json", tmp_path / "results"
    source.write_text(json.dumps([rock_salt("JVASP-1")]))
    results.mkdir()
    assert fetch(results, source=str(source)).returncode == 0
    done = records(results, source=str(source), ids=PART)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert f"{source} lacks 15,34" in line
    assert not (results / "records.parquet").exists()


@pytest.mark.parametrize(("name", "said"), [("prat", "did you mean 'part'"), ("no/such.txt", "expected `part` or")])
def test_a_name_that_is_none_is_a_sentence(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        selected_ids(name)


def test_an_empty_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no id"):
        selected_ids(written(tmp_path, "\n"))


def test_rows_that_are_no_entries_are_passed_over() -> None:
    with pytest.raises(DataError, match="lacks 1 of the 2 ids"):
        list(select([None, 7, {"jid": "a"}, {"jid": "c"}], {"a", "b"}, id_key="jid", where="here"))
