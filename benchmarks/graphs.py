"""Crystals a second and bytes a crystal of graphs with angles: ours, ALIGNN's and the usual Python way.

In: a JARVIS data set (default: the raw data of a run in this folder).  Out: a table, and one JSON object as last line.
All tools get the same crystals and leave graphs on disk: ours a parquet shard; ALIGNN (`pip install -e '.[bench]'`) its
own LMDB data set with line graphs; the Python way (pymatgen's get_all_neighbors, a double loop over all pairs of an
atom's neighbours) a pickle. Then the read side.

One thread; a rate is crystals per second of processor time, which other load on the machine hardly changes. Tools take
turns, and the median of the repetitions counts. A tool that is not installed is left out, by name.

    OMP_NUM_THREADS=1 python benchmarks/graphs.py [--crystals 1000] [--repeats 3]
"""

import argparse
import contextlib
import io
import itertools
import json
import math
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from crystals import RAW, default_source

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.records import build_records
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.shards import stream_shard, write_shard
from crystalmatrix.graphs.table import graphs_from_table

ORIGIN = RecordsMetadata(
    source="a benchmark", release=None, raw_sha256="", digest="a benchmark", symprec=0.01, fields={}
)
OURS = {
    "default": GraphConfig(shards=1),
    # what only a benchmark asks for: isolated atoms stay so, as in ALIGNN's graphs
    "same graph": GraphConfig(shards=1, three_body_cutoff=5.0).model_copy(update={"min_neighbours": 1}),
}
# What the data set code of ALIGNN 2.0 does without options, and what makes all edges and angles in 5 Å.
ALIGNN = {"default": {}, "same graph": {"cutoff": 5.0, "max_neighbors": None}}


def ours(records: Path, folder: Path, settings: GraphConfig) -> int:
    """A shard, from a records file; returns its bytes."""
    write_shard(folder / "shard-0.parquet", records, settings=settings, shard=0)
    return (folder / "shard-0.parquet").stat().st_size


def alignn(entries: list[dict[str, Any]], folder: Path, options: dict[str, Any]) -> int:
    """ALIGNN's own data set with line graphs, from JARVIS entries; returns its bytes."""
    from alignn.pure_lmdb_dataset import get_torch_dataset

    rows = [{"jid": entry["jid"], "atoms": entry["atoms"], "target": 0.0} for entry in entries]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        get_torch_dataset(rows, target="target", output_dir=str(folder), tmp_name=str(folder / "set"), **options)
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*.mdb"))  # LMDB files are sparse


def python_way(entries: list[dict[str, Any]], folder: Path, cutoff: float, most: int | None) -> int:
    """Neighbours from pymatgen, cosines from a double loop; returns the bytes of a pickle."""
    from pymatgen.core import Lattice, Structure

    graphs = []
    for entry in entries:
        atoms = entry["atoms"]
        structure = Structure(
            Lattice(atoms["lattice_mat"]), atoms["elements"], atoms["coords"], coords_are_cartesian=atoms["cartesian"]
        )
        edges, cosines = [], []
        for site, neighbours in zip(structure, structure.get_all_neighbors(cutoff), strict=True):
            nearest = sorted(neighbours, key=lambda neighbour: neighbour.nn_distance)[:most]
            vectors = [neighbour.coords - site.coords for neighbour in nearest]
            edges.append([(neighbour.index, *neighbour.image, neighbour.nn_distance) for neighbour in nearest])
            for (u, first), (v, second) in itertools.combinations(zip(vectors, nearest, strict=True), 2):
                cosines.append(float(u @ v) / (first.nn_distance * second.nn_distance))
        graphs.append((edges, np.array(cosines, np.float32)))
    with (folder / "graphs.pickle").open("wb") as handle:
        pickle.dump(graphs, handle)
    return (folder / "graphs.pickle").stat().st_size


def median_rate(job: Callable[[], Any], n: int, repeats: int) -> float:
    """Crystals per second of processor time, after one run to warm up."""
    job()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        job()
        seconds.append(time.process_time() - start)
    return n / statistics.median(seconds)


def build_rates(entries: list[dict[str, Any]], records: Path, repeats: int) -> dict[str, dict[str, float]]:
    """{tool and graph: {"rate", "bytes"}}, by taking turns."""
    few = entries[:: max(1, len(entries) // 100)]  # the double loop over all pairs in 5 Å takes 60 ms a crystal
    jobs: dict[str, tuple[int, Callable[[Path], int]]] = {
        f"ours, {name}": (len(entries), lambda folder, s=settings: ours(records, folder, s))
        for name, settings in OURS.items()
    }
    if find_spec("alignn"):
        for name, options in ALIGNN.items():
            jobs[f"alignn, {name}"] = len(entries), lambda folder, o=options: alignn(entries, folder, o)
    if find_spec("pymatgen"):
        jobs["python, default"] = len(entries), lambda folder: python_way(entries, folder, 5.0, 12)
        jobs["python, same graph"] = len(few), lambda folder: python_way(few, folder, 5.0 + 1e-6, None)
    found: dict[str, dict[str, list[float]]] = {name: {"rate": [], "bytes": []} for name in jobs}
    for turn in range(repeats + 1):
        for name, (n, job) in jobs.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.process_time()
                size = job(Path(folder))
                seconds = time.process_time() - start
            if turn:  # the first turn compiles and imports
                found[name]["rate"].append(n / seconds)
                found[name]["bytes"].append(size / n)
    return {name: {key: statistics.median(values) for key, values in row.items()} for name, row in found.items()}


def whole(shard: Path) -> Graphs:
    """All graphs of a shard at once."""
    return graphs_from_table(files.read_table(shard, version=columns.GRAPHS_VERSION)[0])


def read_rates(records: Path, n: int, repeats: int) -> dict[str, float]:
    """Crystals per second: the whole shard at once or piece by piece, a subset in random order."""
    with tempfile.TemporaryDirectory() as folder:
        shard = Path(folder) / "shard-0.parquet"
        write_shard(shard, records, settings=OURS["default"], shard=0)
        graphs = whole(shard)
        order = np.random.default_rng(0).permutation(n)

        jobs: dict[str, Callable[[], Any]] = {
            "read whole": lambda: whole(shard),
            "stream_shard": lambda: list(stream_shard(shard)),
            "select": lambda: graphs.select(order),
        }
        return {name: median_rate(job, n, repeats) for name, job in jobs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--source", type=Path, help="a .json.zip in JARVIS's schema (default: the raw data of a run here)"
    )
    parser.add_argument("--crystals", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)
    entries = list(read_entries(arguments.source or default_source(RAW)))
    entries = entries[:: max(1, len(entries) // arguments.crystals)][: arguments.crystals]
    table = build_records(entries, id_key="jid", fields=fields_of({}), workers=1).table
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder) / "records.parquet"
        files.write_table(records, table, version=columns.RECORDS_VERSION, metadata=ORIGIN.to_dict())
        built = build_rates(entries, records, arguments.repeats)
        read = read_rates(records, table.num_rows, arguments.repeats)
    print(f"{len(entries)} crystals, {table['n_atoms'].to_numpy().mean():.1f} atoms each; one thread\n")
    print(f"{'':28}{'crystals/s':>12}{'kB/crystal':>12}")
    for name, row in built.items():
        print(f"{name:28}{row['rate']:12,.0f}{row['bytes'] / 1000:12.1f}")
    for name, rate in read.items():
        print(f"{name:28}{rate:12,.0f}")

    def ratio(mine: str, theirs: str, key: str) -> float | None:
        return round(built[mine][key] / built[theirs][key], 4 if key == "bytes" else 1) if theirs in built else None

    result = {
        "crystals": len(entries),
        "ratio_alignn_default": ratio("ours, default", "alignn, default", "rate"),
        "ratio_alignn_same_graph": ratio("ours, same graph", "alignn, same graph", "rate"),
        "ratio_python": ratio("ours, default", "python, default", "rate"),
        "ratio_python_same_graph": ratio("ours, same graph", "python, same graph", "rate"),
        "bytes_ratio_alignn_default": ratio("ours, default", "alignn, default", "bytes"),
        "bytes_ratio_alignn_same_graph": ratio("ours, same graph", "alignn, same graph", "bytes"),
        "crystals_per_second": {name: round(row["rate"]) for name, row in built.items()},
        "bytes_per_crystal": {name: math.ceil(row["bytes"]) for name, row in built.items()},
        "read_crystals_per_second": {name: round(rate) for name, rate in read.items()},
    }
    for tool in ("alignn", "pymatgen"):
        if not find_spec(tool):
            print(f"{tool} is not installed, so it is left out: pip install -e '.[bench]'")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
