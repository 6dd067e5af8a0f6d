"""How every stage grows with the number of crystals: processor time, peak memory, disk; and what millions would cost.

In: sizes; the bundled minerals, or a data set in JARVIS's format, repeated with jitter.  Out: a line for each stage and
size, which --out keeps so that the next call goes on; a table of exponents and extrapolations.

Each stage is its script, as the rules call it, in a process of its own with one thread, after a run that compiles the
kernels. Jitter strains a copy by up to 5 % along its cell, which keeps its symmetry. Exponents are fitted to what is
left after the seconds and bytes of the smallest size, which are start-up, at the three largest sizes. A training is
measured by its epoch: what it costs in all is `crystals_seen`, which does not grow with the data. Descriptors are told
apart, since only some tiers read them, and measured up to 1,000 crystals. Left out: embeddings and the submission,
which do not grow with the data set, and the search for the most neighbours, which only `neighbours: null` asks for.
--splits measures that stage alone, on the records of the largest size over and over. Prices are those of one instance
of one provider, named below; pass yours.

    python benchmarks/scaling.py [--sizes 100 1000 5000 15000] [--data x.json.zip] [--target 5000000]
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crystalmatrix.config import GraphConfig, load
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.view import View
from crystalmatrix.data.archive import read_entries, write_entries
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.files import read_table, write_table

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow_scripts"
TIER, TASK = "lite", "formation_energy"
DESCRIBED, DESCRIBED_UP_TO = "descriptors", 1_000
STRAIN = 0.05


@dataclass(frozen=True)
class Measured:
    """One stage at one size."""

    stage: str
    crystals: int
    cpu_s: float
    wall_s: float
    peak_mb: float
    disk_mb: float  # of what it leaves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 5_000, 15_000], help="the first: start-up")
    parser.add_argument("--splits", type=int, nargs="*", default=[], help="sizes of the stage `splits` alone")
    parser.add_argument("--data", type=Path, help="instead of the minerals")
    parser.add_argument("--out", type=Path, help="JSON lines; sizes that it holds are not measured again")
    parser.add_argument("--target", type=int, default=5_000_000, help="crystals to extrapolate to")
    parser.add_argument("--core-hour", type=float, default=0.043, help="euros; default: as in docs/performance.md")
    parser.add_argument("--gb-month", type=float, default=0.072, help="euros; likewise")
    arguments = parser.parse_args()
    sizes = sorted(arguments.sizes)
    found = kept(arguments.out)
    for n in sizes:
        if sum(one.crystals == n for one in found) > 1:
            continue
        with tempfile.TemporaryDirectory() as folder:
            if n == sizes[0]:
                list(run(Path(folder), n, arguments.data))  # compiles
            for measured in run(Path(folder), n, arguments.data):
                found.append(measured)
                say(measured, arguments.out)
    with tempfile.TemporaryDirectory() as folder:
        for n in sorted(set(arguments.splits) - {one.crystals for one in found}):
            found.append(splits_of_copies(Path(folder), n, sizes[-1], arguments.data))
            say(found[-1], arguments.out)
    table(sorted(found, key=lambda one: one.crystals), arguments)


def kept(out: Path | None) -> list[Measured]:
    """What an earlier call measured."""
    if out is None or not out.exists():
        return []
    return [Measured(**json.loads(line)) for line in out.read_text().splitlines()]


def say(one: Measured, out: Path | None) -> None:
    line = json.dumps(asdict(one))
    print(line, flush=True)
    if out is not None:
        with out.open("a") as handle:
            handle.write(line + "\n")


def run(folder: Path, n: int, data: Path | None) -> Iterator[Measured]:
    """Every stage in order."""
    source = folder / "source.json.zip"
    # In a process of its own: what this one holds would count as the least peak of every process that it starts.
    writer = multiprocessing.get_context("spawn").Process(target=write_source, args=(source, n, data))
    writer.start()
    writer.join()
    for stage, command, left in commands(folder, source):
        if stage != DESCRIBED or n <= DESCRIBED_UP_TO:
            yield measure(stage, n, command, left)


def write_source(path: Path, n: int, data: Path | None) -> None:
    write_entries(path, repeated(list(read_entries(data)) if data else mineral_entries(), n))


def splits_of_copies(folder: Path, n: int, n_records: int, data: Path | None) -> Measured:
    """The stage `splits`, on the records of `n_records` crystals over and over, each copy with ids of its own."""
    records = folder / "records.parquet"
    if not records.exists():
        for stage in run(folder, n_records, data):
            if stage.stage == "records":
                break
    path = folder / "copies.parquet"
    writer = multiprocessing.get_context("spawn").Process(target=write_copies, args=(records, path, n))
    writer.start()
    writer.join()
    chosen = {stage: (command, left) for stage, command, left in commands(folder, folder / "source.json.zip")}
    command, left = chosen["splits"]
    return measure("splits", n, [path if word == records else word for word in command], left)


def write_copies(records: Path, path: Path, n: int) -> None:
    table, metadata = read_table(records, version=columns.RECORDS_VERSION)
    random = np.random.default_rng(0)
    copies = []
    for k in range(-(-n // len(table))):
        factor = pa.array((1 + STRAIN * random.uniform(-1, 1, len(table))) ** 3)
        ids = pc.binary_join_element_wise(table[columns.JID], str(k), "-")
        volume = pc.multiply(table[columns.VOLUME], factor)
        copy = table.set_column(table.schema.get_field_index(columns.JID), table.schema.field(columns.JID), ids)
        copies.append(
            copy.set_column(copy.schema.get_field_index(columns.VOLUME), copy.schema.field(columns.VOLUME), volume)
        )
    write_table(path, pa.concat_tables(copies).slice(0, n), version=columns.RECORDS_VERSION, metadata=metadata)


def measure(stage: str, n: int, command: list[Any], left: list[Path]) -> Measured:
    """One script in a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / command[0]), *map(str, command[1:])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{stage}: {said[-2000:]}")
    files = [path for top in left for path in (top.rglob("*") if top.is_dir() else [top])]
    disk = sum(path.stat().st_size for path in files if path.is_file()) / 1e6
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10  # KiB, on Linux
    return Measured(stage, n, cpu, time.perf_counter() - start, peak, disk)


def repeated(entries: list[dict[str, Any]], n: int) -> Iterator[dict[str, Any]]:
    """The entries over and over, each copy strained and with an id of its own.

    In random order: the first crystals of JARVIS-DFT are smaller than the later ones.
    """
    random = np.random.default_rng(0)
    order = cycle(random.permutation(len(entries)).tolist())
    for k, entry in enumerate(entries[row] for row in islice(order, n)):
        atoms = dict(entry["atoms"])
        factor = 1 + STRAIN * random.uniform(-1, 1) if k >= len(entries) else 1.0
        atoms["lattice_mat"] = (factor * np.array(atoms["lattice_mat"], float)).tolist()
        if str(atoms["cartesian"]).lower() in ("true", "1"):
            atoms["coords"] = (factor * np.array(atoms["coords"], float)).tolist()
        for key in ("abc", "angles"):  # of the cell before
            atoms.pop(key, None)
        yield {**entry, "jid": f"{entry['jid']}-{k}", "atoms": atoms}


def commands(folder: Path, source: Path) -> Iterator[tuple[str, list[Any], list[Path]]]:
    """(stage, its script with arguments, what it leaves)."""
    config = load(ROOT / "config.yaml")
    data = config.data.model_copy(update={"source": str(source), "splits": "random"})
    of_fetch = data.to_json("source", "mirrors", "sha256", "id_key")
    of_records = data.to_json("source", "id_key", "ids", "extra", "fields", "max_drop_rate")
    of_splits = data.to_json("source", "extra", "splits", "split_fractions", "split_seed")
    graph = GraphConfig(shards=1)
    tier = config.tiers[TIER]
    training = tier.training.model_copy(update={"max_epochs": 1, "min_epochs": 1})
    settings = tier.model_copy(update={"training": training}).to_json()
    view = View.of(graph, tier.model).to_json()
    raw, meta, records, splits, shard = (
        folder / name
        for name in ("raw.json.zip", "raw.meta.json", "records.parquet", "splits.parquet", "shard-0.parquet")
    )
    rest = [folder / name for name in ("quality.json", "dropped.parquet", "outliers.csv", "leakage.parquet", "c.json")]
    features, model, values, scores, plan, part = (
        folder / name for name in ("s.arrow", "m.pt", "p.parquet", "m.json", "_plan.json", "part-0.parquet")
    )
    counts, told, base, base_scores = (
        folder / name for name in ("counts.json", "d.parquet", "base.parquet", "base.json")
    )
    known = ["--records", records, "--splits", splits, "--features", features, "--threads", 1, "--device", "cpu"]
    yield "fetch", ["fetch.py", "--settings", of_fetch, "--out", raw, "--meta", meta], [raw]
    quality = ["--quality", rest[0], "--dropped", rest[1]]
    made = ["--settings", of_records, "--raw", raw, "--meta", meta, "--out", records, "--workers", 1, *quality]
    yield "records", ["records.py", *made], [records, *rest[:2]]
    others = ["--outliers", rest[2], "--leakage", rest[3], "--coverage", rest[4], "--removed", folder / "removed.csv"]
    yield (
        "splits",
        ["splits.py", "--settings", of_splits, "--records", records, "--out", splits, *others],
        [splits, *rest[2:]],
    )
    cut = ["--settings", graph.to_json(), "--records", records, "--shard", 0, "--search", "cpu", "--out", shard]
    yield "graphs", ["graphs.py", *cut], [shard]
    yield "graph statistics", ["graph_statistics.py", "--graphs", folder, "--shards", 1, "--out", counts], [counts]
    described = ["--potential", "chgnet", "--shard", shard, "--threads", 1, "--device", "cpu"]
    yield DESCRIBED, ["descriptors.py", *described, "--out", told], [told]
    yield "features", ["features.py", "--view", view, "--shard", shard, "--out", features], [features]
    fitted = ["--tier", TIER, "--task", TASK, "--settings", settings, "--run", folder / "run", "--out", model]
    yield "epoch", ["train.py", *fitted, *known], [model]
    yield "predict", ["predict.py", "--model", model, *known, "--out", values], [values]
    of_both = ["--records", records, "--splits", splits]
    yield "composition", ["composition.py", "--property", TASK, *of_both, "--out", base], [base]
    judged = [*of_both, "--leakage", rest[3], "--settings", config.report.to_json("bootstrap", "confidence")]
    yield "evaluate", ["evaluate.py", "--predictions", values, *judged, "--out", scores], [scores]
    yield "evaluate: composition", ["evaluate.py", "--predictions", base, *judged, "--out", base_scores], [base_scores]
    shown = ["--metrics", scores, base_scores, "--predictions", values, base, *of_both, "--leakage", rest[3]]
    shown += ["--quality", rest[0], "--dropped", rest[1], "--outliers", rest[2], "--coverage", rest[4]]
    page = folder / "report"
    yield "page", ["compare.py", *shown, "--graphs", counts, "--out-dir", page], [page]
    yield "screen: plan", ["screen_plan.py", records, "--parts", 1, "--out", plan], [plan]
    screened = ["--plan", plan, "--part", 0, "--model", model, "--out", part, "--device", "cpu"]
    yield "screen: part", ["screen_part.py", records, *screened], [part]
    joined = ["--folder", folder, "--parts", 1, "--structures", records, "--out", folder / "screened.csv"]
    yield "screen: table", ["screen_table.py", *joined], [folder / "screened.csv"]


def table(found: list[Measured], arguments: argparse.Namespace) -> None:
    """Milliseconds and exponents, and the target by them."""
    target = arguments.target
    print(
        "| stage | start-up, s | largest size | s | peak, MB | left, MB | ms a crystal | time ~ n^ | memory ~ n^ "
        f"| core hours at {target:,} | peak, GB | left, GB |"
    )
    print("|" + " --- |" * 12)
    hours = disk = 0.0
    for stage in dict.fromkeys(one.stage for one in found):
        mine = sorted((one for one in found if one.stage == stage), key=lambda one: one.crystals)
        if len(mine) < 2:
            continue
        sizes = [one.crystals for one in mine]
        cpu, peak, left = (
            growth(sizes, [getattr(one, key) for one in mine], target) for key in ("cpu_s", "peak_mb", "disk_mb")
        )
        if stage != DESCRIBED:
            hours, disk = hours + cpu.value / 3600, disk + left.value / 1e3
        ms = 1e3 * (mine[-1].cpu_s - mine[0].cpu_s) / (sizes[-1] - sizes[0])
        print(
            f"| {stage} | {mine[0].cpu_s:.1f} | {sizes[-1]:,} | {mine[-1].cpu_s:.1f} | {mine[-1].peak_mb:,.0f} "
            f"| {mine[-1].disk_mb:,.1f} | {ms:.2f} | {cpu.exponent} | {peak.exponent} "
            f"| {cpu.shown(3600)} | {peak.shown(1e3)} | {left.shown(1e3)} |"
        )
    euros = hours * arguments.core_hour + disk * arguments.gb_month
    print(
        f"\n{target:,} crystals, without {DESCRIBED}: {hours:,.0f} core hours and {disk:,.0f} GB: {euros:,.0f} euros "
        f"at {arguments.core_hour} a core hour and {arguments.gb_month} a GB and month"
    )


class Growth(NamedTuple):
    """What some quantity comes to at the target."""

    power: float | None  # None: too little beside the start-up to tell
    value: float  # then a bound, as if it grew linearly from the smallest size to the largest

    @property
    def exponent(self) -> str:
        return "in the noise" if self.power is None else f"{self.power:.2f}"

    def shown(self, unit: float) -> str:
        return ("≤ " if self.power is None else "") + f"{self.value / unit:,.1f}"


def growth(sizes: list[int], values: list[float], target: int) -> Growth:
    """Of what is beyond the value of the smallest size, by least squares in logarithms at the three largest sizes.

    Of the sizes at which that is a quarter more or above, since the rest is noise; with fewer than two of them, what it
    is at most if it grows linearly.
    """
    start = values[0]
    beyond = [(n, value - start) for n, value in zip(sizes[1:], values[1:], strict=True) if value > 1.25 * start]
    if len(beyond) < 2:
        slope = max(0.0, values[-1] - start) / (sizes[-1] - sizes[0])
        return Growth(None, start + slope * (target - sizes[0]))
    x, y = np.log(np.array(beyond[-3:])).T
    power, offset = np.polyfit(x, y, 1)
    return Growth(float(power), start + float(np.exp(offset + power * log(target))))


if __name__ == "__main__":
    main()
