"""Several checkpoints as one: their properties side by side in one table.

In: Predictors, each with the properties wanted of it.  Out: the table that one Predictor gives.

A crystal is in the domain where it is in that of every model; its novelty is the largest of theirs. A model that
refuses it leaves its own values empty and says so in `error`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from crystalmatrix.errors import ConfigError, nearest
from crystalmatrix.inference.predictor import ERROR, FORMULA, ID, IN_DOMAIN, N_ATOMS, NOTE, NOVELTY, Predictor
from crystalmatrix.inference.prepare import Item


class Together:
    """Takes what `screening.screen` takes a Predictor for."""

    def __init__(self, predictors: Sequence[Predictor], properties: Sequence[str] = ()) -> None:
        """The first model that has a property gives it. `properties`: the wanted ones, none: all. ConfigError."""
        known = list(dict.fromkeys(name for predictor in predictors for name in predictor.properties))
        for name in properties:
            if name not in known:
                raise ConfigError(f"--properties: no model here predicts {name!r}{nearest(name, known)}")
        self.properties = [name for name in known if not properties or name in properties]
        giver = {name: next(p for p in predictors if name in p.properties) for name in self.properties}
        self._parts = [
            (predictor, mine)
            for predictor in predictors
            if (mine := [name for name in self.properties if giver[name] is predictor])
        ]
        self.batch_size = min(predictor.batch_size for predictor in predictors)

    @property
    def units(self) -> dict[str, str]:
        """As Predictor.units."""
        return {
            column: unit
            for predictor, mine in self._parts
            for column, unit in predictor.units.items()
            if any(column in columns_of(name) for name in mine)
        }

    def predict_items(self, items: Iterable[Item]) -> pd.DataFrame:
        """As Predictor.predict_items."""
        items = list(items)
        tables = [predictor.predict_items(items) for predictor, _ in self._parts]
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


def columns_of(name: str) -> tuple[str, str, str]:
    """Value and bounds of a property."""
    return name, f"{name}_lower", f"{name}_upper"


def load_together(paths: Sequence[Path], properties: Sequence[str], *, device: str, batch_size: int) -> Together:
    """Raises DataError, ConfigError."""
    return Together([Predictor(path, device=device, batch_size=batch_size) for path in paths], properties)


def _first_filled(texts: list[pd.Series]) -> pd.Series:
    """The formula of the first model that did not refuse the crystal."""
    filled = texts[0]
    for other in texts[1:]:
        filled = filled.mask(filled == "", other)
    return filled
