"""What each kind of job needs of a machine: the figures behind `needs.py`, which a cluster is asked for.

    python benchmarks/needs.py --directory run --configfile mine.yaml --cores 2 --resources gpu=0

runs Snakemake with these arguments and looks at its jobs five times a second. Memory is that of a job with all of its
processes, as a scheduler counts it: resident, mapped files included.

In: arguments of snakemake.  Out: a table, and a JSON object as the last line.
"""

import json
import re
import sys
import time
from collections import defaultdict

import psutil

SCRIPT = re.compile(r"workflow_scripts/(\w+)\.py")
SECONDS = 0.2  # between two looks


def main() -> None:
    seconds: dict[str, float] = defaultdict(float)
    memory_mb: dict[str, float] = defaultdict(float)
    begun: dict[psutil.Process, float] = {}
    run = psutil.Popen([sys.executable, "-m", "snakemake", *sys.argv[1:]])
    while run.poll() is None:
        for job in run.children(recursive=True):
            name = script(job)
            if name is None or script(job.parent()) == name:
                continue
            now = time.monotonic()
            seconds[name] = max(seconds[name], now - begun.setdefault(job, now))
            memory_mb[name] = max(memory_mb[name], resident(job) / 2**20)
        time.sleep(SECONDS)
    print(f"\n{'job':18}{'peak MiB':>10}{'longest s':>11}")
    for name in sorted(seconds):
        print(f"{name:18}{memory_mb[name]:10,.0f}{seconds[name]:11.1f}")
    print(json.dumps({name: {"memory_mb": memory_mb[name], "seconds": seconds[name]} for name in seconds}))
    sys.exit(run.returncode)


def script(process: psutil.Process | None) -> str | None:
    """Name of the script that a process runs, `train/lite` of a training; None of any other process."""
    try:
        words = process.cmdline() if process else []
    except psutil.Error:  # it has ended
        return None
    found = SCRIPT.search(words[1]) if len(words) > 1 and "python" in words[0] else None
    if found is None:
        return None
    name = found[1]
    return f"{name}/{words[words.index('--tier') + 1]}" if name == "train" else name


def resident(job: psutil.Process) -> int:
    """Bytes of a job and the processes that it started."""
    total = 0
    for process in [job, *job.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.Error:  # it has ended
            continue
    return total


if __name__ == "__main__":
    main()
