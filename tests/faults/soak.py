"""A small run of the whole workflow for an hour: killed and damaged at random, and the same command given each time.

In: minutes, a seed.  Out: kills by what ran, damages by file and kind; what went wrong, if anything: a command that
does not end well, a result that is not that of the uninterrupted run. As a command it prints the figures
of docs/reliability.md:

    nice -n 15 python -m tests.faults.soak --minutes 60

A file is damaged as a failing disk or a careless hand leaves it: one with other content in its place. What a job has
mapped stays as it was.
"""

import argparse
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from crystalmatrix.files import SET_ASIDE

from . import kills
from .results import results

KINDS = ("bit", "bit", "bit", "end", "cut", "empty", "folder", "swapped", "nowhere")
BETWEEN, DURING = 0.3, 0.3  # chance of a damage before a run, and of one in place of a kill
AGAIN = 0.7  # chance that a finished run is damaged and given again, instead of a fresh one


class Soaked(NamedTuple):
    """What came of it."""

    hits: Counter  # (what was killed, what ran): n
    damages: Counter  # (file, kind): n
    starts: int  # of the command
    compared: int  # times that all of the results were compared with the uninterrupted run's
    wrong: list[str]


def artefacts(folder: Path) -> list[Path]:
    """The finished files of a run, states of trainings too; no texts for people."""
    held = folder / "results"
    found = []
    for path in sorted(held.rglob("*")):
        parts = path.relative_to(held).parts
        hidden = any(part.startswith(".") or part.endswith(SET_ASIDE) for part in parts)
        if path.is_file() and parts[0] not in ("logs", "benchmarks") and not hidden and path.suffix != ".lock":
            found.append(path)
    return found


def damage(path: Path, kind: str, *, others: list[Path], draw: random.Random) -> None:
    """Put something else in the place of a file."""
    content = bytearray(path.read_bytes())
    beside = path.with_name(f".{path.name}.hurt")
    if kind in ("bit", "end") and content:
        bit = draw.randrange(8 * max(0, len(content) - 4096) if kind == "end" else 0, 8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
    elif kind == "cut":
        del content[draw.randrange(len(content) + 1) :]
    elif kind == "swapped":
        content = bytearray(draw.choice(others).read_bytes())
    elif kind != "nowhere" and kind != "folder":
        content.clear()
    if kind == "nowhere":
        beside.symlink_to("nowhere")
    elif kind == "folder":
        path.unlink()
        path.mkdir()
        return
    else:
        beside.write_bytes(content)
    os.replace(beside, path)


def hurt(folder: Path, draw: random.Random, damages: Counter) -> str | None:
    """Damage one artefact; returns which and how."""
    there = artefacts(folder)
    if not there:
        return None
    path, kind = draw.choice(there), draw.choice(KINDS)
    try:
        damage(path, kind, others=[other for other in there if other.name != path.name] or there, draw=draw)
    except FileNotFoundError:  # gone meanwhile: a job has replaced it
        return None
    damages[name_of(path, folder), kind] += 1
    return f"{path.relative_to(folder)} {kind}"


def not_made_again(folder: Path, expected: Iterable[str]) -> list[str]:
    """What is gone since nothing needed it again: set aside, or of a job that was killed as it made it once more.

    To be compared it is asked for by its name. The page and what lies beside it are asked for by every command.
    """
    names = [Path("results", name) for name in expected if not name.startswith("report/")]
    return [str(name) for name in names if not (folder / name).exists()]


def name_of(path: Path, folder: Path) -> str:
    """Without numbers of shards and names of properties, for the counts."""
    held = path.relative_to(folder / "results")
    if held.parts[0] in ("runs", "features", "graphs", "leaderboard") or held.parts[0] == "report":
        return f"{held.parts[0]}/*{path.suffix}"
    return f"{held.parts[0]}/*{''.join(path.suffixes)}" if held.parts[0] != "data" else str(held)


def attempt(
    folder: Path,
    wanted: Sequence[str],
    draw: random.Random,
    soaked: Soaked,
    living: list[psutil.Process],
    *,
    until: float,
) -> tuple[bool, bool]:
    """The command once, hit while it runs; returns whether it was hit, and whether it ended well."""
    was_hit = False
    runner = kills.start(folder, wanted)
    while True:
        wait = kills.SOONEST * (kills.LATEST / kills.SOONEST) ** draw.random()
        if kills.ends_before(runner, wait):
            return was_hit, runner.wait() == 0
        if time.monotonic() > until:
            continue  # the hour is over: let it end in peace
        was_hit = True
        if draw.random() < DURING:
            hurt(folder, draw, soaked.damages)
            continue
        target, ran = kills.strike(runner, draw.choice(kills.TARGETS), living)
        soaked.hits[target, ran] += 1
        if target != "job":
            return True, False


def run(folder: Path, *, minutes: float, seed: int, wanted: Sequence[str] = (), say: bool = False) -> Soaked:
    """The uninterrupted run first, which counts for no minute."""
    draw = random.Random(seed)
    sound = kills.prepare(folder / "sound")
    assert kills.start(sound, wanted).wait() == 0, (sound / "output.txt").read_text()
    expected = results(sound)
    until = time.monotonic() + 60 * minutes
    soaked = Soaked(Counter(), Counter(), 0, 0, [])
    place = kills.prepare(folder / "soaked-0")
    living: list[psutil.Process] = []
    failed = 0  # times in a row that nothing hit the run and it did not end well
    while True:
        if time.monotonic() < until and draw.random() < BETWEEN:
            hurt(place, draw, soaked.damages)
        was_hit, well = attempt(place, wanted, draw, soaked, living, until=until)
        soaked = soaked._replace(starts=soaked.starts + 1)
        failed = 0 if was_hit or well else failed + 1
        if failed:
            psutil.wait_procs(living)  # a job that outlived its run holds what the next one needs
        if say:
            print(f"{soaked.starts} starts, {soaked.hits.total()} kills, {soaked.damages.total()} damages", flush=True)
        if failed > 2:  # the first may find what was damaged as the one before went on
            soaked.wrong.append(f"{place.name} does not end well: {(place / 'output.txt').read_text()[-3000:]}")
        elif was_hit or not well:
            continue
        psutil.wait_procs(living)
        living.clear()
        if absent := not_made_again(place, expected):
            kills.start(place, absent).wait()
        found = results(place, as_bytes=True)
        differs = [path for path in sorted(expected.keys() | found.keys()) if expected.get(path) != found.get(path)]
        soaked.wrong.extend(f"{place.name}: {path} differs from the uninterrupted run's" for path in differs)
        soaked = soaked._replace(compared=soaked.compared + 1)
        if say:
            print(f"{soaked.compared} times compared; wrong so far: {soaked.wrong[-5:]}", flush=True)
        if time.monotonic() > until:
            return soaked
        failed = 0
        if soaked.wrong or draw.random() > AGAIN:
            place = kills.prepare(folder / f"soaked-{soaked.compared}")
        else:
            hurt(place, draw, soaked.damages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    soaked = run(folder, minutes=arguments.minutes, seed=arguments.seed, say=True)
    for (target, ran), n in sorted(soaked.hits.items()):
        print(f"| {target} | {ran} | {n} |")
    by_file: Counter = Counter()
    for (name, _), n in soaked.damages.items():
        by_file[name] += n
    for name, n in sorted(by_file.items()):
        print(f"| {name} | {n} |")
    print("\n".join(soaked.wrong) or "none wrong")
    print(
        f"{soaked.hits.total()} kills, {soaked.damages.total()} damages, {soaked.starts} starts, "
        f"{soaked.compared} times compared"
    )
    if not soaked.wrong:
        shutil.rmtree(folder)
    raise SystemExit(bool(soaked.wrong))


if __name__ == "__main__":
    main()
