"""A data set of one crystal over and over: what reading it and putting it into folds take, and what they say.

In: a number of crystals.  Out: what each stage says, its seconds of the processor and its peak of memory; an assertion
where a test crystal has no twin in the training fold, or where the label that repeats is not counted.

    nice -n 15 python -m tests.faults.equal --count 1000000
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.files import read_json, read_table

from ..data.entries import rock_salt

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
PROPERTY = "formation_energy"


def write_source(path: Path, n: int) -> None:
    """Entries that differ in their ids alone."""
    entry = rock_salt("ID", formation_energy_peratom=-1.0)
    before, after = json.dumps(entry).split('"ID"')
    with path.open("w") as file:
        file.write("[")
        for k in range(n):
            file.write(f'{"," if k else ""}{before}"x{k}"{after}\n')
        file.write("]")


def stage(script: str, *arguments: Any) -> tuple[str, float, float]:
    """(what it says, s of the processor, MB at its peak). AssertionError where it does not end well."""
    process = subprocess.Popen(
        [sys.executable, SCRIPTS / script, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return said, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10  # KiB, on Linux


def run(folder: Path, n: int) -> list[tuple[str, str, float, float]]:
    """(stage, what it says, s, MB) of each."""
    settings = DataConfig.parse({"source": str(folder / "equal.json"), "splits": "random", "id_key": "jid"})
    write_source(folder / "equal.json", n)
    raw, meta, records, splits = (
        folder / name for name in ("raw.json.zip", "raw.meta.json", "records.parquet", "splits.parquet")
    )
    quality, dropped = folder / "quality.json", folder / "dropped.parquet"
    of_records = settings.to_json("source", "id_key", "ids", "extra", "fields", "max_drop_rate")
    of_splits = settings.to_json("source", "extra", "splits", "split_fractions", "split_seed")
    lists = {name: folder / name for name in ("outliers.csv", "leakage.parquet", "coverage.json", "removed.csv")}
    others = [word for name, path in lists.items() for word in (f"--{name.partition('.')[0]}", path)]
    found = [
        ("fetch", *stage("fetch.py", "--settings", settings.to_json("source", "mirrors", "sha256", "id_key"),
                         "--out", raw, "--meta", meta)),
        ("records", *stage("records.py", "--settings", of_records, "--raw", raw, "--meta", meta, "--out", records,
                           "--workers", 1, "--quality", quality, "--dropped", dropped)),
        ("splits", *stage("splits.py", "--settings", of_splits, "--records", records, "--out", splits, *others)),
    ]  # fmt: skip
    folds, _ = read_table(splits, version=c.SPLITS_VERSION)
    twins, _ = read_table(lists["leakage.parquet"], version=c.SPLITS_VERSION)
    n_test = folds[c.FOLD].to_pylist().count(c.TEST)
    assert folds.num_rows == n
    assert twins.num_rows == n_test > 0
    assert set(twins[c.KIND].to_pylist()) == {c.SAME}
    (repeated,) = read_json(quality)["properties"][PROPERTY]["repeats"]
    assert repeated["count"] == n
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, said, seconds, peak in run(Path(folder), arguments.count):
            last = said.strip().split("\n")[-1]  # of its progress
            print(f"{name}: {seconds:.0f} s, {peak:,.0f} MB; {last}", flush=True)
    print(
        f"{arguments.count:,} equal crystals: each of the test fold has its twin, and the label's repeats are counted"
    )


if __name__ == "__main__":
    main()
