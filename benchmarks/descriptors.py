"""The rate of the descriptor stage, beside what each potential's own package reaches.

    python benchmarks/descriptors.py --records results/data/records.parquet --crystals 200 --threads 1

The packages' own: CHGNet.predict_structure with atom features at its best batch size; for 7net-0, whose package has no
call for features, its ASE calculator, which computes forces too, crystal by crystal. Same crystals, same threads,
each from structures in memory to numbers. Medians of `--rounds`.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase
import numpy as np
import torch

from crystalmatrix import errors
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.describe import describe
from crystalmatrix.descriptors.potential import load_potential
from crystalmatrix.files import read_table

BATCHES = (8, 16, 32, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--potentials", nargs="+", choices=list(POTENTIALS), default=list(POTENTIALS))
    parser.add_argument("--crystals", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    crystals = _draw(arguments.records, arguments.crystals)
    n_atoms = np.mean([len(crystal.species) for crystal in crystals])
    print(f"{len(crystals)} crystals of {n_atoms:.1f} atoms on average, {arguments.threads} thread")
    for name in arguments.potentials:
        potential = load_potential(name, device="cpu")
        width = POTENTIALS[name].width
        ours = _rate(lambda p=potential, w=width: describe(crystals, p, width=w), len(crystals), arguments.rounds)
        theirs = {label: _rate(call, len(crystals), arguments.rounds) for label, call in OWN[name](crystals).items()}
        best = max(theirs, key=lambda label: theirs[label])
        print(
            f"{name}: {ours:.1f} crystals/s; its package {theirs[best]:.1f} ({best}); ratio {ours / theirs[best]:.2f}"
        )


def _draw(records: Path, n: int) -> list[Crystal]:
    table, _ = read_table(records, version=c.RECORDS_VERSION, columns=[c.JID, c.SPECIES, c.FRACTIONAL, c.LATTICE])
    chosen = np.sort(np.random.default_rng(0).choice(table.num_rows, n, replace=False))
    return [
        Crystal(
            row[c.JID],
            np.array(row[c.SPECIES], np.uint8),
            np.reshape(row[c.FRACTIONAL], (-1, 3)),
            np.reshape(row[c.LATTICE], (3, 3)),
        )
        for row in table.take(chosen).to_pylist()
    ]


def _rate(call: Callable[[], Any], n: int, rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return n / statistics.median(seconds)


def _chgnet(crystals: list[Crystal]) -> dict[str, Callable[[], Any]]:
    from chgnet.model.model import CHGNet
    from pymatgen.core import Structure

    model = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)
    model.graph_converter.set_isolated_atom_response("ignore")
    structures = [Structure(one.lattice, one.species.tolist(), one.fractional) for one in crystals]

    def with_batches_of(size: int) -> Callable[[], Any]:
        return lambda: model.predict_structure(
            structures, task="em", return_atom_feas=True, return_site_energies=True, batch_size=size
        )

    return {f"batches of {size}": with_batches_of(size) for size in BATCHES}


def _sevennet(crystals: list[Crystal]) -> dict[str, Callable[[], Any]]:
    from sevenn.calculator import SevenNetCalculator

    calculator = SevenNetCalculator("7net-0", device="cpu")
    atoms = [ase.Atoms(one.species, scaled_positions=one.fractional, cell=one.lattice, pbc=True) for one in crystals]

    def one_by_one() -> None:
        for crystal in atoms:
            calculator.calculate(crystal)

    return {"its calculator, with forces": one_by_one}


OWN = {"chgnet": _chgnet, "7net-0": _sevennet}

if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages' own age
        errors.run(main)
