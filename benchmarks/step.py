"""One model in a process of its own: training steps and inference on given batches, timed.

In: a sample (crystals.py), a model such as `std`, `std+compile`, `std+bfloat16+compile`, `cgcnn`, `alignn`.
Out: a JSON object as the last line. `alignn` is version 2 of the package without DGL, in the size of its own defaults
for properties (ALIGNNConfig: 4 + 4 layers, 256 channels), energy only: `alignn` on the 12 nearest neighbours within 8 Å
with all their angles, as in its publications; `alignn-radius` with its trainer's newer defaults, 12 within 5 Å and
angles within 3.5 Å. Its batches are put together beforehand; ours are gathered in every step, as in training.
"""

import argparse
import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from crystals import ROOT, load_sample
from torch import Tensor, nn

Sample = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A model and what it computes: `inputs(k)` is batch k on the device, `outputs` its prediction, [batch_size]."""

    model: nn.Module
    inputs: Callable[[int], object]
    outputs: Callable[[nn.Module, object], Tensor]
    sizes: dict[str, float]  # per crystal


def ours(tier: str, sample: Sample, device: torch.device) -> Case:
    """A tier of config.yaml, its data set on the device."""
    from crystalmatrix import config
    from crystalmatrix.contracts.view import View
    from crystalmatrix.features.dataset import Dataset
    from crystalmatrix.features.features import Features
    from crystalmatrix.graphs.build import build
    from crystalmatrix.models.crystal import CrystalModel

    configuration = config.load(ROOT / "config.yaml")
    settings = configuration.tiers[tier]
    arrays = (sample[name] for name in ("jid", "species", "atom_pointer", "fractional", "lattice"))
    graphs = build(*arrays, settings=configuration.graph)
    features = Features.of_graphs(graphs, View.of(configuration.graph, settings.model))
    dataset, dense = Dataset(features, device), features.blocks[0].dense
    model = CrystalModel(settings.model, outputs_per_head=[1])
    n_crystals, n_slots = len(sample["jid"]), dense.vector.shape[1]
    filled = np.linalg.norm(dense.vector, axis=-1) < dense.envelope_radius[:, None]
    return Case(
        model.to(device),
        lambda k: dataset.batch(sample["batches"][k]),
        lambda net, batch: net(batch)[:, 0].float(),
        {"atoms": len(dense.species) / n_crystals, "edges": filled.sum() / n_crystals, "slots": n_slots},
    )


def alignn(variant: str, sample: Sample, device: torch.device) -> Case:
    """ALIGNN 2 from the package `alignn`, batches on the device beforehand."""
    from alignn.models.alignn import ALIGNNConfig
    from alignn.models.alignn_atomwise_pure import ALIGNNAtomWisePure, ALIGNNAtomWisePureConfig
    from alignn.torch_graph_builder import batch_torch_graph_pairs, build_pure_torch_graph
    from ase.data import chemical_symbols
    from jarvis.core.atoms import Atoms

    cutoffs = {"alignn": (8.0, None), "alignn-radius": (5.0, 3.5)}[variant]
    graphs = []
    for c, lattice in enumerate(sample["lattice"]):
        atoms = slice(sample["atom_pointer"][c], sample["atom_pointer"][c + 1])
        crystal = Atoms(
            lattice_mat=lattice,
            coords=sample["fractional"][atoms],
            elements=[chemical_symbols[z] for z in sample["species"][atoms]],
            cartesian=False,
        )
        graphs.append(
            build_pure_torch_graph(crystal, two_body_cutoff=cutoffs[0], three_body_cutoff=cutoffs[1], max_neighbors=12)
        )
    batches = []
    for rows in sample["batches"]:
        graph, line_graph = batch_torch_graph_pairs([graphs[c] for c in rows])
        batches.append((graph.to(device), line_graph.to(device), None))
    sizes = ALIGNNConfig(name="alignn").model_dump()
    common = {name: value for name, value in sizes.items() if name in ALIGNNAtomWisePureConfig.model_fields}
    energy_only = {"gradwise_weight": 0.0, "calculate_gradient": False, "energy_mult_natoms": False}
    settings = common | energy_only | {"name": "alignn_atomwise_pure", "use_penalty": False}
    return Case(
        ALIGNNAtomWisePure(ALIGNNAtomWisePureConfig(**settings)).to(device),
        lambda k: batches[k],
        lambda net, batch: net(batch)["out"].float(),
        {
            "atoms": len(sample["species"]) / len(graphs),
            "edges": sum(g.num_edges for g, _ in graphs) / len(graphs),
            "angles": sum(lg.num_edges for _, lg in graphs) / len(graphs),
        },
    )


def measure(case: Case, sample: Sample, device: torch.device, *, options: set[str], seconds: float) -> dict:
    """Rates in crystals/s of every timed step, and peak memory."""
    torch.set_float32_matmul_precision("high" if options & {"tf32", "bfloat16"} else "highest")
    net = torch.compile(case.model, dynamic=True) if "compile" in options else case.model
    target = [torch.from_numpy(sample["target"][rows]).to(device) for rows in sample["batches"]]
    optimizer = torch.optim.AdamW(case.model.parameters(), lr=1e-3, fused=True)

    def forward(k: int) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled="bfloat16" in options):
            return case.outputs(net, case.inputs(k))

    def train(k: int) -> None:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.l1_loss(forward(k), target[k]).backward()
        optimizer.step()

    @torch.no_grad()
    def infer(k: int) -> None:
        forward(k)

    case.model.train()
    started = time.perf_counter()
    _timed(train, 1 if "compile" not in options else len(target), device)
    warm_up = time.perf_counter() - started
    n_batch = sample["batches"].shape[1]
    steps = list(_steps(train, len(target), device, seconds=seconds))
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _resident_bytes()
    case.model.eval()
    _timed(infer, 1, device)
    passes = list(_steps(infer, len(target), device, seconds=seconds / 4))
    gathers = list(_steps(case.inputs, len(target), device, seconds=1))
    return {
        "parameters": sum(parameter.numel() for parameter in case.model.parameters()),
        "sizes": case.sizes,
        "train": [n_batch / wall for wall, _ in steps],
        "train_cpu": [n_batch / cpu for _, cpu in steps],  # crystals per second of processor time
        "infer": [n_batch / wall for wall, _ in passes],
        "gather_share": float(np.median([wall for wall, _ in gathers]) / np.median([wall for wall, _ in steps])),
        "memory_mb": memory / 2**20,
        "warm_up_seconds": warm_up,
    }


def _steps(step: Callable[[int], object], n: int, device: torch.device, *, seconds: float) -> Iterator[tuple]:
    """(wall, processor) seconds of each step, over the batches in turn, at least two and for so many seconds."""
    end, done = time.perf_counter() + seconds, 0
    while done < 2 or time.perf_counter() < end:
        _synchronise(device)
        wall, cpu = time.perf_counter(), time.process_time()
        step(done % n)
        _synchronise(device)
        yield time.perf_counter() - wall, time.process_time() - cpu
        done += 1


def _timed(step: Callable[[int], object], n: int, device: torch.device) -> None:
    for k in range(n):
        step(k)
    _synchronise(device)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _resident_bytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--sample", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # deprecations inside e3nn, PyG and alignn
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    name, *options = arguments.model.split("+")
    device, sample = torch.device(arguments.device), load_sample(arguments.sample)
    case = (alignn if name.startswith("alignn") else ours)(name, sample, device)
    print(json.dumps(measure(case, sample, device, options=set(options), seconds=arguments.seconds)))


if __name__ == "__main__":
    main()
