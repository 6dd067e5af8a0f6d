"""A million crystals through one model, in parts that need not be screened in one go: rate, memory, all times added.

In: a folder that is kept; the bundled minerals, or a data set in JARVIS's format, repeated with jitter.  Out: crystals
as one file of frames, their plan, a table for each part, the table of all, and times.jsonl: a line as a part begins
and one as it ends, so that the next call goes on where this one stopped (Ctrl-C, --minutes, a power cut) and says what
all of them took.

Two parts at a time, as two cores take them, each in a process of its own with one thread, as the rules call it. With
many parts each is a process that lasts seconds: whether memory grows with what one process screens, --parts 2 tells.

    python benchmarks/million.py --folder million [--crystals 1000000] [--parts 100] [--model m.pt] [--minutes 30]
"""

import argparse
import json
import multiprocessing
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scaling import measure, repeated
from screening_parts import trained, write

from crystalmatrix.contracts.screening import ScreenPlan
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.minerals import mineral_entries

BEGUN, ENDED = "begun", "ended"
PLAN, TABLE = "plan", "table"  # of what is not a part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="kept; 1.4 GB for a million minerals")
    parser.add_argument("--crystals", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=100)
    parser.add_argument("--data", type=Path, help="instead of the minerals")
    parser.add_argument("--model", type=Path, help="a checkpoint; default: tier lite, one epoch on the minerals")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no part begins later than that")
    parser.add_argument("--jobs", type=int, default=2, help="parts at a time")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    structures, plan, model = folder / "crystals.extxyz", folder / "_plan.json", folder / "model.pt"
    until = time.monotonic() + 60 * arguments.minutes
    if not model.exists():
        in_a_process_of_its_own(keep_model, arguments.model, model)
    if not structures.exists():
        in_a_process_of_its_own(write_structures, structures, arguments.crystals, arguments.data)
    times = folder / "times.jsonl"
    if not plan.exists():
        looking = ["screen_plan.py", structures, "--parts", arguments.parts, "--out", plan]
        note(times, {"part": PLAN, "at": ENDED, **asdict(measure(PLAN, arguments.crystals, looking, [plan]))})

    def screen(part: int, n: int) -> None:
        out = folder / f"part-{part}.parquet"
        if out.exists() or time.monotonic() > until:
            return
        note(times, {"part": part, "at": BEGUN})
        files = ["--plan", plan, "--part", part, "--model", model, "--out", out, "--device", "cpu"]
        note(
            times,
            {"part": part, "at": ENDED, **asdict(measure("part", n, ["screen_part.py", structures, *files], [out]))},
        )

    with ThreadPoolExecutor(arguments.jobs) as pool:
        parts = ScreenPlan.read(plan).parts
        for _ in pool.map(screen, range(len(parts)), [part.n_crystals for part in parts]):
            pass
    csv = folder / "screened.csv"
    if all((folder / f"part-{k}.parquet").exists() for k in range(len(parts))) and not csv.exists():
        joining = ["--folder", folder, "--parts", len(parts), "--structures", structures, "--out", csv]
        joined = measure(TABLE, arguments.crystals, ["screen_table.py", *joining], [csv])
        note(times, {"part": TABLE, "at": ENDED, **asdict(joined)})
    print(summary(times, arguments.crystals, arguments.jobs))


def in_a_process_of_its_own(function: Any, *arguments: Any) -> None:
    """What this one holds would count as the least peak of every process that it starts."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def keep_model(model: Path | None, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(model or trained(Path(folder)), out)


def write_structures(out: Path, n: int, data: Path | None) -> None:
    partial = out.with_name("partial.extxyz")
    write(partial, repeated(list(read_entries(data)) if data else mineral_entries(), n))
    partial.rename(out)


def note(times: Path, line: dict[str, Any]) -> None:
    with times.open("a") as handle:
        handle.write(json.dumps(line) + "\n")


def summary(times: Path, crystals: int, jobs: int) -> str:
    """Of the parts that ended at their first try: what an attempt took that was stopped, nobody knows."""
    lines = [json.loads(line) for line in times.read_text().splitlines()]
    tries = [line["part"] for line in lines if line["at"] == BEGUN]
    ended = [line for line in lines if line["at"] == ENDED and line["part"] not in (PLAN, TABLE)]
    whole = [line for line in ended if tries.count(line["part"]) == 1]
    if not whole:
        return "no part has ended at its first try"
    done, cpu, wall = (sum(line[key] for line in whole) for key in ("crystals", "cpu_s", "wall_s"))
    peaks = [line["peak_mb"] for line in whole]
    slope = np.polyfit(range(len(peaks)), peaks, 1)[0] if len(peaks) > 1 else 0.0
    others = "".join(
        f"the {line['part']} of all took {line['cpu_s']:.0f} s and {line['peak_mb']:,.0f} MB at its peak\n"
        for line in lines
        if line["part"] in (PLAN, TABLE)
    )
    return (
        f"{sum(line['crystals'] for line in ended):,} of {crystals:,} crystals in {len(ended)} parts, "
        f"{len(ended) - len(whole)} of them in more than one try\n"
        f"{done / cpu:,.0f} crystals per second of the processor, {jobs * done / wall:,.0f} a second on {jobs} cores\n"
        f"{others}"
        f"peak memory of a part {min(peaks):,.0f} to {max(peaks):,.0f} MB, {slope:+.2f} MB from one part to the next\n"
        f"all of them at this rate: {crystals / (done / cpu) / 3600:.1f} core hours"
    )


if __name__ == "__main__":
    main()
