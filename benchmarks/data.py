"""Crystals a second, peak memory and file size of the records stage, next to json.load + pandas and plain spglib.

In: files given on the command line, or the raw data of a run in this folder.  Out: a table, and one JSON object as
the last line. Each figure comes from processes of its own, peak memory counts the workers too.

`records.py` is the script of the workflow: it validates every crystal and finds its space group. `json.load + pandas`
does neither: it loads the file, turns `na` into numbers and writes a parquet file. `spglib` is the usual way to the
space groups alone, one crystal after another in one process, on a sample.

    python benchmarks/data.py [FILE ...] [--repeats 3] [--workers 2]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from crystals import RAW, default_source

ROOT = Path(__file__).parents[1]
# Of files that do not name their columns as JARVIS does.
SETTINGS: dict[str, dict[str, Any]] = {
    "megnet.json.zip": {"id_key": "id", "fields": {"formation_energy": "e_form", "band_gap": "gap pbe"}},
}

PANDAS = """
import json, sys, zipfile
import pandas as pd
with zipfile.ZipFile(sys.argv[1]) as archive:
    entries = json.load(archive.open(archive.namelist()[0]))
table = pd.DataFrame(entries)
for name in table.columns.drop(["atoms", table.columns[0]]):
    table[name] = pd.to_numeric(table[name], errors="coerce")
table.to_parquet(sys.argv[2], compression="zstd")
"""

SPGLIB = """
import sys, time
from itertools import islice
from pathlib import Path
import numpy as np
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.entries import crystal_of, read_entry
from crystalmatrix.crystals.symmetry import find_symmetry
import spglib
cells = []
for raw in islice(read_entries(Path(sys.argv[1])), 0, None, int(sys.argv[3])):
    entry = read_entry(raw, id_key=sys.argv[2], fields={})
    crystal = crystal_of(entry)
    cells.append((crystal.lattice, crystal.fractional, crystal.species))
start = time.perf_counter()
plain = [spglib.get_symmetry_dataset(cell, symprec=0.01).number for cell in cells]
middle = time.perf_counter()
ours = [find_symmetry(*cell).space_group for cell in cells]
end = time.perf_counter()
print(len(cells), middle - start, end - middle, sum(a != b for a, b in zip(plain, ours)))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", help="data sets (default: the raw data of a run here)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the median is given")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of records.py")
    arguments = parser.parse_arguments()
    files = arguments.files or [default_source(RAW)]
    results = [measure(path, repeats=arguments.repeats, workers=arguments.workers) for path in files]
    keys = list(results[0])
    for key in keys:
        print(f"{key:34}", *(f"{result[key]:>30}" for result in results))
    print(json.dumps(results))


def measure(path: Path, *, repeats: int, workers: int) -> dict[str, Any]:
    """All figures of one file."""
    settings = SETTINGS.get(path.name, {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fetch = _script("fetch", {**settings, "source": str(path)}, folder, out="raw.json.zip", meta="raw.meta.json")
        fetched = [_run(fetch) for _ in range(repeats)]
        outputs = {"out": "records.parquet", "quality": "quality.json", "dropped": "dropped.parquet"}
        records = _script("records", settings, folder, raw="raw.json.zip", meta="raw.meta.json", **outputs)
        runs = [_run([*records, "--workers", str(workers)]) for _ in range(repeats)]
        pandas = [_run([sys.executable, "-c", PANDAS, path, folder / "pandas.parquet"]) for _ in range(repeats)]
        n = json.loads((folder / "quality.json").read_text())["n_raw"]
        step = max(1, n // 1000)
        command = [sys.executable, "-c", SPGLIB, path, settings.get("id_key", "jid"), str(step)]
        sample = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT / "workflow_scripts")
        n_sample, plain, ours, n_different = map(float, sample.stdout.split())
        seconds = _median(runs, "seconds")
        return {
            "file": path.name,
            "crystals": n,
            "fetch.py: s": _median(fetched, "seconds"),
            f"records.py, {workers} workers: s": seconds,
            "records.py: CPU s": _median(runs, "cpu"),
            "records.py: crystals/s": round(n / seconds),
            "records.py: peak MB": _median(runs, "peak_mb"),
            "records.parquet: MB": _megabytes(folder / "records.parquet"),
            "json.load + pandas: s": _median(pandas, "seconds"),
            "json.load + pandas: peak MB": _median(pandas, "peak_mb"),
            "json.load + pandas: parquet MB": _megabytes(folder / "pandas.parquet"),
            "symmetry, spglib: crystals/s": round(n_sample / plain),
            "symmetry, ours: crystals/s": round(n_sample / ours),
            "symmetry: different": int(n_different),
        }


def _script(name: str, settings: dict[str, Any], folder: Path, **paths: str) -> list[Any]:
    options = [part for key, value in paths.items() for part in (f"--{key}", folder / value)]
    return [sys.executable, ROOT / f"workflow_scripts/{name}.py", "--settings", json.dumps(settings), *options]


def _run(command: list[Any]) -> dict[str, float]:
    """Wall and CPU seconds, and the peak memory of a process and its children, sampled from /proc."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command])
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(_resident_mb, _family(process.pid))))
        time.sleep(0.1)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{command[1]} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, "peak_mb": peak}


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(other for child in children for other in _family(int(child)))]


def _resident_mb(pid: int) -> float:
    """Proportional set size: memory shared by a process and its workers is counted once."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _median(runs: list[dict[str, float]], key: str) -> float:
    return round(statistics.median(run[key] for run in runs), 1)


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)


if __name__ == "__main__":
    main()
