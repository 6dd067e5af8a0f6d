"""Training step (forward, L1, backward, AdamW) and inference: the tiers, CGCNN and ALIGNN 2 on the same real crystals.

Same device, same batches of 64, same allocator settings; each measurement runs in a process of its own (step.py), the
models in turn and that several times, so that a busy machine treats them alike. Rates are medians over all steps, with
the best step beside them; on the CPU also crystals per second of processor time, which other jobs disturb least (with
one thread; more threads spin while they wait). Goals: std at least 10 times ALIGNN on two cores and 5 times on a GPU,
pro 3 and 2 times, lite above 267 crystals/s (CGCNN elsewhere), pro below 10 GB.

In: a JARVIS data set or records.  Out: a table, and a JSON object as the last line. `--count` instead counts what a
step must do at least, and profiles it (roofline.py).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch
from crystals import ROOT, default_source, save_sample

HERE = Path(__file__).parent
TIERS = ("lite", "std", "pro")
# glibc gives large blocks back to the kernel after every step and pages them in again: docs/performance.md
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "20000000000",
    "MALLOC_TOP_PAD_": "67108864",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crystals", type=Path, help="JARVIS .json.zip or records.parquet; default: real data at hand")
    parser.add_argument("--models", nargs="+", default=[*TIERS, "cgcnn", "alignn", "alignn-radius"],
                        help="tiers and peers; +compile, +tf32, +bfloat16 may follow a name")  # fmt: skip
    parser.add_argument("--compile", action="store_true", help="also the tiers under torch.compile")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of training steps, per model and round")
    parser.add_argument("--alignn-python", default=sys.executable, help="interpreter that has the package alignn")
    parser.add_argument("--plain-allocator", action="store_true", help="leave glibc's allocator as it is")
    parser.add_argument("--count", action="store_true", help="the roofline and a profile of each tier instead")
    arguments = parser.parse_args()
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    environment = environment_of(arguments.threads, plain=arguments.plain_allocator)
    models = [*arguments.models, *(f"{tier}+compile" for tier in TIERS if arguments.compile)]
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.npz"
        source = arguments.crystals or default_source()
        save_sample(source, sample, n_batches=arguments.batches, batch_size=arguments.batch_size)
        common = ["--sample", str(sample), "--device", device, "--threads", str(arguments.threads)]
        if arguments.count:
            command = [sys.executable, str(HERE / "roofline.py"), *common, "--models", *arguments.models]
            sys.exit(subprocess.run(command, env=environment, check=False).returncode)
        rows = measure_all(models, common, environment, arguments)
    print(
        f"{describe(device)}, {arguments.threads} threads, batch {arguments.batch_size}, load {os.getloadavg()[0]:.1f}"
    )
    print(table(rows))
    print(json.dumps(summary(rows) | {"device": describe(device), "threads": arguments.threads}))


def environment_of(threads: int, *, plain: bool) -> dict[str, str]:
    """The same for every process."""
    number = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
    inherited = {name: value for name, value in os.environ.items() if name not in ALLOCATOR}
    path = os.pathsep.join(filter(None, [str(ROOT / "workflow_scripts"), inherited.get("PYTHONPATH")]))
    return inherited | number | {"PYTHONPATH": path} | ({} if plain else ALLOCATOR)


def measure_all(
    models: list[str], common: list[str], environment: Mapping[str, str], arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """{model: measurement}, the steps of all rounds together; models that cannot run are named and left out."""
    rows: dict[str, dict[str, Any]] = {}
    missing: set[str] = set()
    for number in range(arguments.rounds):
        for model in [model for model in models if model not in missing]:
            python = arguments.alignn_python if model.startswith("alignn") else sys.executable
            command = [python, str(HERE / "step.py"), "--model", model, *common, "--seconds", str(arguments.seconds)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                print(f"{model}: left out, {(done.stderr.strip().splitlines() or ['it stopped'])[-1]}", flush=True)
                missing.add(model)
                rows.pop(model, None)
                continue
            new = json.loads(done.stdout.splitlines()[-1])
            print(f"round {number + 1}: {model} {median(new['train']):,.1f} crystals/s", file=sys.stderr, flush=True)
            merge(rows.setdefault(model, {}), new)
    return rows


def merge(row: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Lists are joined, of other values the largest or the last is kept."""
    for key, value in new.items():
        if isinstance(value, list):
            row[key] = row.get(key, []) + value
        elif key == "memory_mb":
            row[key] = max(row.get(key, 0.0), value)
        else:
            row[key] = value


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown, one line a model."""
    base = median(rows["alignn"]["train"]) if "alignn" in rows else None
    lines = [
        "| model | parameters | edges a crystal | training: median (best) crystals/s | per CPU second | times ALIGNN "
        "| inference crystals/s | peak memory GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model, row in rows.items():
        angles = f" + {row['sizes']['angles']:,.0f} angles" if "angles" in row["sizes"] else ""
        times = f"{median(row['train']) / base:.1f}" if base else ""
        lines.append(
            f"| {model} | {row['parameters']:,} | {row['sizes']['edges']:.0f}{angles} | {median(row['train']):,.1f} "
            f"({max(row['train']):,.1f}) | {median(row['train_cpu']):,.1f} | {times} | {median(row['infer']):,.1f} "
            f"| {row['memory_mb'] / 1024:.2f} |"
        )
    return "\n".join(lines)


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Rates and memory by model, and for each tier how many times faster than each ALIGNN it trains."""
    content: dict[str, Any] = {
        f"ratio_{peer.replace('-', '_')}_{tier}{suffix}": median(rows[tier][key]) / median(rows[peer][key])
        for suffix, key in (("", "train"), ("_per_cpu_second", "train_cpu"))
        for peer in ("alignn", "alignn-radius")
        for tier in TIERS
        if peer in rows and tier in rows
    }
    content["models"] = {
        model: {
            "crystals_per_second": median(row["train"]),
            "best": max(row["train"]),
            "crystals_per_cpu_second": median(row["train_cpu"]),
            "inference": median(row["infer"]),
            "memory_mb": row["memory_mb"],
            "parameters": row["parameters"],
            "gather_share": row["gather_share"],
            "warm_up_seconds": row["warm_up_seconds"],
            "steps": len(row["train"]),
        }
        for model, row in rows.items()
    }
    return content


def describe(device: str) -> str:
    """The GPU's name, or the CPU's."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
