"""What it costs Snakemake to plan: a dry run of many models, seeds and shards, in seconds of the processor.

In: sizes.  Out: a line for each number of shards, and one JSON line: seconds until the graph of jobs is begun (Python
and Snakemake are loaded, the Snakefile is read), until it is built, and of scheduling, in which a dry run also prints
every job.

Seeds are trained within the job of their model, so they add no jobs. The tiers are copies of `lite` that see the same
view or one of their own, as the tiers of config.yaml do.

    python benchmarks/dag.py [--models 50] [--seeds 5] [--shards 8 64 256] [--profile]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from crystalmatrix.properties import PROPERTIES

ROOT = Path(__file__).parents[1]
MODELS_OF_A_TIER = len(PROPERTIES) + 1
PHASES = ("GRAPH", "SCHEDULING")
# Snakemake that says how many seconds of the processor it had used when it began each phase.
TIMED = """
import sys, time
from snakemake import cli, workflow
from snakemake.scheduling import job_scheduler

def said(owner, name, phase):
    method = getattr(owner, name)
    def timed(*arguments, **named):
        sys.stderr.write(f"\\n{phase} {time.process_time()}\\n")
        return method(*arguments, **named)
    setattr(owner, name, timed)

said(workflow.Workflow, "_build_dag", "GRAPH")
said(job_scheduler.JobScheduler, "schedule", "SCHEDULING")
cli.main(sys.argv[1:])
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts")}
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
        print(
            f"{one['shards']:5d} shards {one['jobs']:6,d} jobs: "
            f"start {one['start_s']:.1f} s, graph {one['graph_s']:.1f} s, scheduling {one['scheduling_s']:.1f} s; "
            f"in all {one['cpu_s']:.1f} s CPU, {one['wall_s']:.1f} s"
        )
    print(json.dumps(found))
    if arguments.profile:
        with tempfile.TemporaryDirectory() as folder:
            config = configuration(arguments.models, arguments.seeds, arguments.shards[-1])
            command = dry_run(Path(folder), config, PROFILE)
            said = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=True).stdout
            print(said.partition("Ordered by")[2][:6000])


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
        command = dry_run(Path(folder), configuration(n_models, seeds, shards), ["-c", TIMED])
        start = time.perf_counter()
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)
        assert run.stdout is not None
        said = run.stdout.read().splitlines()
        _, status, used = os.wait4(run.pid, 0)
        wall = time.perf_counter() - start
    if status:
        raise SystemExit("\n".join(said)[-2000:])
    cpu = used.ru_utime + used.ru_stime
    begun = {phase: float(next(line.split()[-1] for line in said if line.startswith(phase))) for phase in PHASES}
    return {
        "models": n_models,
        "seeds": seeds,
        "shards": shards,
        "jobs": next(int(line.split()[1]) for line in said if line.startswith("total")),
        "start_s": begun["GRAPH"],
        "graph_s": begun["SCHEDULING"] - begun["GRAPH"],
        "scheduling_s": cpu - begun["SCHEDULING"],
        "cpu_s": cpu,
        "wall_s": wall,
    }


def dry_run(folder: Path, config: dict[str, Any], command: list[str]) -> list[str]:
    """The command of one."""
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    of_snakemake = ["--dry-run", "--quiet", "rules", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return [sys.executable, *command, *of_snakemake, "--configfile", str(path)]


if __name__ == "__main__":
    main()
