"""The rate of the descriptor stage, beside what each potential's own package reaches.

    python benchmarks/descriptors.py --records results/data/records.parquet --crystals 200 --threads 1

The packages' own: CHGNet.predict_structure with atom features; for 7net-0, whose package has no call for features, its
ASE calculator and its network in batches as its `inference` feeds it, both with forces, and that network without them.
The best batch size counts. Same crystals, same threads, each from structures in memory to numbers, in turns; crystals
per second of processor time, which other load on the machine hardly changes, the median of `--rounds`.
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

Calls = dict[str, Callable[[], Any]]  # what is timed, by its label
BATCHES = (8, 16, 32, 64)
OURS = "the stage"


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
        calls = {OURS: lambda p=potential, w=width: describe(crystals, p, width=w), **OWN[name](crystals)}
        rates = _rates(calls, len(crystals), arguments.rounds)
        best = max(rates.keys() - {OURS}, key=lambda label: rates[label])
        print(f"{name}: " + "; ".join(f"{label} {rate:.1f}/s" for label, rate in rates.items()))
        print(f"{name}: ratio to the best of its package ({best}): {rates[OURS] / rates[best]:.2f}", flush=True)


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


def _rates(calls: Calls, n: int, rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {label: [] for label in calls}
    for _ in range(rounds):
        for label, call in calls.items():
            begun = time.process_time()
            call()
            seconds[label].append(time.process_time() - begun)
    return {label: n / statistics.median(taken) for label, taken in seconds.items()}


def _chgnet(crystals: list[Crystal]) -> Calls:
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


def _sevennet(crystals: list[Crystal]) -> Calls:
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.calculator import SevenNetCalculator
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from sevenn.util import load_checkpoint
    from torch_geometric.loader import DataLoader

    calculator = SevenNetCalculator("7net-0", device="cpu")
    atoms = [ase.Atoms(one.species, scaled_positions=one.fractional, cell=one.lattice, pbc=True) for one in crystals]

    def one_by_one() -> None:
        for crystal in atoms:
            calculator.calculate(crystal)

    def network(*, forces: bool) -> Any:
        model = load_checkpoint("7net-0").build_model()
        if not forces:
            model.delete_module_by_key("force_output")
            model.key_grad = None
        model.set_is_batch_data(True)
        return model.eval()

    def batches_of(size: int, model: Any, *, forces: bool) -> Callable[[], Any]:
        def call() -> None:
            graphs = [AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(one, model.cutoff)) for one in atoms]
            with torch.set_grad_enabled(forces):
                for batch in DataLoader(graphs, batch_size=size):
                    model(batch)

        return call

    with_forces, without = network(forces=True), network(forces=False)
    return {
        "its calculator, with forces": one_by_one,
        **{f"batches of {n}, with forces": batches_of(n, with_forces, forces=True) for n in (1, 4, 16)},
        **{f"batches of {n}, without": batches_of(n, without, forces=False) for n in (1, 4, 8, 16, 32)},
    }


OWN = {"chgnet": _chgnet, "7net-0": _sevennet}

if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages' own age
        errors.run(main)
