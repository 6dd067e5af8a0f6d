"""A trained model in the manner of an ASE calculator: properties of a crystal, recomputed when it changes.

In: ASE Atoms.  Out: values in the units of `Predictor.units`.

    atoms.calc = PropertyCalculator(Predictor("results/pro/multitask.pt"))
    atoms.calc.get_property("band_gap", atoms)

No energies and no forces: the models predict properties of relaxed crystals.
"""

from collections.abc import Sequence
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from crystalmatrix.errors import DataError
from crystalmatrix.inference.model import ERROR, IN_DOMAIN, NOVELTY
from crystalmatrix.inference.predictor import Predictor


class PropertyCalculator(Calculator):
    """`results` holds every column of the Predictor's table that is a value, its bounds or its warning."""

    def __init__(self, predictor: Predictor, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.predictor = predictor
        self.implemented_properties = [*predictor.units, NOVELTY, IN_DOMAIN]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = (),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """All properties at once. Raises DataError with the reason for a crystal that cannot be predicted."""
        super().calculate(atoms, list(properties), list(system_changes))
        row = self.predictor.predict(self.atoms).iloc[0]
        if row[ERROR]:
            raise DataError(row[ERROR])
        self.results = {name: row[name] for name in self.implemented_properties}
