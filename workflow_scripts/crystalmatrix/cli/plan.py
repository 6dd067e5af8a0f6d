"""`crystalmatrix plan`: how long the matrix will take on this machine, measured, not guessed.

In: the configuration; this machine, for a few seconds a tier.  Out: a table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from crystalmatrix.cli.command import Command
from crystalmatrix.errors import ConfigError, DataError

if TYPE_CHECKING:
    from crystalmatrix.cli.measuring import Machine
    from crystalmatrix.config import Config
    from crystalmatrix.training.rates import DescribingRate, Rates

EXAMPLES = """crystalmatrix plan
crystalmatrix plan lite std/band_gap
crystalmatrix plan --configfile mine/config.yaml --directory mine"""
MEASURING = "measuring"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="tiers or tier/property, as lite or std/band_gap (default: all)"
    )
    parser.add_argument("--configfile", type=Path, metavar="FILE", help="laid over the project's config.yaml")
    parser.add_argument(
        "--directory", type=Path, default=Path(), metavar="FOLDER", help="where results/ lies (default: here)"
    )
    parser.add_argument("--cores", type=int, help="as for snakemake (default: all)")
    parser.add_argument("--threads", type=int, help="of a training, as snakemake's --set-threads train=N")
    parser.add_argument("--gpus", type=int, default=1, help="as snakemake's --resources gpu=N (default: 1)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: auto, a free GPU")


def run(arguments: argparse.Namespace) -> int:
    from crystalmatrix.cli import forecast as f
    from crystalmatrix.cli.measuring import machine_of
    from crystalmatrix.cli.plan_text import plan_text
    from crystalmatrix.cli.sizes import sizes_of
    from crystalmatrix.data.parallel import available_cores
    from crystalmatrix.descriptors.potential import installed_version
    from crystalmatrix.words import counted

    for option, least in (("cores", 1), ("threads", 1), ("gpus", 0)):
        if (found := getattr(arguments, option)) is not None and found < least:
            raise ConfigError(f"--{option}: found {found}, expected at least {least}")
    if not arguments.directory.is_dir():
        raise DataError(
            f"--directory {arguments.directory}: not found, expected a run's folder; leave it away before there is one"
        )
    config = configuration(arguments.configfile)
    tasks_of = f.wanted_tasks(config, arguments.models)
    results = arguments.directory / "results"
    sizes = sizes_of(config, results)
    cores = arguments.cores or available_cores()
    machine = machine_of(cores=cores, threads=arguments.threads, gpus=arguments.gpus, wish=arguments.device)
    left = [tier for tier, tasks in tasks_of.items() if not all((results / tier / f"{t}.pt").exists() for t in tasks)]
    shards = f.shards_to_describe(config, left, results)
    for name in shards:
        installed_version(name)  # before minutes are spent on the tiers
    rates, speeds = _measured(config, left, shards, machine)
    rows = [
        f.forecast(config, tier, tasks, sizes=sizes, rates=rates.get(tier), results=results)
        for tier, tasks in tasks_of.items()
    ]
    describing = [
        f.describing(name, n, config, sizes=sizes, rate=speeds.get(name), parallel=_at_once(machine, n))
        for name, n in shards.items()
    ]
    evaluation = sum(row.evaluation_seconds for row in rows) / machine.parallel
    features = f.features_gb(config, list(tasks_of), sizes, rates)
    print(plan_text(rows, describing, parallel=machine.parallel, evaluation=evaluation, features=features))
    how = "one at a time" if machine.parallel == 1 else f"{machine.parallel} side by side"
    how = f"on the {'GPU' if machine.on_gpu else 'CPU'}, {how}"
    print(f"\n{counted(sizes.n_crystals, 'crystal')} of {sizes.mean_atoms:.1f} atoms, {sizes.origin}; trainings {how}.")
    print("To the last epoch of each: patience may end it sooner, other work on the machine later.")
    print("Not in it: reading, graphs and features, a few milliseconds a crystal, once.")
    return 0


def _measured(
    config: "Config", tiers: list[str], shards: dict[str, int], machine: "Machine"
) -> "tuple[dict[str, Rates], dict[str, DescribingRate]]":
    """The rates of tiers with something left, and of potentials with shards left; on stderr how long it will take."""
    from crystalmatrix.cli import measuring as m

    names = [name for name, n in shards.items() if n]
    trials: list[tuple[str, float, Callable[[], Any]]] = [
        *((tier, m.TIER_SECONDS, partial(m.measured, config.tiers[tier], config, machine)) for tier in tiers),
        *(
            (name, m.POTENTIAL_SECONDS, partial(m.measured_potential, name, machine, _at_once(machine, shards[name])))
            for name in names
        ),
    ]
    found = []
    spent = planned = 0.0
    for k, (name, seconds, trial) in enumerate(trials):
        slower = spent / planned if planned else 1.0  # than was thought
        to_come = slower * sum(more for _, more, _ in trials[k:])
        print(f"{MEASURING} {name}, {k + 1} of {len(trials)}: about {to_come:.0f} s to go", file=sys.stderr, flush=True)
        begun = time.monotonic()
        found.append(trial())
        spent, planned = spent + time.monotonic() - begun, planned + seconds
    return dict(zip(tiers, found, strict=False)), dict(zip(names, found[len(tiers) :], strict=True))


def _at_once(machine: "Machine", shards: int) -> int:
    """Jobs that describe atoms: one a shard, of one thread each, or those that share the GPUs."""
    return max(1, min(machine.parallel if machine.on_gpu else machine.cores, shards))


def at_start(models: list[str], overlay: dict[str, object], *options: str) -> str | None:
    """What `plan` prints of these trainings of a run that starts here; None where it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        configfile = Path(folder) / "config.json"  # which is YAML too
        configfile.write_text(json.dumps(overlay), encoding="utf-8")
        command = [sys.executable, "-c", "from crystalmatrix.cli.main import main; main()", "plan", *models]
        command += ["--configfile", str(configfile), *options]
        with subprocess.Popen(
            command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            for line in process.stderr or ():
                if line.startswith(MEASURING):  # and no mistake: the run itself will say it
                    print(line, end="", file=sys.stderr, flush=True)
            said = process.stdout.read() if process.stdout else ""
    return None if process.returncode else said.rstrip()


def _environment() -> dict[str, str]:
    """In which another process finds this very package."""
    package = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}


def hint(chosen: Sequence[Path], config: Mapping[str, object], directory: Path | None) -> str:
    """How to ask for what `at_start` does not say, of a run with these options; empty where `plan` lacks one."""
    if len(chosen) > 1 or config:
        return ""
    options = [("--configfile", path) for path in chosen] + ([("--directory", directory)] if directory else [])
    command = " ".join(["crystalmatrix plan", *(f"{name} {quote(str(path))}" for name, path in options)])
    return f"how long this takes on this machine: {command}"


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


COMMAND = Command("plan", "measure how long the matrix will take on this machine", EXAMPLES, add_arguments, run)
