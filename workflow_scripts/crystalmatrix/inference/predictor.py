"""Trained models on crystals of one's own: every property at once, with units, intervals and warnings.

In: checkpoints; files, folders or objects.  Out: a table with a row per crystal, in the order given.

    from crystalmatrix import Predictor
    table = Predictor().predict("my_crystals/")  # with the models that come with the project
    table = Predictor("results/pro/multitask.pt").predict("my_crystals/")

Columns: `id`, `formula`, `n_atoms`; per property `name`, `name_lower`, `name_upper` (split-conformal interval of 90 %),
in the unit of `Predictor.units` and `table.attrs["units"]`; `novelty` (above 1: neighbourhoods unlike any in training,
see trained/domain.py) and `in_domain`, and `name_in_domain` of each property; `note`, what to know about how the
crystal was read and which model spoke; `error`, empty or the reason why the row, or a property of it, has no value.

Of several models the first that can take the crystal gives a property; where one before it could not (an element that
it never saw, a crystal or a machine without its potential), the note names both. Where it was an element, the value
counts as outside the domain: the label may have been seen with none. The novelty of a crystal is the largest of the
models that gave its values; it is in the domain where all of its values are.
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
from crystalmatrix.inference.collected import Collected
from crystalmatrix.inference.model import LoadedModel, columns_of
from crystalmatrix.inference.prepare import Item, Prepared, chunked, prepare, refused, some, with_known_elements
from crystalmatrix.inference.reading import with_warnings
from crystalmatrix.shipped import shipped_models
from crystalmatrix.targets.step import BoolArray


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
        if all(model.refusal for model in self.models):
            raise ConfigError(self.models[0].refusal)
        self.batch_size = batch_size
        self._max_angles = max_angles
        known = list(dict.fromkeys(name for model in self.models for name in model.properties))
        for name in properties:
            if name not in known:
                raise ConfigError(f"--properties: no model here predicts {name!r}{nearest(name, known)}")
        self.properties = [name for name in known if not properties or name in properties]

    @property
    def units(self) -> dict[str, str]:
        """Unit of every column with a value; "1" for a pure number."""
        units: dict[str, str] = {}
        for name in self.properties:
            first = next(model for model in self.models if name in model.properties)
            units |= {column: first.units[column] for column in columns_of(name)}
        return units

    def predict(self, structures: Any) -> pd.DataFrame:
        """The table of all crystals; `structures` as crystals/iterate.py takes them. DataError: no such path."""
        table = pd.concat(list(self.stream(structures)) or [self.predict_items([])], ignore_index=True)
        table.attrs["units"] = self.units
        return table

    def was_trained_on(self, identity: str, numbers: Sequence[int]) -> dict[str, bool]:
        """{property: whether the model that gives it for this crystal has learned its label there}.

        `identity`: in JARVIS; `numbers`: atomic ones. A property that no model gives is left out."""
        key = crystal_key(identity, np.array(numbers, np.uint8))
        givers = {
            name: next((m for m in self.models if name in m.properties and m.knows(numbers)), None)
            for name in self.properties
        }
        return {name: bool((m.checkpoint.seen[name] == key).any()) for name, m in givers.items() if m is not None}

    def stream(self, structures: Any) -> Iterator[pd.DataFrame]:
        """The same table in pieces, for more crystals than fit in memory."""
        yield from map(self.predict_items, chunked(with_warnings(iterate(structures)), size=self.batch_size))

    def predict_items(self, items: Iterable[Item]) -> pd.DataFrame:
        """The table of crystals that are read already, all at once."""
        known = {z for model in self.models if not model.refusal for z in model.checkpoint.elements}
        items = with_known_elements(list(items), sorted(known))
        collected = Collected(items, self.properties)
        ready: dict[tuple[str, str], tuple[BoolArray, list[Item], Prepared | None]] = {}
        for model in self.models:
            rows = collected.open_for(model)
            if not rows.any():
                continue
            seen = model.view.name, model.refusal
            if seen not in ready:  # once for all that see the same, and of what any of them may be asked for
                sharing = [other for other in self.models if (other.view.name, other.refusal) == seen]
                asked = np.any([collected.open_for(other) for other in sharing], axis=0)
                ready[seen] = asked, *self._prepared([items[k] for k in np.flatnonzero(asked).tolist()], sharing)
            asked, of_view, prepared = ready[seen]
            collected.take(model, rows, model.table(*some(of_view, prepared, rows[asked])))
        return collected.table()

    def _prepared(self, items: list[Item], sharing: list[LoadedModel]) -> tuple[list[Item], Prepared | None]:
        """What models of one view see."""
        model = sharing[0]
        if model.refusal:
            return [refused(item, model.refusal) for item in items], None
        return prepare(
            items,
            view=model.view,
            needs_symmetry=any(other.needs_symmetry for other in sharing),
            potentials=model.potentials,
            max_angles=self._max_angles or max(other.checkpoint.graph.max_angles for other in sharing),
        )


def _device(wish: str) -> torch.device:
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wish == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: PyTorch sees no GPU on this machine; use auto or cpu")
    return torch.device(wish)
