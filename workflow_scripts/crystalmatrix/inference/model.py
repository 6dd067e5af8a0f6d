"""One checkpoint, loaded and ready, on crystals that are read already: a row each, with intervals and warnings.

In: a checkpoint; Crystals and Failures.  Out: the table that predictor.py describes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.formula import chemical_formula, reduced_formulas
from crystalmatrix.descriptors.potential import Potential, shared_potential
from crystalmatrix.errors import ConfigError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.inference.prepare import Item, Prepared, with_known_elements
from crystalmatrix.targets.step import FloatArray
from crystalmatrix.trained.checkpoint import load_checkpoint
from crystalmatrix.trained.prediction import predict

ID, FORMULA, N_ATOMS = "id", "formula", "n_atoms"
NOVELTY, IN_DOMAIN, NOTE, ERROR = "novelty", "in_domain", "note", "error"


class LoadedModel:
    """Values depend on neither the other crystals of a list nor their order."""

    def __init__(self, model: Path, *, device: torch.device) -> None:
        """Raises DataError."""
        self.path = model
        self.checkpoint = load_checkpoint(model)
        self.device = device
        self._models = self.checkpoint.models(device)
        self.view = View.of(self.checkpoint.graph, self.checkpoint.settings.model)
        self.refusal = ""  # why it can take no crystal at all on this machine
        self.potentials: dict[str, Potential] = {}
        try:
            self.potentials = {name: shared_potential(name, device.type) for name in self.view.descriptors}
        except ConfigError as error:
            self.refusal = str(error)

    @property
    def name(self) -> str:
        """For people: tier and task."""
        return f"{self.checkpoint.tier}/{self.checkpoint.task}"

    def knows(self, numbers: Iterable[int]) -> bool:
        """Whether all of these atomic numbers were in its training fold, and it can take crystals at all."""
        return not self.refusal and set(numbers) <= set(self.checkpoint.elements)

    @property
    def properties(self) -> list[str]:
        return self.checkpoint.properties

    @property
    def units(self) -> dict[str, str]:
        """Unit of every column with a value; "1" for a pure number."""
        units = {target.name: target.unit for target in self.checkpoint.targets}
        return {column: units[name] for name in self.properties for column in columns_of(name)}

    @property
    def needs_symmetry(self) -> bool:
        """Whether it predicts an odd-rank tensor."""
        return any(target.zero_by_symmetry for target in self.checkpoint.targets)

    def table(self, rows: list[Item], prepared: Prepared | None) -> pd.DataFrame:
        """Of rows whose crystals are the prepared ones; those with an element that the model never saw are refused."""
        known = with_known_elements(rows, self.checkpoint.elements)
        if prepared is not None:
            pairs = zip(rows, known, strict=True)
            kept = np.array([isinstance(after, Crystal) for row, after in pairs if isinstance(row, Crystal)], bool)
            prepared = prepared.select(kept) if kept.any() else None
        rows = known
        good = np.array([isinstance(row, Crystal) for row in rows], bool)  # [n]
        content: dict[str, Any] = {
            ID: [row.id for row in rows],
            FORMULA: [chemical_formula(row.species) if isinstance(row, Crystal) else "" for row in rows],
            N_ATOMS: [len(row.species) if isinstance(row, Crystal) else 0 for row in rows],
        }
        numbers = self._numbers(prepared) if prepared else {}
        for name in [*self.units, NOVELTY]:
            content[name] = np.full(len(rows), np.nan)
            if name in numbers:
                content[name][good] = numbers[name]
        inside = pd.array(content[NOVELTY] <= 1, "boolean")
        inside[np.isnan(content[NOVELTY])] = pd.NA
        content[IN_DOMAIN] = inside
        content[NOTE] = ["; ".join(row.notes) for row in rows]
        content[ERROR] = [row.error if isinstance(row, Failure) else "" for row in rows]
        return pd.DataFrame(content)

    def _numbers(self, prepared: Prepared) -> dict[str, FloatArray]:
        """{column: [n]} of the prepared crystals."""
        checkpoint, features = self.checkpoint, prepared.features
        values, spread = predict(
            self._models,
            Dataset(features, self.device),
            np.arange(features.n_crystals),
            targets=checkpoint.targets,
            formulas=reduced_formulas(features.species, features.atom_pointer),
            zero=prepared.zero,
            weights=checkpoint.used_weights,
        )
        numbers: dict[str, FloatArray] = {}
        for column, quantity in enumerate(self.properties):
            bounds = checkpoint.interval(column, values[:, column], spread[:, column], prepared.zero)
            numbers |= dict(zip(columns_of(quantity), (values[:, column], *bounds), strict=True))
        if checkpoint.domain is not None:
            numbers[NOVELTY] = checkpoint.domain.novelty(features)
        return numbers


def domain_of(name: str) -> str:
    """Column of whether the crystal is like those whose labels of a property were trained on."""
    return f"{name}_{IN_DOMAIN}"


def columns_of(name: str) -> tuple[str, str, str]:
    """Value and bounds of a property."""
    return name, f"{name}_lower", f"{name}_upper"
