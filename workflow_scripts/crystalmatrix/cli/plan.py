"""`crystalmatrix plan`: how long the matrix will take on this machine, measured, not guessed.

In: the configuration; this machine, for a few seconds a tier.  Out: a table.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from crystalmatrix.cli.command import Command
from crystalmatrix.errors import ConfigError, DataError

if TYPE_CHECKING:
    from crystalmatrix.cli.forecast import Forecast
    from crystalmatrix.config import Config
    from crystalmatrix.tiers import TierConfig
    from crystalmatrix.training.rate import Rates

SECONDS = 3.0  # of steps a tier
EXAMPLES = """crystalmatrix plan
crystalmatrix plan lite std/band_gap
crystalmatrix plan --configfile mine/config.yaml --directory mine"""
HINT = "how long this takes on this machine: crystalmatrix plan"
HEADER = ("tier", "trainings", "done", "crystals seen", "crystals/s", "time", "memory", "disk")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="tiers or tier/property, as lite or std/band_gap (default: all)"
    )
    parser.add_argument("--configfile", type=Path, metavar="FILE", help="laid over the project's config.yaml")
    parser.add_argument(
        "--directory", type=Path, default=Path(), metavar="FOLDER", help="where results/ lies (default: here)"
    )
    parser.add_argument("--cores", type=int, help="as for snakemake (default: all)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: auto, a free GPU")


def run(arguments: argparse.Namespace) -> int:
    from crystalmatrix.cli import forecast as f
    from crystalmatrix.cli.sizes import sizes_of
    from crystalmatrix.data.parallel import available_cores
    from crystalmatrix.words import counted

    if arguments.cores is not None and arguments.cores < 1:
        raise ConfigError(f"--cores: found {arguments.cores}, expected at least 1")
    if not arguments.directory.is_dir():
        raise DataError(
            f"--directory {arguments.directory}: not found, expected a run's folder; leave it away before there is one"
        )
    config = configuration(arguments.configfile)
    tasks_of = f.wanted_tasks(config, arguments.models)
    results = arguments.directory / "results"
    sizes = sizes_of(config, results)
    cores = arguments.cores or available_cores()
    on_gpu = arguments.device != "cpu" and any(map(shutil.which, ["nvidia-smi", "rocm-smi"]))
    parallel = 1 if on_gpu else max(1, cores // _threads(cores))
    rates = {}
    for tier, tasks in tasks_of.items():
        if all((results / tier / f"{task}.pt").exists() for task in tasks):
            continue
        print(f"measuring {tier} ...", file=sys.stderr, flush=True)
        rates[tier] = measured(config.tiers[tier], config, arguments.device, cores=cores, parallel=parallel)
    rows = [
        f.forecast(config, tier, tasks, sizes=sizes, rates=rates.get(tier), results=results)
        for tier, tasks in tasks_of.items()
    ]
    evaluation = sum(row.evaluation_seconds for row in rows) / parallel
    print(
        _text(
            rows, parallel=parallel, evaluation=evaluation, features=f.features_gb(config, list(tasks_of), sizes, rates)
        )
    )
    how = "on the GPU, one at a time" if any(row.on_gpu for row in rows) else f"on the CPU, {parallel} side by side"
    print(f"\n{counted(sizes.n_crystals, 'crystal')} of {sizes.mean_atoms:.1f} atoms, {sizes.origin}; trainings {how}.")
    print("To the last epoch of each: patience may end it sooner, other work on the machine later.")
    if read := sorted({name for tier in rates for name in config.tiers[tier].model.descriptors}):
        print(f"Not in it: the descriptors of {', '.join(read)}, once for all crystals, before the first training.")
    return 0


def at_start(models: list[str], overlay: dict[str, object], *, cores: int, device: str) -> str:
    """What `plan` prints of these trainings of a run that starts here; where it cannot, how to ask it later."""
    with tempfile.TemporaryDirectory() as folder:
        configfile = Path(folder) / "config.json"  # which is YAML too
        configfile.write_text(json.dumps(overlay), encoding="utf-8")
        command = [sys.executable, "-c", "from crystalmatrix.cli.main import main; main()", "plan", *models]
        command += ["--configfile", str(configfile), "--cores", str(cores), "--device", device]
        ended = subprocess.run(command, env=_environment(), capture_output=True, text=True)
    return HINT if ended.returncode else ended.stdout.rstrip()


def configuration(overlay: Path | None) -> "Config":
    import yaml

    from crystalmatrix.config import load
    from crystalmatrix.shipped import project_file

    base = project_file("config.yaml")
    if overlay is None:
        return load(base)
    if not overlay.is_file():
        what = "a folder" if overlay.is_dir() else "not found"
        raise DataError(f"--configfile {overlay}: {what}, expected a YAML file laid over config.yaml")
    try:
        content = yaml.safe_load(overlay.read_text(encoding="utf-8"))
        return load(base, content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{overlay}: not valid YAML: {' '.join(str(error).split())}") from None
    except ConfigError as error:
        raise ConfigError(f"{overlay}: {error}") from None


def _threads(cores: int) -> int:
    from crystalmatrix.machine import train_threads

    return train_threads(cores)


def measured(settings: "TierConfig", config: "Config", device: str, *, cores: int, parallel: int) -> "Rates":
    """As trainings will run: so many processes at once, which share what the machine has."""
    from crystalmatrix.machine import ALLOCATOR
    from crystalmatrix.training.rate import Rates

    command = [sys.executable, "-m", "crystalmatrix.training.rate", "--settings", settings.to_json()]
    command += ["--graph", config.graph.to_json(), "--device", device if parallel == 1 else "cpu"]
    command += ["--threads", str(_threads(cores)), "--seconds", str(SECONDS)]
    running = [
        subprocess.Popen(
            command, env=_environment() | ALLOCATOR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(parallel)
    ]
    ended = [process.communicate() for process in running]
    for process, (_, said) in zip(running, ended, strict=True):
        if process.returncode:
            last = (said.strip().splitlines() or ["no reason given"])[-1]
            if last.startswith("error: "):
                raise DataError(last.removeprefix("error: "))
            raise DataError(
                f"the trial training ended with code {process.returncode}; too little memory, or a defect of ours: "
                "try fewer --cores, or report it"
            )
    return Rates.mean([Rates.model_validate_json(out) for out, _ in ended])


def _environment() -> dict[str, str]:
    """In which another process finds this very package."""
    package = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}


def _text(rows: "list[Forecast]", *, parallel: int, evaluation: float, features: float) -> str:
    from crystalmatrix.cli.forecast import wall_seconds
    from crystalmatrix.cli.text import file_size, table_text

    cells = []
    for row in rows:
        wall = wall_seconds(row.seconds, parallel=parallel)
        numbers = [
            f"{row.trainings}",
            f"{row.done}",
            f"{row.crystals:,}",
            f"{row.crystals_per_second:,.0f}" if row.crystals_per_second else "",
        ]
        if not row.seconds:
            cells.append([row.tier, *numbers[:2], "0", "", "nothing left", "", ""])
            continue
        cells.append([row.tier, *numbers, _time(wall), file_size(row.memory_gb * 1e9), file_size(row.disk_gb * 1e9)])
    every = [second for row in rows for second in row.seconds]
    total = wall_seconds(every, parallel=parallel) + evaluation
    memory = parallel * max((row.memory_gb for row in rows), default=0.0)
    disk = features + sum(row.disk_gb for row in rows)
    summed = [sum(row.trainings for row in rows), sum(row.done for row in rows), sum(row.crystals for row in rows)]
    sizes = [file_size(memory * 1e9), file_size(disk * 1e9)] if every else ["", ""]
    cells.append(["all", *(f"{n:,}" for n in summed), "", _time(total) if every else "nothing left", *sizes])
    return table_text(HEADER, cells, right=range(1, len(HEADER)))


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


COMMAND = Command("plan", "measure how long the matrix will take on this machine", EXAMPLES, add_arguments, run)
