"""SevenNet-0's view of atoms: the invariant features after each of its five layers, and shares of the energy.

Source: Park et al., J. Chem. Theory Comput. 20, 4857 (2024); package `sevenn`, weights of 11 July 2024. Built on e3nn.

In: Crystals.  Out: potential.Batch of 5 x 128 features of every atom.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import ase
import numpy as np
import sevenn
import torch
from torch_geometric.data import Batch as GeometricBatch

from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.potential import Batch, checked_weights

with warnings.catch_warnings():  # of accelerators that are not installed
    warnings.simplefilter("ignore")
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from sevenn.util import load_checkpoint

NAME = "7net-0"
N_SCALARS = 128  # come first among the features of each layer


class SevenNetPotential:
    """SevenNet-0, frozen, without the derivatives that forces need."""

    most_atoms = 1000
    atoms_at_once = 100

    def __init__(self, device: str = "auto") -> None:
        folder = Path(sevenn.__file__).parent / "pretrained_potentials" / POTENTIALS[NAME].weights
        weights = checked_weights(NAME, folder / "checkpoint_sevennet_0.pth")
        name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = load_checkpoint(weights).build_model()
        model.delete_module_by_key("force_output")
        model.key_grad = None
        model.set_is_batch_data(True)
        self._model = model.eval().to(name)
        self._device = torch.device(name)
        self._layers: list[torch.Tensor] = []
        for part, module in model._modules.items():
            if part.endswith("equivariant_gate"):
                module.register_forward_hook(lambda _module, _inputs, data: self._layers.append(data["x"]))
        self.elements = frozenset(int(z) for z in model.type_map or {})

    @torch.no_grad()
    def __call__(self, crystals: Sequence[Crystal]) -> Batch:
        graphs = [
            AtomGraphData.from_numpy_dict(
                unlabeled_atoms_to_graph(
                    ase.Atoms(crystal.species, scaled_positions=crystal.fractional, cell=crystal.lattice, pbc=True),
                    self._model.cutoff,
                )
            )
            for crystal in crystals
        ]
        self._layers.clear()
        found = self._model(GeometricBatch.from_data_list(graphs).to(self._device))
        features = torch.cat([layer[:, :N_SCALARS] for layer in self._layers], dim=-1)
        self._layers.clear()
        energy = found["inferred_total_energy"].view(-1).cpu().numpy().astype(np.float64)
        n_atoms = np.array([len(crystal.species) for crystal in crystals])
        return Batch(features.cpu().numpy(), found["atomic_energy"].view(-1).cpu().numpy(), energy / n_atoms)
