"""A trained model on crystals of one's own: every property at once, with units, intervals and warnings.

In: a checkpoint; files, folders or objects.  Out: a table with a row per crystal, in the order given.

    from crystalmatrix import Predictor
    table = Predictor("results/pro/multitask.pt").predict("my_crystals/")

Columns: `id`, `formula`, `n_atoms`; per property `name`, `name_lower`, `name_upper` (split-conformal interval of 90 %),
in the unit of `Predictor.units` and `table.attrs["units"]`; `novelty` (above 1: neighbourhoods unlike any in training,
see trained/domain.py) and `in_domain`; `note`, what to know about how the crystal was read; `error`, empty or the
reason why the row has no values.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.formula import chemical_formula, reduced_formulas
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.descriptors.potential import load_potential
from crystalmatrix.errors import ConfigError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.features import Features
from crystalmatrix.inference.prepare import Item, Prepared, chunked, prepare
from crystalmatrix.inference.reading import with_warnings
from crystalmatrix.targets.step import FloatArray
from crystalmatrix.trained.checkpoint import load_checkpoint
from crystalmatrix.trained.prediction import predict

ID, FORMULA, N_ATOMS = "id", "formula", "n_atoms"
NOVELTY, IN_DOMAIN, NOTE, ERROR = "novelty", "in_domain", "note", "error"


class Predictor:
    """A checkpoint, loaded and ready. Predictions depend on neither `batch_size` nor the order of the crystals."""

    def __init__(
        self, model: str | Path, *, device: str = "auto", batch_size: int = 512, max_angles: int | None = None
    ) -> None:
        """`device`: auto, cpu, cuda or cuda:<index>; `batch_size`: crystals in memory at once; `max_angles`: of one
        crystal, more than its training took (graph.max_angles).

        Raises DataError, ConfigError."""
        self.checkpoint = load_checkpoint(Path(model))
        self.device = _device(device)
        self.batch_size = batch_size
        limit = {} if max_angles is None else {"max_angles": max_angles}
        self._graph = self.checkpoint.graph.model_copy(update=limit)
        self._models = self.checkpoint.models(self.device)
        read = self.checkpoint.settings.model.descriptors
        self._potentials = {name: load_potential(name, device=self.device.type) for name in read}

    @property
    def properties(self) -> list[str]:
        return self.checkpoint.properties

    @property
    def units(self) -> dict[str, str]:
        """Unit of every column with a value; "1" for a pure number."""
        units = {target.name: target.unit for target in self.checkpoint.targets}
        return {name: units[quantity] for quantity in self.properties for name in _value_columns(quantity)}

    def predict(self, structures: Any) -> pd.DataFrame:
        """The table of all crystals; `structures` as crystals/iterate.py takes them. DataError: no such path."""
        tables = list(self.stream(structures))
        table = pd.concat(tables, ignore_index=True) if tables else self._table([], None)
        table.attrs["units"] = self.units
        return table

    def stream(self, structures: Any) -> Iterator[pd.DataFrame]:
        """The same table in pieces, for more crystals than fit in memory."""
        yield from map(self.predict_items, chunked(with_warnings(iterate(structures)), size=self.batch_size))

    def predict_items(self, items: Iterable[Item]) -> pd.DataFrame:
        """The table of crystals that are read already, all at once."""
        rows, prepared = prepare(
            list(items),
            settings=self._graph,
            elements=self.checkpoint.elements,
            needs_symmetry=any(target.zero_by_symmetry for target in self.checkpoint.targets),
            potentials=self._potentials,
        )
        return self._table(rows, prepared)

    def _table(self, rows: list[Item], prepared: Prepared | None) -> pd.DataFrame:
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
        checkpoint, graphs = self.checkpoint, prepared.graphs
        features = Features.of_graphs(graphs, View.of(checkpoint.graph, checkpoint.settings.model), prepared.described)
        values, spread = predict(
            self._models,
            Dataset(features, self.device),
            np.arange(features.n_crystals),
            targets=checkpoint.targets,
            formulas=reduced_formulas(graphs.species, graphs.atom_pointer),
            zero=prepared.zero,
            weights=checkpoint.weights,
        )
        numbers: dict[str, FloatArray] = {}
        for column, quantity in enumerate(self.properties):
            bounds = checkpoint.interval(column, values[:, column], spread[:, column], prepared.zero)
            numbers |= dict(zip(_value_columns(quantity), (values[:, column], *bounds), strict=True))
        if checkpoint.domain is not None:
            numbers[NOVELTY] = checkpoint.domain.novelty(features)
        return numbers


def _value_columns(quantity: str) -> tuple[str, str, str]:
    return quantity, f"{quantity}_lower", f"{quantity}_upper"


def _device(wish: str) -> torch.device:
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: PyTorch sees no GPU on this machine; use auto or cpu")
    return torch.device(wish)
