"""Crystals a second of screening: reading by file format beside ASE and pymatgen, and the steps after reading.

In: a data set in JARVIS's format; a checkpoint for the steps after reading.  Out: tables, and one JSON line.

The crystals are written anew as each format, so that all rows read the same ones. Rates are per second of processor
time, the median of some rounds in which ours and the peers take turns, so other work on the machine hardly moves them.
The whole is what `crystalmatrix predict --out` does, in this process, after a first chunk that compiles the kernels.

    python benchmarks/screening.py [--model results/lite/multitask.pt] [--crystals 10000] [--each 500] [--threads 2]
"""

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import ase.io
import torch
from ase import Atoms
from crystals import RAW, default_source

from crystalmatrix import Predictor
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.files import read_structures, structure_files
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.crystals.symmetry import find_symmetry
from crystalmatrix.inference.output import Progress
from crystalmatrix.inference.prepare import prepare
from crystalmatrix.inference.screening import screen
from crystalmatrix.machine import peak_memory_mb

try:
    from pymatgen.core import Structure
    from pymatgen.io.cif import CifWriter
except ImportError:
    Structure = None

ROUNDS = 3
OURS = "crystalmatrix"


class Discarded:
    """An output that counts and keeps nothing."""

    def __init__(self) -> None:
        self.progress = Progress()

    def append(self, rows: bytes, progress: Progress) -> None:
        self.progress = progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a checkpoint; without it only reading is timed")
    parser.add_argument("--data", type=Path, help="a data set in JARVIS's format (default: the raw data of a run here)")
    parser.add_argument("--crystals", type=int, default=10_000, help="screened as a whole")
    parser.add_argument("--each", type=int, default=500, help="for the single steps and formats")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")  # the peers' remarks on every file
    arguments.data = arguments.data or default_source(RAW)
    few = [item for item in islice(iterate(arguments.data), arguments.each) if isinstance(item, Crystal)]
    with tempfile.TemporaryDirectory() as folder:
        reading = {kind: rates(readers, n=len(few)) for kind, readers in formats(few, Path(folder)).items()}
    print(f"{'reading, crystals/s':26s} {OURS:>14s} {'ASE':>10s} {'pymatgen':>10s}")
    for kind, found in reading.items():
        print(f"{kind:26s} {found[OURS]:14,.0f} {_cell(found, 'ASE')} {_cell(found, 'pymatgen')}")
    result: dict[str, Any] = {"reading": reading, "n_each": len(few)}
    if arguments.model:
        result |= after_reading(Predictor(arguments.model), few, arguments)
    print(json.dumps(result))


def _cell(found: dict[str, float], name: str) -> str:
    return f"{found[name]:10,.0f}" if name in found else f"{'-':>10s}"


def rates(readers: dict[str, Callable[[], Any]], *, n: int) -> dict[str, float]:
    """{reader: crystals per second of processor time}, the median of rounds in which they take turns."""
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(ROUNDS):
        for name, read in readers.items():
            start = time.process_time()
            read()
            times[name].append(time.process_time() - start)
    return {name: n / median(taken) for name, taken in times.items()}


def formats(crystals: list[Crystal], folder: Path) -> dict[str, dict[str, Callable[[], Any]]]:
    """{format: {reader: what reads all crystals of it}}."""
    atoms = [Atoms(c.species, scaled_positions=c.fractional, cell=c.lattice, pbc=True) for c in crystals]
    found: dict[str, dict[str, Callable[[], Any]]] = {}
    for kind, suffix in (("CIF, all atoms listed", "cif"), ("POSCAR", "vasp")):
        (folder / suffix).mkdir()
        paths = [folder / suffix / f"{k:06d}.{suffix}" for k in range(len(atoms))]
        for path, one in zip(paths, atoms, strict=True):
            one.write(path, format=suffix)
        found[kind] = _readers(paths, ase_format=suffix)
    if Structure is not None:
        (folder / "symmetric").mkdir()
        paths = [folder / "symmetric" / f"{k:06d}.cif" for k in range(len(atoms))]
        for path, one in zip(paths, atoms, strict=True):
            structure = Structure(one.cell.array, one.numbers, one.get_scaled_positions())
            CifWriter(structure, symprec=0.01).write_file(path)
        found["CIF, with operations"] = _readers(paths, ase_format="cif")
    frames = folder / "frames.extxyz"
    ase.io.write(frames, atoms)
    found["extended XYZ, one file"] = {
        OURS: lambda: _count(list(read_structures(structure_files([frames]))), len(crystals)),
        "ASE": lambda: ase.io.read(frames, index=":", format="extxyz"),
    }
    entries = folder / "entries.json"
    entries.write_text(json.dumps([_entry(one, k) for k, one in enumerate(atoms)]))
    found["JARVIS JSON, one file"] = {
        OURS: lambda: _count(list(read_structures(structure_files([entries]))), len(crystals))
    }
    return found


def _readers(paths: list[Path], *, ase_format: str) -> dict[str, Callable[[], Any]]:
    readers: dict[str, Callable[[], Any]] = {
        OURS: lambda: _count(list(read_structures(structure_files([paths[0].parent]))), len(paths)),
        "ASE": lambda: [ase.io.read(path, format=ase_format) for path in paths],
    }
    if Structure is not None:
        reader = Structure.from_str
        kind = {"cif": "cif", "vasp": "poscar"}[ase_format]
        readers["pymatgen"] = lambda: [reader(path.read_text(), fmt=kind) for path in paths]
    return readers


def _count(items: list[Any], n: int) -> None:
    read = sum(isinstance(item, Crystal) for item in items)
    assert read == n, f"read {read} of {n}"


def _entry(atoms: Atoms, k: int) -> dict[str, Any]:
    inner = {"lattice_mat": atoms.cell.tolist(), "coords": atoms.get_scaled_positions().tolist()}
    return {"jid": f"JVASP-{k}", "atoms": {**inner, "elements": list(atoms.symbols), "cartesian": False}}


def after_reading(predictor: Predictor, few: list[Crystal], arguments: argparse.Namespace) -> dict[str, Any]:
    """Rates of the steps, and of the whole from a file to a table."""
    checkpoint = predictor.checkpoint
    predictor.predict(few[:50])  # compiles
    steps: dict[str, Callable[[], Any]] = {
        "symmetry": lambda: [find_symmetry(one.lattice, one.fractional, one.species) for one in few],
        "graphs and features": lambda: prepare(list(few), view=predictor.view, needs_symmetry=False),
        "all steps after reading": lambda: predictor.predict(few),
    }
    found = rates(steps, n=len(few))
    with tempfile.TemporaryDirectory() as folder:
        subset = Path(folder) / "crystals.extxyz"
        many = [item for item in islice(iterate(arguments.data), arguments.crystals) if isinstance(item, Crystal)]
        ase.io.write(subset, [Atoms(s.species, scaled_positions=s.fractional, cell=s.lattice, pbc=True) for s in many])
        n_crystals = len(many)
        del many
        start = time.perf_counter()
        print(screen(predictor, [subset], Discarded()), file=sys.stderr)
        whole = time.perf_counter() - start
    for name, rate in found.items():
        print(f"{name:26s} {rate:14,.0f}")
    print(f"{n_crystals:,} crystals as extended XYZ to CSV: {whole:.0f} s, {n_crystals / whole:,.0f} crystals/s")
    return {
        "model": f"{checkpoint.tier}/{checkpoint.task}",
        "threads": arguments.threads,
        "device": str(predictor.device),
        "steps": found,
        "crystals": n_crystals,
        "seconds": whole,
        "peak_memory_mb": peak_memory_mb(),
    }


if __name__ == "__main__":
    main()
