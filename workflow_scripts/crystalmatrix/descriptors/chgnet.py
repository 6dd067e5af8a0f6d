"""CHGNet's view of atoms: its features before the last convolution, magnetic moments and shares of the energy.

Source: Deng et al., Nat. Mach. Intell. 5, 1031 (2023); package `chgnet`, weights 0.3.0.

In: Crystals.  Out: potential.Batch of 64 features and the moment (Bohr magnetons) of every atom.
"""

import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import chgnet
import numpy as np
import torch
from chgnet.model.model import CHGNet
from pymatgen.core.structure import Structure

from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.potential import Batch, checked_weights

NAME = "chgnet"
_WEIGHTS = "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"


class CHGNetPotential:
    """CHGNet 0.3.0, frozen."""

    most_atoms = 2000
    atoms_at_once = 400

    def __init__(self, device: str = "auto") -> None:
        checked_weights(NAME, Path(chgnet.__file__).parent / _WEIGHTS)
        name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        with warnings.catch_warnings(), redirect_stdout(StringIO()):  # it says its name and number of parameters
            warnings.simplefilter("ignore")  # of the package's own age
            self._model = CHGNet.load(model_name=POTENTIALS[NAME].weights, use_device=name, verbose=False).eval()
        self._model.graph_converter.set_isolated_atom_response("ignore")
        self.elements = frozenset(range(1, 95))

    @torch.no_grad()
    def __call__(self, crystals: Sequence[Crystal]) -> Batch:
        graphs = [self._graph(crystal) for crystal in crystals]
        parts: list[Any] = [None] * len(graphs)
        # Where a batch has an angle the bonds of all its crystals are updated: those without any go by themselves.
        for with_angles in (True, False):
            chosen = [k for k, graph in enumerate(graphs) if (len(graph.bond_graph) > 0) is with_angles]
            if chosen:
                for k, part in zip(chosen, self._forward([graphs[k] for k in chosen]), strict=True):
                    parts[k] = part
        features, site_energy, energy = zip(*parts, strict=True)
        return Batch(np.concatenate(features), np.concatenate(site_energy), np.array(energy, np.float64))

    def _forward(self, graphs: list[Any]) -> list[tuple[Any, Any, float]]:
        device = next(self._model.parameters()).device
        found = self._model.forward(
            [graph.to(device) for graph in graphs], task="em", return_atom_feas=True, return_site_energies=True
        )
        moments = [moment.unsqueeze(-1) for moment in found["m"]]
        features = [torch.cat(pair, dim=-1).cpu().numpy() for pair in zip(found["atom_fea"], moments, strict=True)]
        sites = [site.cpu().numpy() for site in found["site_energies"]]
        return list(zip(features, sites, found["e"].cpu().tolist(), strict=True))

    def _graph(self, crystal: Crystal) -> Any:
        return self._model.graph_converter(Structure(crystal.lattice, crystal.species.tolist(), crystal.fractional))
