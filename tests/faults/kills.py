"""A small run of the whole workflow, killed with SIGKILL at random moments, and the same command given again each time.

In: a folder, a number of kills, a seed.  Out: what each kill hit; what went wrong, if anything: a run that does not end
well, a finished file that was made again, a result that is not that of the uninterrupted run. Run alone it prints the
figures of docs/reliability.md:

    nice -n 15 python -m tests.faults.kills --count 100
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

from crystalmatrix.data.minerals import mineral_entries

from .results import results

ROOT = Path(__file__).parents[2]
CONFIG = {
    "data": {"source": "crystals.json"},
    "graph": {"shards": 2},
    "matrix": {"tiers": ["cgcnn"], "properties": ["formation_energy"], "multitask": False},
    "tiers": {
        "cgcnn": {"training": {"crystals_seen": 1000, "min_epochs": 40, "max_epochs": 40, "save_every_seconds": 0.01}}
    },
    "report": {"bootstrap": 100},
}
TARGETS = ("snakemake", "job", "both")
# s of processor time from one kill to the next, drawn evenly in the logarithm: so a busy machine changes nothing.
SOONEST, LATEST = 0.3, 20.0
POLL = 0.05  # s
# Files of one job: where one of them is not finished, Snakemake makes all of them again.
TOGETHER = (
    ("raw.json.zip", "raw.meta.json"),
    ("records.parquet", "quality.json", "dropped.parquet"),
    ("splits.parquet", "outliers.csv", "leakage.parquet", "coverage.json"),
    ("comparison.html", "comparison.csv", "comparison.json", "figures"),
)


class Killed(NamedTuple):
    """What came of it."""

    hits: Counter  # what was killed while what ran: n
    runs: int  # of the whole workflow, finished and compared
    wrong: list[str]


def prepare(folder: Path) -> Path:
    """A folder with crystals and a configuration."""
    folder.mkdir(parents=True)
    labelled = [entry for entry in mineral_entries() if entry["bulk_modulus_kv"] != "na"]
    labelled.sort(key=lambda entry: (len(entry["atoms"]["elements"]), entry["jid"]))
    (folder / "crystals.json").write_text(json.dumps(labelled[:60]))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


def start(folder: Path, wanted: Sequence[str]) -> psutil.Popen:
    """The command, which is the same each time."""
    options = ["--cores", "2", "--resources", "gpu=0", "--configfile", str(folder / "tiny.yaml")]
    with (folder / "output.txt").open("wb") as output:
        return psutil.Popen(
            [sys.executable, "-m", "snakemake", *wanted, *options, "--directory", str(folder)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def noted(path: str) -> str:
    """The name under which Snakemake keeps what it knows of a file."""
    return urlsafe_b64encode(path.encode()).decode()


def finished(folder: Path) -> dict[str, tuple[int, int]]:
    """{file of a job that Snakemake knows to be done: when it was written, and its number on the disk}."""
    marked = {urlsafe_b64decode(path.name).decode() for path in (folder / ".snakemake/incomplete").glob("*")}
    held = [Path(path) for path in marked]
    marked |= {str(path.with_name(name)) for path in held for files in TOGETHER if path.name in files for name in files}
    done = [urlsafe_b64decode(path.name).decode() for path in (folder / ".snakemake/metadata").glob("*")]
    found = {}
    for path in sorted(done):
        if path not in marked and (folder / path).is_file():
            about = (folder / path).stat()
            found[path] = (about.st_mtime_ns, about.st_ino)
    return found


def strike(runner: psutil.Popen, target: str, living: list[psutil.Process]) -> tuple[str, str]:
    """Kill; returns what was killed and what ran then. Jobs that are left alone go into `living`."""
    jobs = [child for child in runner.children(recursive=True) if _script(child)]
    ran = "+".join(sorted({_script(job) for job in jobs})) or "no job"
    if not jobs:
        target = "snakemake"
    if target != "job":
        runner.kill()
        runner.wait()
    for job in jobs:
        if target == "snakemake":
            living.append(job)
        else:
            with suppress(psutil.NoSuchProcess):
                job.kill()
    return target, ran


def _script(process: psutil.Process) -> str:
    """train.py of `python .../train.py ...`; empty for any other process."""
    with suppress(psutil.Error):
        command = process.cmdline()
        return Path(command[1]).name if len(command) > 1 and command[1].endswith(".py") else ""
    return ""


def orphaned(living: list[psutil.Process]) -> set[str]:
    """Words of the commands of jobs that outlived their Snakemake: names of files that they may still write."""
    words: set[str] = set()
    for job in living:
        with suppress(psutil.Error):
            words.update(job.cmdline())
    return words


def work(runner: psutil.Popen) -> float:
    """s of processor time of Snakemake and its jobs so far, or of those that are left."""
    total = 0.0
    for process in (runner, *runner.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])  # its own, and that of children that have ended
    return total


def ends_before(runner: psutil.Popen, seconds: float) -> bool:
    """Wait until it has ended, or has worked for so long."""
    until = work(runner) + seconds
    while runner.poll() is None:
        with suppress(psutil.NoSuchProcess):
            if work(runner) >= until:
                return False
        time.sleep(POLL)
    return True


def run_once(
    folder: Path, draw: random.Random, wanted: Sequence[str], *, kills: int, living: list[psutil.Process]
) -> tuple[Counter, str | None]:
    """The command once, with at most `kills` kills.

    Returns what was hit, and what is wrong: "" for a good end, None where it was killed.
    """
    hits: Counter = Counter()
    job_died = False
    runner = start(folder, wanted)
    while hits.total() < kills and not ends_before(runner, SOONEST * (LATEST / SOONEST) ** draw.random()):
        target, ran = strike(runner, draw.choice(TARGETS), living)
        hits[target, ran] += 1
        if target != "job":
            return hits, None
        job_died = True
    if runner.wait() == 0:
        return hits, ""
    return hits, None if job_died else (folder / "output.txt").read_text()[-3000:]


def run(folder: Path, *, count: int, seed: int, wanted: Sequence[str] = (), say: bool = False) -> Killed:
    """At least one run of the workflow, or of the files `wanted`, with `count` kills in all; each is compared with the
    uninterrupted one."""
    draw = random.Random(seed)
    _, wrong = run_once(prepare(folder / "sound"), draw, wanted, kills=0, living=[])
    assert wrong == "", wrong
    sound = results(folder / "sound")
    hits: Counter = Counter()
    problems: list[str] = []
    runs = 0
    while hits.total() < count:
        place = prepare(folder / f"killed-{runs}")
        living: list[psutil.Process] = []
        before: dict[str, tuple[int, int]] = {}
        while True:
            late = orphaned(living)
            hit, wrong = run_once(place, draw, wanted, kills=count - hits.total(), living=living)
            hits += hit
            after = finished(place)
            problems += [
                f"{place.name}, kill {hits.total()}: {path} was finished, and is made again"
                for path in before
                if after.get(path) != before[path] and path not in late
            ]
            before = after
            if say:
                print(f"{hits.total()} kills, {len(after)} files done, {dict(hit)}", flush=True)
            if wrong is not None:
                break
        psutil.wait_procs(living)
        problems += [f"{place.name}: {wrong}"] * bool(wrong)
        found = results(place)
        problems += [
            f"{place.name}: {path} differs from the uninterrupted run's"
            for path in sorted(sound.keys() | found.keys())
            if sound.get(path) != found.get(path)
        ]
        runs += 1
        if say:
            print(f"run {runs} finished and compared; wrong so far: {len(problems)}", flush=True)
    return Killed(hits, runs, problems)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("wanted", nargs="*", help="files; default: all of the workflow")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    began = time.monotonic()
    killed = run(folder, count=arguments.count, seed=arguments.seed, wanted=arguments.wanted, say=True)
    for (target, ran), n in sorted(killed.hits.items()):
        print(f"| {target} | {ran} | {n} |")
    minutes = (time.monotonic() - began) / 60
    print("\n".join(killed.wrong) or "none wrong")
    print(f"{killed.hits.total()} kills in {killed.runs} runs, {minutes:.0f} min")
    if not killed.wrong:
        shutil.rmtree(folder)
    raise SystemExit(bool(killed.wrong))


if __name__ == "__main__":
    main()
