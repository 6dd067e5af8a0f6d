"""Forecast against reality: what `crystalmatrix plan` foresees of trainings, and what they then take here.

In: a run folder whose features are made; tier/property targets without a checkpoint yet.  Out: a row for each
training, and one JSON line. Rates are measured as `plan` does, before the trainings and after them, since a machine
with other work changes; the forecast is made of their mean. Trainings run one after the other, by Snakemake.

    python benchmarks/forecast.py --directory part --configfile part.yaml lite/dielectric cgcnn/dielectric
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from crystalmatrix.cli import forecast, plan
from crystalmatrix.cli.measuring import machine_of, measured
from crystalmatrix.cli.sizes import sizes_of
from crystalmatrix.errors import run
from crystalmatrix.training.rates import Rates

ONE_CORE = machine_of(cores=1, threads=1, gpus=0, wish="cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="TIER/PROPERTY")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--configfile", type=Path, required=True)
    arguments = parser.parse_args()
    config = plan.configuration(arguments.configfile)
    tasks_of = forecast.wanted_tasks(config, arguments.models)
    results = arguments.directory / "results"
    sizes = sizes_of(config, results)
    load = os.getloadavg()[0]
    print("measuring before the trainings, and after them", file=sys.stderr, flush=True)
    before = {tier: measured(config.tiers[tier], config, ONE_CORE) for tier in tasks_of}
    train(arguments.models, arguments.directory, arguments.configfile)
    rows: list[dict[str, Any]] = []
    for tier, tasks in tasks_of.items():
        rates = Rates.mean([before[tier], measured(config.tiers[tier], config, ONE_CORE)])
        for task in tasks:
            seen, seconds = forecast.training(config.tiers[tier], task, sizes=sizes, rates=rates)
            path = results / f"benchmarks/train/{tier}/{task}.tsv"
            took = next(csv.DictReader(path.read_text("utf-8").splitlines(), delimiter="\t"))
            found = {
                "crystals": seen,
                "forecast_s": seconds,
                "took_s": float(took["s"]),
            }
            rows.append({"tier": tier, "task": task, **found, "factor": seconds / float(took["s"])})
    print("| tier | property | crystals seen | forecast, s | took, s | forecast / took |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        times = f"{row['forecast_s']:.0f} | {row['took_s']:.0f} | {row['factor']:.2f}"
        print(f"| {row['tier']} | {row['task']} | {row['crystals']:,} | {times} |")
    print(json.dumps({"load": [load, os.getloadavg()[0]], "rows": rows}))


def train(targets: list[str], directory: Path, configfile: Path) -> None:
    """One after the other, each with one thread."""
    command = [sys.executable, "-m", "snakemake", "--directory", str(directory), "--configfile", str(configfile)]
    command += ["--resources", "gpu=0", "--set-threads", "train=1", "--rerun-triggers", "mtime", "--cores", "1"]
    subprocess.run([*command, *(f"results/{target}.pt" for target in targets)], check=True)


if __name__ == "__main__":
    run(main)
