"""Does a potential's own response to strain tell more of the moduli than its features already do?

    python benchmarks/response.py --results part/results --model transfer --crystals 600

CHGNet's stresses of each held crystal, at rest and strained by 1.5 %, positions not relaxed, give K and the mean shear
stiffness G over five directions (Voigt), by differences: its second derivatives by themselves are rough. Printed: how
these and the model's predictions go with the labels, and the validation error of the model before and after a linear
correction (Huber) by both, fitted on nine tenths and read on the other, ten times.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from chgnet.model.model import BatchedGraph, CHGNet
from numpy.typing import NDArray
from pymatgen.core.structure import Structure
from sklearn.linear_model import HuberRegressor
from sklearn.model_selection import cross_val_predict

from crystalmatrix import errors
from crystalmatrix.contracts import columns as c
from crystalmatrix.evaluation.predictions import FoldPredictions, read_predictions
from crystalmatrix.files import read_table

STEP = 0.015  # norm of the strain
GPA = 160.21766  # of an eV per cubic Angstrom
AT_ONCE = 60  # atoms
PROPERTIES = ("bulk_modulus", "shear_modulus")


def directions() -> NDArray[np.float32]:
    """[6, 3, 3] orthonormal symmetric strains: all directions alike, and five that keep the volume."""
    drawn = np.random.default_rng(0).normal(size=(6, 6))
    drawn[:, 0] = [1, 1, 1, 0, 0, 0]
    vectors = np.linalg.qr(drawn)[0].T
    vectors[0] *= np.sign(vectors[0, 0])
    strains = np.zeros((6, 3, 3), np.float32)
    for k, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        strains[:, i, j] = strains[:, j, i] = vectors[:, k] / (1 if i == j else np.sqrt(2))
    return strains


def stress(model: CHGNet, graphs: list[Any], strain: torch.Tensor) -> NDArray[np.float64]:
    """[n, 3, 3] in GPa, of the graphs' crystals under one strain, [3, 3]."""
    lattices = [graph.lattice for graph in graphs]
    for graph in graphs:
        graph.lattice = graph.lattice @ (torch.eye(3) + strain)
    batch = BatchedGraph.from_graphs(
        graphs, model.bond_basis_expansion, model.angle_basis_expansion, compute_stress=True
    )
    energy = model._compute(batch)["e"] * torch.bincount(batch.atom_owners)  # eV a crystal
    gradients = torch.stack(torch.autograd.grad(energy.sum(), batch.strains))
    for graph, lattice in zip(graphs, lattices, strict=True):
        graph.lattice = lattice
    return (gradients / batch.volumes[:, None, None] * GPA).double().numpy()


def moduli(model: CHGNet, graphs: list[Any]) -> NDArray[np.float64]:
    """[n, 2] K and G of CHGNet in GPa."""
    along = torch.from_numpy(directions())
    rest = stress(model, graphs, torch.zeros(3, 3))
    up, down = (stress(model, graphs, sign * STEP * along[0]) for sign in (1, -1))
    bulk = np.einsum("nij,ij->n", up - down, along[0].numpy()) / (2 * STEP) / 3
    shear = [np.einsum("nij,ij->n", stress(model, graphs, STEP * e) - rest, e.numpy()) / STEP / 2 for e in along[1:]]
    return np.stack([bulk, np.mean(shear, axis=0)], axis=1)


def responses(records: Path, wanted: list[str]) -> NDArray[np.float64]:
    """[len(wanted), 2] K and G; says how far it is."""
    model = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False).eval()
    model.graph_converter.set_isolated_atom_response("ignore")
    names = [c.JID, "lattice", "species", "fractional"]
    rows = {row[c.JID]: row for row in read_table(records, version=c.RECORDS_VERSION)[0].select(names).to_pylist()}
    graphs = []
    for jid in wanted:
        row = rows[jid]
        lattice, positions = (np.reshape(row[name], (-1, 3)) for name in ("lattice", "fractional"))
        graphs.append(model.graph_converter(Structure(lattice, row["species"], positions)))
    found = np.zeros((len(wanted), 2))
    batch: list[int] = []
    for k, graph in enumerate(graphs):
        batch.append(k)
        size = sum(len(graphs[i].atomic_number) for i in batch)
        following = graphs[k + 1] if k + 1 < len(graphs) else None
        alone = len(graph.bond_graph) == 0 or following is None or len(following.bond_graph) == 0
        if size >= AT_ONCE or alone:
            found[batch] = moduli(model, [graphs[i] for i in batch])
            print(f"\r{k + 1}/{len(graphs)}", end="", flush=True)
            batch = []
    print()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--model", default="transfer", help="tier whose predictions are corrected")
    parser.add_argument("--crystals", type=int, default=10_000, help="of the validation fold, at most")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    held = {}
    for name in PROPERTIES:
        of = read_predictions(arguments.results / arguments.model / f"{name}.predictions.parquet").folds[name, c.VAL]
        held[name] = of.on(np.arange(len(of.jid)) < arguments.crystals)
    wanted = sorted({str(jid) for of in held.values() for jid in of.jid})
    own = dict(zip(wanted, responses(arguments.results / "data/records.parquet", wanted), strict=True))
    for name, of in held.items():
        report(name, of, np.stack([own[jid] for jid in of.jid]))


def report(name: str, held: FoldPredictions, own: NDArray[np.float64]) -> None:
    """`own`, [n, 2]: K and G of the potential."""
    k, g, model = (np.corrcoef(held.target, values)[0, 1] for values in (*own.T, held.prediction))
    print(f"{name}, {len(own)} validation crystals; correlation with the labels: ", end="")
    print(f"K of CHGNet {k:.3f}, G {g:.3f}, the model {model:.3f}")
    print(f"  MAE of the model {held.error.mean():.4g} GPa")
    rest = held.target - held.prediction
    alone = held.prediction[:, None]
    for words, inputs in (("prediction", alone), ("prediction, K and G", np.hstack([alone, own]))):
        fitted = cross_val_predict(HuberRegressor(max_iter=2000), inputs / inputs.std(axis=0), rest, cv=10)
        print(f"  corrected by {words}: {np.abs(rest - fitted).mean():.4g} GPa")


if __name__ == "__main__":
    errors.run(main)
