"""Trained models on crystals of one's own: every property at once, with units, intervals and warnings.

In: checkpoints; files, folders or objects.  Out: a table with a row per crystal, in the order given.

    from crystalmatrix import Predictor
    table = Predictor().predict("my_crystals/")  # with the models that come with the project
    table = Predictor("results/pro/multitask.pt").predict("my_crystals/")

Columns: `id`, `formula`, `n_atoms`; per property `name`, `name_lower`, `name_upper` (split-conformal interval of 90 %),
in the unit of `Predictor.units` and `table.attrs["units"]`; `novelty` (above 1: neighbourhoods unlike any in training,
see trained/domain.py) and `in_domain`; `note`, what to know about how the crystal was read; `error`, empty or the
reason why the row has no values.

Of several models the first that has a property gives it. A crystal is in the domain where it is in that of every one;
its novelty is the largest of theirs. A model that refuses it leaves its own values empty and says so in `error`.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.errors import ConfigError, nearest
from crystalmatrix.features.features import crystal_key
from crystalmatrix.inference.model import (
    ERROR,
    FORMULA,
    ID,
    IN_DOMAIN,
    N_ATOMS,
    NOTE,
    NOVELTY,
    LoadedModel,
    columns_of,
)  # fmt: skip
from crystalmatrix.inference.prepare import Item, chunked, prepare, with_known_elements
from crystalmatrix.inference.reading import with_warnings
from crystalmatrix.shipped import shipped_models


class Predictor:
    """Checkpoints, loaded and ready. Predictions depend on neither `batch_size` nor the order of the crystals."""

    def __init__(
        self,
        models: str | Path | Sequence[str | Path] = (),
        *,
        properties: Sequence[str] = (),
        device: str = "auto",
        batch_size: int = 512,
        max_angles: int | None = None,
    ) -> None:
        """`models`: none, those that come with the project; `properties`: the wanted ones, none: all; `device`: auto,
        cpu, cuda or cuda:<index>; `batch_size`: crystals in memory at once; `max_angles`: of one crystal, in place of
        the models' own limit (graph.max_angles).

        Raises DataError, ConfigError."""
        paths = [models] if isinstance(models, str | Path) else list(models) or shipped_models(properties)
        self.device = _device(device)
        self.models = [LoadedModel(Path(path), device=self.device) for path in paths]
        self.batch_size = batch_size
        self._max_angles = max_angles
        known = list(dict.fromkeys(name for model in self.models for name in model.properties))
        for name in properties:
            if name not in known:
                raise ConfigError(f"--properties: no model here predicts {name!r}{nearest(name, known)}")
        self.properties = [name for name in known if not properties or name in properties]
        giver = {name: next(model for model in self.models if name in model.properties) for name in self.properties}
        self._parts = [
            (model, mine)
            for model in self.models
            if (mine := [name for name in self.properties if giver[name] is model])
        ]

    @property
    def units(self) -> dict[str, str]:
        """Unit of every column with a value; "1" for a pure number."""
        return {
            column: unit
            for model, mine in self._parts
            for column, unit in model.units.items()
            if any(column in columns_of(name) for name in mine)
        }

    def predict(self, structures: Any) -> pd.DataFrame:
        """The table of all crystals; `structures` as crystals/iterate.py takes them. DataError: no such path."""
        table = pd.concat(list(self.stream(structures)) or [self.predict_items([])], ignore_index=True)
        table.attrs["units"] = self.units
        return table

    def was_trained_on(self, identity: str, numbers: Sequence[int]) -> dict[str, bool]:
        """{property: whether its model has learned this crystal's label}; `identity` in JARVIS, atomic `numbers`."""
        key = crystal_key(identity, np.array(numbers, np.uint8))
        return {name: bool((m.checkpoint.seen[name] == key).any()) for m, mine in self._parts for name in mine}

    def stream(self, structures: Any) -> Iterator[pd.DataFrame]:
        """The same table in pieces, for more crystals than fit in memory."""
        yield from map(self.predict_items, chunked(with_warnings(iterate(structures)), size=self.batch_size))

    def predict_items(self, items: Iterable[Item]) -> pd.DataFrame:
        """The table of crystals that are read already, all at once."""
        items = list(items)
        tables = self._tables(items)
        first = tables[0]
        joined = pd.DataFrame({ID: first[ID]})
        joined[FORMULA] = _first_filled([table[FORMULA] for table in tables])
        joined[N_ATOMS] = np.max([table[N_ATOMS] for table in tables], axis=0)
        for (_, mine), table in zip(self._parts, tables, strict=True):
            for name in mine:
                joined[list(columns_of(name))] = table[list(columns_of(name))]
        joined[NOVELTY] = pd.concat([table[NOVELTY] for table in tables], axis=1).max(axis=1)
        inside = (joined[NOVELTY] <= 1).astype("boolean")
        joined[IN_DOMAIN] = inside.mask(joined[NOVELTY].isna())
        joined[NOTE] = first[NOTE]
        joined[ERROR] = self._errors(tables)
        return joined

    def _tables(self, items: list[Item]) -> list[pd.DataFrame]:
        """Of each model; graphs, descriptors and features are made once for all that see the same."""
        known = sorted({z for model, _ in self._parts for z in model.checkpoint.elements})
        items = with_known_elements(items, known)
        ready = {}
        for view in {model.view.name: model.view for model, _ in self._parts}.values():
            sharing = [model for model, _ in self._parts if model.view.name == view.name]
            needs_symmetry = any(model.needs_symmetry for model in sharing)
            limit = self._max_angles or max(model.checkpoint.graph.max_angles for model in sharing)
            ready[view.name] = prepare(
                items,
                view=view,
                needs_symmetry=needs_symmetry,
                potentials=sharing[0].potentials,
                max_angles=limit,
            )
        return [model.table(*ready[model.view.name]) for model, _ in self._parts]

    def _errors(self, tables: list[pd.DataFrame]) -> list[str]:
        """The reason that all models give; or each model's own, with what it would have predicted."""
        errors = []
        for row in zip(*(table[ERROR] for table in tables), strict=True):
            if len(set(row)) == 1:
                errors.append(row[0])
                continue
            said = [f"{', '.join(mine)}: {error}" for (_, mine), error in zip(self._parts, row, strict=True) if error]
            errors.append("; ".join(said))
        return errors


def _first_filled(texts: list[pd.Series]) -> pd.Series:
    """The formula of the first model that did not refuse the crystal."""
    filled = texts[0]
    for other in texts[1:]:
        filled = filled.mask(filled == "", other)
    return filled


def _device(wish: str) -> torch.device:
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: PyTorch sees no GPU on this machine; use auto or cpu")
    return torch.device(wish)
