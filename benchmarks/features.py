"""What the stage of features saves a training: features mapped from files, or rebuilt from the graph shards each time.

    python benchmarks/features.py --results results --tier lite --tasks formation_energy dielectric multitask

Every training is a process of its own, one epoch long, both ways in turn. `start` is the time from the start of the
process to the end of its first step, `data` the part of it that reads labels and features, both also in seconds of the
processor, which other jobs disturb least; `peak` the most memory that it held, `own` the most that no other process
shares. The stage itself is made once, and timed, where it is missing.

In: results/data and results/graphs of a run.  Out: a table, and a JSON object as the last line.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imports count in what is timed
    import psutil

    from crystalmatrix.tiers import TierConfig
    from crystalmatrix.training.labels import TrainingData

ROOT = Path(__file__).parents[1]
WAYS = ("rebuilt", "mapped")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--tier", default="lite")
    parser.add_argument("--tasks", nargs="+", default=["formation_energy", "dielectric", "multitask"])
    parser.add_argument("--properties", nargs="+", help="what multitask learns; default: all nine")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--window-gb", type=float, help="training.window_gb")
    parser.add_argument("--start", action="store_true", help="stop every training after its first step")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    # one training, in a process of its own
    parser.add_argument("--job", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(job(arguments, arguments.tasks[0])))
        return
    stage = make_stage(arguments)
    rows = []
    for task in arguments.tasks:
        for way in arguments.ways:
            rows.append({"task": task, "way": way, **run_job(task, way)})
            print(line(rows[-1]), file=sys.stderr, flush=True)
    print(f"{platform.processor() or platform.machine()}, {arguments.threads} threads, load {os.getloadavg()[0]:.1f}")
    print(f"stage: {stage['seconds']:.1f} s, {stage['megabytes']:,.0f} MB\n")
    print("| task | way | start s (CPU) | data s (CPU) | whole training s (CPU) | peak MB | own MB |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(map(line, rows)))
    total = {
        way: {key: sum(row[key] for row in rows if row["way"] == way) for key in ("whole_seconds", "whole_cpu")}
        for way in arguments.ways
    }
    for way, sums in total.items():
        print(f"{way}: {sums['whole_seconds']:,.0f} s ({sums['whole_cpu']:,.0f} of CPU) for {len(arguments.tasks)}")
    print(json.dumps({"stage": stage, "total": total, "rows": rows}))


def line(row: dict) -> str:
    """A line of the table."""
    return (
        f"| {row['task']} | {row['way']} | {row['start_seconds']:.1f} ({row['start_cpu']:.1f}) "
        f"| {row['data_seconds']:.2f} ({row['data_cpu']:.2f}) | {row['whole_seconds']:.1f} ({row['whole_cpu']:.1f}) "
        f"| {row['peak_mb']:,.0f} | {row['own_mb']:,.0f} |"
    )


def make_stage(arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of one process to write the features of all shards, 0 where they are there, and their size."""
    from stage import features_for

    from crystalmatrix import config

    model = config.load(ROOT / "config.yaml").tiers[arguments.tier].model
    started = time.perf_counter()
    paths = features_for(shards_of(arguments), model)
    return {
        "seconds": time.perf_counter() - started,
        "megabytes": sum(path.stat().st_size for path in paths) / 1e6,
    }


def shards_of(arguments: argparse.Namespace) -> list[Path]:
    return sorted((arguments.results / "graphs").glob("shard-*.parquet"))


def run_job(task: str, way: str) -> dict[str, float]:
    """One training as the workflow starts it; its own report, and the time that all of it took."""
    started = time.perf_counter()
    command = [sys.executable, *sys.argv, "--tasks", task, "--job", way]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1]) | {"whole_seconds": time.perf_counter() - started}


class Finished(Exception):  # noqa: N818  # no error
    """After the first step, with --start."""


def job(arguments: argparse.Namespace, task: str) -> dict[str, float]:
    """Train for one epoch in this process, as workflow_scripts/train.py does."""
    import psutil
    import torch

    from crystalmatrix.machine import peak_memory_mb
    from crystalmatrix.training.loop import Trainer
    from crystalmatrix.training.run import train

    torch.set_num_threads(arguments.threads)
    process = psutil.Process()
    own = watched(process)
    ends: list[tuple[float, float]] = []  # of steps: the clock, and seconds of the processor
    step = Trainer._step

    def timed_step(self: Trainer, crystals: object) -> None:
        step(self, crystals)
        ends.append((time.time(), time.process_time()))
        if arguments.start:
            raise Finished

    Trainer._step = timed_step  # type: ignore[method-assign]  # on purpose: the loop itself is timed
    settings = one_epoch(arguments)
    before, cpu_before = time.perf_counter(), time.process_time()
    data = loaded(arguments, task, settings)
    seconds, cpu_seconds = time.perf_counter() - before, time.process_time() - cpu_before
    with tempfile.TemporaryDirectory() as run, contextlib.suppress(Finished):
        train(data, tier=arguments.tier, task=task, settings=settings, run=Path(run), device=torch.device("cpu"))
    return {
        "start_seconds": ends[0][0] - process.create_time(),
        "start_cpu": ends[0][1],
        "data_seconds": seconds,
        "data_cpu": cpu_seconds,
        "whole_cpu": time.process_time(),
        "peak_mb": peak_memory_mb(),
        "own_mb": max(own),
    }


def watched(process: "psutil.Process") -> list[float]:
    """A list that grows by the memory, in MiB, that no other process shares, five times a second."""
    own = [0.0]

    def watch() -> None:
        while True:
            own.append(process.memory_full_info().uss / 2**20)
            time.sleep(0.2)

    threading.Thread(target=watch, daemon=True).start()
    return own


def one_epoch(arguments: argparse.Namespace) -> "TierConfig":
    """The tier, trained from scratch for one epoch."""
    from crystalmatrix import config

    tier = config.load(ROOT / "config.yaml").tiers[arguments.tier]
    changes = {"max_epochs": 1, "min_epochs": 1, "init": "scratch"}
    if arguments.window_gb:
        changes["window_gb"] = arguments.window_gb
    return tier.model_copy(update={"training": tier.training.model_copy(update=changes)})


def loaded(arguments: argparse.Namespace, task: str, settings: "TierConfig") -> "TrainingData":
    """The training data, one way or the other."""
    from stage import features_for

    from crystalmatrix.properties import PROPERTIES
    from crystalmatrix.training.labels import load

    data = load(
        arguments.results / "data/records.parquet",
        arguments.results / "data/splits.parquet",
        None,
        features_for(shards_of(arguments), settings.model),
        task=task,
        properties=arguments.properties or list(PROPERTIES),
        settings=settings,
    )
    return data if arguments.job == "mapped" else rebuilt(data, shards_of(arguments))


def rebuilt(data: "TrainingData", shards: list[Path]) -> "TrainingData":
    """The way without a stage: all shards are read and what the network sees is computed, in memory, in every job."""
    import numpy as np
    import pyarrow as pa

    from crystalmatrix import files
    from crystalmatrix.contracts import columns
    from crystalmatrix.features.features import Features
    from crystalmatrix.graphs.table import graphs_from_table

    tables = [files.read_table(path, version=columns.GRAPHS_VERSION)[0] for path in shards]
    graphs = graphs_from_table(pa.concat_tables(tables))
    used = np.flatnonzero(np.isin(graphs.jid, data.features.jid))
    return replace(data, features=Features.of_graphs(graphs.select(used), data.features.view))


if __name__ == "__main__":
    main()
