"""Screening of many crystals in parts: rate, and memory at several sizes, which must be the same.

In: sizes; the bundled minerals, or a data set in JARVIS's format, repeated with jitter.  Out: a line for each kind of
file and size, what 1,000,000 crystals would take, and one JSON line.

Each size is written as one file, looked through and screened as one part, as the rules do it, in processes of their
own with one thread. Without a model, one is trained for an epoch on the minerals: its values mean nothing, its speed
is that of tier lite.

    python benchmarks/screening_parts.py [--sizes 5000] [--kinds extxyz] [--data x.json.zip] [--reading | --model m.pt]
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scaling import Measured, commands, measure, repeated

from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.entry import read_parts
from crystalmatrix.data.archive import read_entries, write_entries
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.elements import SYMBOLS

MILLION = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 20_000])
    parser.add_argument("--kinds", choices=["extxyz", "jsonl", "parquet"], nargs="+", default=["extxyz"])
    parser.add_argument("--data", type=Path, help="instead of the minerals")
    parser.add_argument("--reading", action="store_true", help="the plan and the reader alone, without a model")
    parser.add_argument("--model", type=Path, help="a checkpoint; default: one epoch on the minerals")
    arguments = parser.parse_args()
    entries = list(read_entries(arguments.data)) if arguments.data else mineral_entries()
    found: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        model = None if arguments.reading else arguments.model or trained(Path(folder))
        for kind in arguments.kinds:
            for n in sorted(arguments.sizes):
                path = Path(folder) / f"crystals.{kind}"
                write(path, repeated(entries, n))
                found += screened(path, n, model) if model else looked_through(path, n)
    print(json.dumps([asdict(one) for one in found]))


def screened(path: Path, n: int, model: Path) -> Iterator[Measured]:
    """The plan, then all of it as one part."""
    plan, part = path.with_name("_plan.json"), path.with_name("part-0.parquet")
    size = path.stat().st_size / 1e6
    yield measure("plan", n, ["screen_plan.py", path, "--parts", 1, "--out", plan], [plan])
    command = ["screen_part.py", path, "--plan", plan, "--part", 0, "--model", model, "--out", part, "--device", "cpu"]
    one = measure("part", n, command, [part])
    yield one
    rate = n / one.cpu_s
    print(
        f"{path.suffix[1:]:8s} {n:9,d} crystals {size:7.1f} MB {one.cpu_s:7.1f} s CPU {rate:6,.0f}/s "
        f"{one.peak_mb:6,.0f} MB peak; {MILLION:,}: {MILLION / rate / 3600:.1f} core hours",
        flush=True,
    )


def looked_through(path: Path, n: int) -> Iterator[Measured]:
    """The plan, with its peak of memory: it goes through all of the file."""
    plan = path.with_name("_plan.json")
    for stage, command in (
        ("plan", ["screen_plan.py", path, "--parts", 8, "--out", plan]),
        ("read", [Path(__file__).with_name("reading.py"), path]),
    ):
        one = measure(stage, n, command, [plan])
        yield one
        print(
            f"{path.suffix[1:]:8s} {stage} {n:9,d} crystals {path.stat().st_size / 1e6:7.1f} MB {one.cpu_s:7.1f} s CPU "
            f"{n / one.cpu_s:8,.0f}/s {one.peak_mb:6,.0f} MB peak",
            flush=True,
        )


def trained(folder: Path) -> Path:
    """A model of tier lite."""
    source = folder / "source.json.zip"
    write_entries(source, mineral_entries())
    for stage, command, left in commands(folder, source):
        measure(stage, 0, command, left)
        if stage == "epoch":
            return left[0]
    raise AssertionError


def write(path: Path, entries: Iterator[dict[str, Any]]) -> None:
    """One after the other: the million does not fit in memory."""
    if path.suffix == ".parquet":
        schema = pa.schema(
            [
                ("jid", pa.string()),
                ("species", pa.list_(pa.uint8())),
                ("fractional", pa.list_(pa.float64())),
                ("lattice", pa.list_(pa.float64())),
            ]
        )
        with pq.ParquetWriter(path, schema) as writer:
            while rows := [_row(entry) for entry in islice(entries, 5_000)]:
                writer.write_table(pa.Table.from_pylist(rows, schema))
        return
    with path.open("w") as handle:
        for entry in entries:
            if path.suffix == ".jsonl":
                handle.write(json.dumps({"jid": entry["jid"], "atoms": entry["atoms"]}) + "\n")
            else:
                _write_frame(handle, _crystal(entry))


def _crystal(entry: dict[str, Any]) -> Crystal:
    return read_parts(entry).crystal(entry["jid"])


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    one = _crystal(entry)
    return {"jid": one.id, "species": one.species, "fractional": one.fractional.ravel(), "lattice": one.lattice.ravel()}


def _write_frame(handle: TextIO, one: Crystal) -> None:
    cell = " ".join(f"{number:.8f}" for number in one.lattice.ravel())
    handle.write(f'{len(one.species)}\nLattice="{cell}" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
    for z, (x, y, w) in zip(one.species.tolist(), np.asarray(one.fractional @ one.lattice).tolist(), strict=True):
        handle.write(f"{SYMBOLS[z]} {x:.8f} {y:.8f} {w:.8f}\n")


if __name__ == "__main__":
    main()
