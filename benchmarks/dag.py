"""What it costs Snakemake to plan: a dry run of many models, seeds and shards, in processor seconds and on the clock.

In: sizes.  Out: a line for each number of shards, and one JSON line.

Seeds are trained within the job of their model, so they add no jobs. The tiers are copies of `lite` that see the same
view or one of their own, as the tiers of config.yaml do.

    python benchmarks/dag.py [--models 50] [--seeds 5] [--shards 8 64 256] [--profile]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from crystalmatrix.properties import PROPERTIES

ROOT = Path(__file__).parents[1]
MODELS_OF_A_TIER = len(PROPERTIES) + 1
PROFILE = ["-m", "cProfile", "-s", "cumtime", "-m", "snakemake"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=5 * MODELS_OF_A_TIER)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shards", type=int, nargs="+", default=[8, 64, 256])
    parser.add_argument("--profile", action="store_true", help="print what the time of the last size goes into")
    arguments = parser.parse_args()
    found = [planned(arguments.models, arguments.seeds, shards) for shards in arguments.shards]
    for one in found:
        print(f"{one['shards']:5d} shards {one['jobs']:6,d} jobs {one['cpu_s']:6.1f} s CPU {one['wall_s']:6.1f} s")
    print(json.dumps(found))
    if arguments.profile:
        with tempfile.TemporaryDirectory() as folder:
            config = configuration(arguments.models, arguments.seeds, arguments.shards[-1])
            print(dry_run(Path(folder), config, PROFILE).partition("Ordered by")[2][:6000])


def configuration(n_models: int, seeds: int, shards: int) -> dict[str, Any]:
    """Tiers whose views differ in their neighbours."""
    tiers = {
        f"t{k}": {
            "model": {"architecture": "cgcnn", "channels": 64, "layers": 3, "neighbours": 16 + 4 * k},
            "training": {"crystals_seen": 1000, "max_epochs": 6, "learning_rate": 0.003, "seeds": seeds},
        }
        for k in range(-(-n_models // MODELS_OF_A_TIER))
    }
    return {"graph": {"shards": shards}, "tiers": tiers, "matrix": {"tiers": list(tiers)}}


def planned(n_models: int, seeds: int, shards: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        said = dry_run(Path(folder), configuration(n_models, seeds, shards), ["-m", "snakemake"])
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    jobs = next(int(line.split()[1]) for line in said.splitlines() if line.startswith("total"))
    return {"models": n_models, "seeds": seeds, "shards": shards, "jobs": jobs, "cpu_s": cpu, "wall_s": wall}


def dry_run(folder: Path, config: dict[str, Any], command: list[str]) -> str:
    (folder / "config.json").write_text(json.dumps(config))
    arguments = ["--dry-run", "--quiet", "rules", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    done = subprocess.run(
        [sys.executable, *command, *arguments, "--configfile", str(folder / "config.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts")},
    )
    if done.returncode:
        raise SystemExit(done.stdout[-2000:])
    return done.stdout


if __name__ == "__main__":
    main()
