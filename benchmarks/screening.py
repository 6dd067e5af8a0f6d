"""Crystals a second of screening, and where the time goes: reading, symmetry, graphs, the model; by file format.

In: a checkpoint and a data set in JARVIS's format.  Out: a table, and one JSON object as the last line.

The crystals are written anew as each format, so that all rows read the same ones; the whole is what
`screen.py` does, in this process, after a first chunk that compiles the kernels.

    python benchmarks/screening.py --model results/lite/multitask.pt [--crystals 10000] [--each 500] [--threads 2]
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import ase.io
import torch
from ase import Atoms

from crystalmatrix import Predictor
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.files import read_structures, structure_files
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.crystals.symmetry import find_symmetry
from crystalmatrix.inference.prepare import prepare
from crystalmatrix.inference.screening import screen

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared/data/jarvis_dft_3d_part.json.zip"


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def written(structures: list[Crystal], folder: Path) -> dict[str, Path]:
    """The crystals as files: {format: path}."""
    atoms = [Atoms(s.species, scaled_positions=s.fractional, cell=s.lattice, pbc=True) for s in structures]
    for kind in ("cif", "vasp"):
        (folder / kind).mkdir()
        for k, crystal in enumerate(atoms):
            crystal.write(folder / kind / f"{k:06d}.{kind}", format=kind)
    ase.io.write(folder / "frames.extxyz", atoms)
    return {"CIF": folder / "cif", "POSCAR": folder / "vasp", "extended XYZ": folder / "frames.extxyz"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=DATA, help="a data set in JARVIS's format")
    parser.add_argument("--crystals", type=int, default=10_000, help="screened as a whole")
    parser.add_argument("--each", type=int, default=500, help="for the single steps and formats")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    predictor = Predictor(arguments.model)
    checkpoint = predictor.checkpoint
    few = [item for item in islice(iterate(arguments.data), arguments.each) if isinstance(item, Crystal)]
    predictor.predict(few[:50])  # compiles

    def graphs() -> None:
        prepare(list(few), settings=checkpoint.graph, elements=checkpoint.elements, needs_symmetry=False)

    rates = {
        "symmetry": len(few) / seconds(lambda: [find_symmetry(s.lattice, s.fractional, s.species) for s in few]),
        "graphs": len(few) / seconds(graphs),
    }
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in written(few, Path(folder)).items():
            rates[f"reading {kind}"] = len(few) / seconds(
                lambda path=path: list(read_structures(structure_files([path])))
            )
    rates["reading JARVIS JSON"] = len(few) / seconds(lambda: list(islice(iterate(arguments.data), len(few))))
    rates["all steps after reading"] = len(few) / seconds(lambda: predictor.predict(few))

    with tempfile.TemporaryDirectory() as folder:
        subset = Path(folder) / "crystals.extxyz"
        many = [item for item in islice(iterate(arguments.data), arguments.crystals) if isinstance(item, Crystal)]
        ase.io.write(subset, [Atoms(s.species, scaled_positions=s.fractional, cell=s.lattice, pbc=True) for s in many])
        n_crystals = len(many)
        del many
        whole = seconds(lambda: print(screen(predictor, [subset], StringIO()), file=sys.stderr))
    result = {
        "model": f"{checkpoint.tier}/{checkpoint.task}",
        "threads": arguments.threads,
        "device": str(predictor.device),
        "crystals_per_second": rates,
        "crystals": n_crystals,
        "seconds": whole,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(f"{'step':26s} crystals/s")
    for name, rate in rates.items():
        print(f"{name:26s} {rate:10,.0f}")
    print(f"{n_crystals:,} crystals as extended XYZ to CSV: {whole:.0f} s, {n_crystals / whole:,.0f} crystals/s")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
