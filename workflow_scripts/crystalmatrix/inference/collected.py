"""The table of several models: of each property the value of the first that can take the crystal.

In: crystals, the table of each model in turn (inference/model.py).  Out: the table that predictor.py describes.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crystalmatrix.crystals.crystal import Crystal
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
    domain_of,
)  # fmt: skip
from crystalmatrix.inference.prepare import UNKNOWN_ELEMENT, Item
from crystalmatrix.targets.step import FloatArray


@dataclass
class _Row:
    """What was said of one crystal."""

    refusals: dict[str, str] = field(default_factory=dict)  # property: why the first that has it gives no value
    others: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # (model, refusal): what it gave instead

    def is_new(self, name: str) -> bool:
        """Whether an element kept a property's first model from giving it."""
        return any(name in names and why.startswith(UNKNOWN_ELEMENT) for (_, why), names in self.others.items())


class Collected:
    """`n` rows, empty at first."""

    def __init__(self, items: list[Item], properties: list[str]) -> None:
        n = len(items)
        self._items, self._properties = items, properties
        self._values: dict[str, FloatArray] = {}
        for name in properties:
            self._values |= {column: np.full(n, np.nan) for column in columns_of(name)}
        self._given = {name: np.zeros(n, bool) for name in properties}
        self._novelty = {name: np.full(n, np.nan) for name in properties}
        self._formula = np.full(n, "", object)  # of a crystal that some model took
        self._rows = [_Row() for _ in items]

    def open_for(self, model: LoadedModel) -> NDArray[np.bool_]:
        """[n] crystals for which it has a property that none before it gave."""
        missing = [~self._given[name] for name in self._properties if name in model.properties]
        return np.any(missing, axis=0) if missing else np.zeros(len(self._items), bool)

    def take(self, model: LoadedModel, rows: NDArray[np.bool_], table: pd.DataFrame) -> None:
        """What the model says of the crystals where `rows`, one after the other in `table`."""
        places = np.flatnonzero(rows)
        error = table[ERROR].to_numpy(object)
        good = error == ""
        self._formula[places[good]] = table[FORMULA].to_numpy(object)[good]
        for name in (name for name in self._properties if name in model.properties):
            wanted = ~self._given[name][places]
            taken = good & wanted
            for column in columns_of(name):
                self._values[column][places[taken]] = table[column].to_numpy()[taken]
            self._novelty[name][places[taken]] = table[NOVELTY].to_numpy()[taken]
            self._given[name][places[taken]] = True
            for place in places[taken].tolist():
                if refusal := self._rows[place].refusals.pop(name, ""):
                    self._rows[place].others.setdefault((model.name, refusal), []).append(name)
            for place, why in zip(places[wanted & ~good].tolist(), error[wanted & ~good], strict=True):
                self._rows[place].refusals.setdefault(name, why)

    def table(self) -> pd.DataFrame:
        """As far as it was given."""
        known = zip(self._items, self._formula != "", strict=True)
        table = pd.DataFrame({ID: pd.Series([item.id for item in self._items], dtype=object)})
        table[FORMULA] = self._formula
        table[N_ATOMS] = np.array(
            [len(item.species) if isinstance(item, Crystal) and taken else 0 for item, taken in known], np.int64
        )
        for column, values in self._values.items():
            table[column] = values
        novelty = pd.DataFrame(self._novelty, index=table.index)
        table[NOVELTY] = novelty.max(axis=1)
        flags = {name: self._inside(name) for name in self._properties}
        inside = pd.DataFrame(flags, index=table.index)
        table[IN_DOMAIN] = inside.all(axis=1, skipna=True).astype("boolean").mask(inside.isna().all(axis=1))
        for name, flag in flags.items():
            table[domain_of(name)] = flag
        table[NOTE] = [_note(item, row) for item, row in zip(self._items, self._rows, strict=True)]
        table[ERROR] = [self._error(row) for row in self._rows]
        return table

    def _inside(self, name: str) -> "pd.api.extensions.ExtensionArray":
        """[n] of a property; missing where there is no value, or where the model has no domain."""
        inside = pd.array(self._novelty[name] <= 1, "boolean")
        inside[[row.is_new(name) for row in self._rows]] = False
        inside[np.isnan(self._novelty[name])] = pd.NA
        return inside

    def _error(self, row: _Row) -> str:
        """One reason for the whole row; else each with the properties that it leaves empty."""
        reasons = list(dict.fromkeys(row.refusals.values()))
        if len(reasons) == 1 and len(row.refusals) == len(self._properties):
            return reasons[0]
        return "; ".join(
            f"{', '.join(name for name in self._properties if row.refusals.get(name) == reason)}: {reason}"
            for reason in reasons
        )


def _note(item: Item, row: _Row) -> str:
    given = [
        f"{', '.join(names)} by {model}, where the model before it could not ({why})"
        for (model, why), names in row.others.items()
    ]
    return "; ".join([*item.notes, *given])
