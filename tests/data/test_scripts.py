"""The three scripts as Snakemake calls them: complete files, or one line on stderr, exit code 2 and no file."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from crystalmatrix.contracts import columns as c
from crystalmatrix.files import read_json, read_table

from .entries import rock_salt

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"


def run(script, *arguments, **settings):
    command = [sys.executable, SCRIPTS / f"{script}.py", "--settings", json.dumps(settings), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def fetch(folder, **settings):
    return run("fetch", "--out", folder / "raw.json.zip", "--meta", folder / "raw.meta.json", **settings)


def records(folder, *extra, **settings):
    inputs = ("--raw", folder / "raw.json.zip", "--meta", folder / "raw.meta.json", *extra)
    outputs = ("--out", folder / "records.parquet", "--quality", folder / "quality.json")
    return run("records", *inputs, *outputs, "--dropped", folder / "dropped.parquet", **settings)


def splits(folder, **settings):
    names = {"out": "splits.parquet", "outliers": "outliers.csv"}
    names |= {"leakage": "leakage.parquet", "coverage": "coverage.json", "removed": "extra_removed.csv"}
    outputs = [part for key, name in names.items() for part in (f"--{key}", folder / name)]
    return run("splits", "--records", folder / "records.parquet", *outputs, **settings)


def test_minerals_from_source_to_folds(tmp_path):
    for step in (fetch, records, splits):
        done = step(tmp_path, source="minerals")
        assert done.returncode == 0, done.stderr
    table, about = read_table(tmp_path / "records.parquet", version=c.RECORDS_VERSION)
    assert table.num_rows == 503
    assert about["raw_sha256"] == read_json(tmp_path / "raw.meta.json")["sha256"]
    assert (about["source"], about["symprec"]) == ("minerals", 0.01)
    assert len(about["digest"]) == 64
    assert read_json(tmp_path / "quality.json")["n_kept"] == 503
    folds, about = read_table(tmp_path / "splits.parquet", version=c.SPLITS_VERSION)
    assert about["scheme"] == "official"
    assert set(folds[c.FOLD].to_pylist()) == {c.TRAIN, c.VAL, c.TEST}
    assert read_json(tmp_path / "coverage.json")["properties"]["ehull"]["held"] == {"train": 400, "val": 54, "test": 48}
    read_table(tmp_path / "leakage.parquet", version=c.SPLITS_VERSION)
    read_table(tmp_path / "dropped.parquet", version=c.RECORDS_VERSION)
    with (tmp_path / "outliers.csv").open() as handle:
        assert next(csv.reader(handle)) == ["id", "property", "value", "score"]


def test_extra_crystals_go_through_records_to_the_training_folds(tmp_path):
    more = tmp_path / "more.json"
    label = {"energy": -0.4}
    more.write_text(json.dumps([rock_salt("1", elements=("Rb", "Au"), **label), {"jid": "2", "atoms": "na"}]))
    entry = {"name": "more", "source": str(more), "fields": {"formation_energy": "energy"}, "max_drop_rate": 0.5}
    settings = {"source": "minerals", "extra": [entry]}
    assert fetch(tmp_path, source="minerals").returncode == 0
    raw = tmp_path / "more.json.zip"
    assert run("fetch", "--out", raw, "--meta", tmp_path / "more.meta.json", source=str(more)).returncode == 0
    done = records(tmp_path, "--extra", raw, **settings)
    assert done.returncode == 0, done.stderr
    done = splits(tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    table, about = read_table(tmp_path / "records.parquet", version=c.RECORDS_VERSION)
    assert table[c.JID].to_pylist()[-1] == "more:1"
    assert about["extra"][0]["n_crystals"] == 1
    assert read_json(tmp_path / "quality.json")["n_kept"] == 503
    folds, _ = read_table(tmp_path / "splits.parquet", version=c.SPLITS_VERSION)
    rows = [row for row in folds.to_pylist() if row[c.JID] == "more:1"]
    assert [(row[c.PROPERTY], row[c.FOLD], row[c.WEIGHT]) for row in rows] == [("formation_energy", "train", 1.0)]
    dropped, _ = read_table(tmp_path / "dropped.parquet", version=c.RECORDS_VERSION)
    assert "more:2" in dropped[c.JID].to_pylist()


def assert_refused(done, folder, said, kept=()):
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert {path.name for path in folder.iterdir()} == set(kept)


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "empty"), ('[{"jid": "JVASP-1", "at', "cut short"), ('{"jid": 1}', "expected a JSON list")],
)
def test_a_bad_file_is_one_line_and_leaves_nothing(tmp_path, content, said):
    source, results = tmp_path / "data.json", tmp_path / "results"
    source.write_text(content)
    results.mkdir()
    assert_refused(fetch(results, source=str(source)), results, said)


def test_a_wrong_key_in_the_settings(tmp_path):
    assert_refused(fetch(tmp_path, sources="minerals"), tmp_path, "did you mean 'source'")


def test_rows_that_are_no_crystals_stop_the_records(tmp_path):
    source = tmp_path / "data.json"
    source.write_text(json.dumps([rock_salt("JVASP-1"), {"jid": "JVASP-2", "atoms": "na"}]))
    results = tmp_path / "results"
    results.mkdir()
    assert fetch(results, source=str(source)).returncode == 0
    done = records(results, source=str(source))
    assert_refused(done, results, "1 of 2 rows are invalid (1 no structure)", ["raw.json.zip", "raw.meta.json"])


def test_no_network_says_what_to_download_and_where_to_put_it(tmp_path):
    url = "http://127.0.0.1:9/jdft_3d-8-18-2021.json.zip"
    code = (
        "import sys; from pathlib import Path; from crystalmatrix.data.download import Remote, fetch_remote; "
        "from crystalmatrix.errors import run; remote = Remote((sys.argv[1],), 'jdft.json.zip'); "
        "run(lambda: fetch_remote(remote, Path(sys.argv[2]), wait=0))"
    )
    command = [sys.executable, "-c", code, url, tmp_path / "raw.json.zip"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=SCRIPTS, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"Download {url} by hand, name it jdft.json.zip, put it into {tmp_path}/" in line


def test_the_data_stage_starts_quickly_and_without_torch():
    code = (
        "import sys, fetch, records, splits; "
        "print([name for name in ('torch', 'matplotlib', 'jarvis', 'pandas', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=SCRIPTS, check=True)
    assert done.stdout.strip() == "[]"
