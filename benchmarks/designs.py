"""Two designs of the network at equal processor time: tensor products on atoms (ours) or on every edge.

`density`: models/equivariant.py, where edges carry scalars and products act on the density of an atom.
`per-edge`: the usual e3nn convolution, a depthwise ("uvu") tensor product of features and harmonics on every edge, with
radial weights from a perceptron on the same distances and 3-body fingerprints, then linear maps and a gate.
`cgcnn`: no tensors at all, for comparison.
Same crystals, neighbours, targets, heads, batches and trainer; one thread. The budget is processor time, so that a busy
machine does not decide the outcome. A first epoch is timed, and the schedule then ends where the budget does.

In: records, splits and shards of a run.  Out: a table, and a JSON object as the last line.
"""

import argparse
import json
import math
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from e3nn import nn as enn
from e3nn import o3
from stage import features_for
from torch import Tensor, nn

from crystalmatrix import config
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.features.batch import N_SPECIES, Batch
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.models.bases import envelope, gaussians
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import build_model
from crystalmatrix.training.labels import TrainingData, load
from crystalmatrix.training.loop import Trainer
from crystalmatrix.training.run import fit_targets
from crystalmatrix.training.stop import StopRequest
from crystalmatrix.training.world import ALONE

ROOT = Path(__file__).parents[1]


class EdgeProductNet(nn.Module):
    """Batch -> scalar features of every atom, [n_atoms, channels], with a tensor product on every edge."""

    def __init__(self, *, channels: int, layers: int, neighbours: int, n_radial: int, n_angular: int) -> None:
        super().__init__()
        self.n_radial = n_radial
        self.embedding = nn.Embedding(N_SPECIES, channels)
        scalars = o3.Irreps(f"{channels}x0e")
        hidden = o3.Irreps(f"{channels}x0e + {channels}x1o + {channels}x2e")
        self.harmonics = o3.Irreps.spherical_harmonics(2)
        ends = [scalars] + [hidden] * (layers - 1) + [scalars]
        self.layers = nn.ModuleList(
            EdgeProductLayer(a, b, self.harmonics, n_radial + n_angular, neighbours) for a, b in pairwise(ends)
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, batch: Batch) -> Tensor:
        distance = batch.vector.norm(dim=-1)  # [n_atoms, K]
        filled = distance < batch.envelope_radius.unsqueeze(-1)
        centre = torch.arange(len(distance), device=distance.device).unsqueeze(-1).expand_as(filled)[filled]
        weight = envelope(distance / batch.envelope_radius.unsqueeze(-1))[filled]  # [n_edges]
        harmonics = o3.spherical_harmonics(
            self.harmonics, batch.vector[filled], normalize=True, normalization="component"
        )
        radial = gaussians(distance[filled], n_radial=self.n_radial)
        edge = torch.cat([radial, batch.angular[filled].to(radial.dtype)], dim=-1)
        node = self.embedding(batch.species)
        for layer in self.layers:
            node = layer(node, batch.neighbour[filled], centre, harmonics * weight.unsqueeze(-1), edge)
        return self.norm(node)


class EdgeProductLayer(nn.Module):
    """Linear, depthwise product with the harmonics of every edge, sum over neighbours, linear, gate, residual."""

    def __init__(self, start: o3.Irreps, end: o3.Irreps, harmonics: o3.Irreps, n_edge: int, neighbours: int) -> None:
        super().__init__()
        self.neighbour_norm = neighbours**-0.5
        scalars = o3.Irreps([(mul, ir) for mul, ir in end if ir.l == 0])
        gated = o3.Irreps([(mul, ir) for mul, ir in end if ir.l > 0])
        gates = o3.Irreps([(gated.num_irreps, "0e")]) if gated else o3.Irreps()
        self.gate = enn.Gate(scalars, [nn.functional.silu], gates, [torch.sigmoid] if gated else [], gated)
        middle, paths = depthwise_paths(start, harmonics, keep={ir for _, ir in end})
        self.first = o3.Linear(start, start)
        self.product = o3.TensorProduct(start, harmonics, middle, paths, shared_weights=False, internal_weights=False)
        self.weights = enn.FullyConnectedNet([n_edge, 64, 64, self.product.weight_numel], nn.functional.silu)
        self.second = o3.Linear(middle.simplify(), self.gate.irreps_in)
        self.skip = o3.Linear(start, end)

    def forward(self, node: Tensor, neighbour: Tensor, centre: Tensor, harmonics: Tensor, edge: Tensor) -> Tensor:
        """node [n_atoms, start.dim]; neighbour, centre [n_edges]; harmonics [n_edges, 9]; edge [n_edges, n_edge]."""
        message = self.product(self.first(node)[neighbour], harmonics, self.weights(edge))
        summed = message.new_zeros(len(node), message.shape[1]).index_add(0, centre, message)
        return self.gate(self.second(self.neighbour_norm * summed)) + self.skip(node)


def depthwise_paths(
    start: o3.Irreps, harmonics: o3.Irreps, *, keep: set[o3.Irrep]
) -> tuple[o3.Irreps, list[tuple[int, int, int, str, bool]]]:
    """All "uvu" paths from `start` x `harmonics` into the irreps of `keep`, and their outputs sorted by irrep."""
    found = [
        (first, second, (mul, result))
        for first, (mul, left) in enumerate(start)
        for second, (_, right) in enumerate(harmonics)
        for result in left * right
        if result in keep
    ]
    middle, place, _ = o3.Irreps([output for *_, output in found]).sort()
    return middle, [(first, second, place[k], "uvu", True) for k, (first, second, _) in enumerate(found)]


@dataclass(frozen=True)
class Design:
    """A network and how it is trained."""

    name: str
    settings: TierConfig
    per_edge: bool = False

    def build(self, targets: list[Any]) -> CrystalModel:
        model = build_model(self.settings, targets)
        if self.per_edge:
            size = self.settings.model
            model.trunk = EdgeProductNet(
                channels=size.channels,
                layers=size.layers,
                neighbours=size.neighbours or 40,
                n_radial=size.n_radial,
                n_angular=math.prod(size.angular_basis),
            )
        return model


def train_for(design: Design, data: TrainingData, *, epochs: int, seed: int) -> dict[str, float]:
    """Train one network for so many epochs, the learning rate falling to zero at the last one."""
    n_train = int((data.fold == 1).any(axis=1).sum())
    update = {"crystals_seen": epochs * n_train, "min_epochs": 1, "max_epochs": epochs, "patience": epochs + 1}
    settings = design.settings.model_copy(
        update={"training": design.settings.training.model_copy(update=update | {"save_every_seconds": 1e9})}
    )
    torch.manual_seed(seed)
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    targets = fit_targets(data, formulas, settings=settings)
    dataset = Dataset(data.features, torch.device("cpu"))
    model = design.build(targets)
    with tempfile.TemporaryDirectory() as run:
        trainer = Trainer(
            model,
            data,
            dataset,
            targets,
            formulas,
            settings=settings,
            n_properties=1,
            seed=seed,
            run=Path(run),
            digest=design.name,
            stop=StopRequest(),
            world=ALONE,
        )
        started = time.process_time()
        member = trainer.train()
        seconds = time.process_time() - started
    errors = [entry.val_mae[data.tasks[0]] for entry in member.history]
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "epochs": epochs,
        "cpu_seconds": seconds,
        "crystals_per_cpu_second": epochs * n_train / seconds,
        "val_mae": min(errors),
        "val_mae_last": errors[-1],
    }


def designs(tiers: dict[str, TierConfig], *, tier: str) -> dict[str, Design]:
    """Ours, the per-edge one with the same channels, layers, neighbours and training, and the baseline."""
    found = [
        Design("density", tiers[tier]),
        Design("per-edge", tiers[tier], per_edge=True),
        Design("cgcnn", tiers["cgcnn"]),
    ]
    return {design.name: design for design in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=ROOT / "results/data/records.parquet")
    parser.add_argument("--splits", type=Path, default=ROOT / "results/data/splits.parquet")
    parser.add_argument("--shards", type=Path, nargs="+", default=sorted((ROOT / "results/graphs").glob("*.parquet")))
    parser.add_argument("--property", default="spillage", choices=list(PROPERTIES))
    parser.add_argument("--seconds", type=float, default=240, help="processor time of each training")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tier", default="lite", help="whose size and training both equivariant designs take")
    parser.add_argument("--designs", nargs="+", default=["density", "per-edge", "cgcnn"], help="only these")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tiers = config.load(ROOT / "config.yaml").tiers

    def data_for(settings: TierConfig) -> TrainingData:
        return load(
            arguments.records,
            arguments.splits,
            None,
            features_for(arguments.shards, settings.model),
            task=arguments.property,
            properties=[arguments.property],
            settings=settings,
        )

    known = designs(tiers, tier=arguments.tier)
    rows: list[dict[str, Any]] = []
    for name in arguments.designs:
        data = data_for(known[name].settings)
        epoch = train_for(known[name], data, epochs=1, seed=0)["cpu_seconds"]
        epochs = max(round(arguments.seconds / epoch), 1)
        for seed in range(arguments.seeds):
            rows.append({"design": name, "seed": seed, **train_for(known[name], data, epochs=epochs, seed=seed)})
            print(json.dumps(rows[-1]), flush=True)
    ours = replace(known["density"], name="density, as many crystals")  # as the per-edge design has seen
    data = data_for(ours.settings)
    for row in [row for row in rows if row["design"] == "per-edge"]:
        again = train_for(ours, data, epochs=row["epochs"], seed=row["seed"])
        rows.append({"design": ours.name, "seed": row["seed"], **again})
    unit = PROPERTIES[arguments.property].unit
    print(table(rows, unit=unit))
    print(json.dumps({"property": arguments.property, "unit": unit, "seconds": arguments.seconds, "rows": rows}))


def table(rows: list[dict[str, Any]], *, unit: str) -> str:
    """Markdown, one line a design: means over seeds."""
    lines = [
        f"| design | parameters | crystals per CPU second | epochs | CPU seconds | validation MAE ({unit}) by seed |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["design"] for row in rows):
        of = [row for row in rows if row["design"] == name]
        mean = {key: np.mean([row[key] for row in of]) for key in ("crystals_per_cpu_second", "cpu_seconds")}
        errors = ", ".join(f"{row['val_mae']:.4g}" for row in of)
        lines.append(
            f"| {name} | {of[0]['parameters']:,} | {mean['crystals_per_cpu_second']:.0f} | {of[0]['epochs']} "
            f"| {mean['cpu_seconds']:.0f} | {errors} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
