"""Whether ehull is a share of the formula unit, as in dft_3d_2021 (docs/data.md): ehull = max(0, E/N + (1 - 1/N) x.e).

Without any fit: crystals of one formula differ in ehull by the difference of their formation energies over N. With one:
constants e of the elements from the training fold, errors on the validation fold.

In: records and splits of a run.  Out: a few lines.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from crystalmatrix import files
from crystalmatrix.contracts import columns as c
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.targets.formula_unit import FormulaUnit
from crystalmatrix.targets.step import Crystals
from crystalmatrix.targets.target import Target

EHULL, ENERGY = "ehull", "formation_energy"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("results/data/records.parquet"))
    parser.add_argument("--splits", type=Path, default=Path("results/data/splits.parquet"))
    arguments = parser.parse_args()
    table, _ = files.read_table(
        arguments.records, version=c.RECORDS_VERSION, columns=[c.JID, c.FORMULA, c.SPECIES, EHULL, ENERGY]
    )
    splits, _ = files.read_table(arguments.splits, version=c.SPLITS_VERSION)
    fold = splits.to_pandas().pivot(index=c.JID, columns=c.PROPERTY, values=c.FOLD)[[EHULL, ENERGY]]
    records = table.to_pandas().dropna(subset=[EHULL, ENERGY]).join(fold.add_prefix("fold_"), on=c.JID)
    train = records[(records[f"fold_{EHULL}"] == c.TRAIN) & (records[f"fold_{ENERGY}"] == c.TRAIN)]
    correlation = train[EHULL].corr(train[ENERGY])
    print(f"{len(train)} training crystals: median {train[EHULL].median():.2f} eV/atom, correlation {correlation:.2f}")
    polymorphs(train)
    law(train, records[records[f"fold_{EHULL}"] == c.VAL])


def polymorphs(train: pd.DataFrame) -> None:
    """Within a formula: how far ehull differs from its mean, and how far that is from the same of E / N."""
    several = train[train.groupby(c.FORMULA)[c.JID].transform("size") > 1]
    n_atoms = formulas(several).sum(axis=1)
    shift = {
        name: (values - values.groupby(several[c.FORMULA]).transform("mean")).abs()
        for name, values in (
            (EHULL, several[EHULL]),
            ("ehull - E", several[EHULL] - several[ENERGY]),
            ("ehull - E/N", several[EHULL] - several[ENERGY] / n_atoms),
        )
    }
    print(f"{len(several)} training crystals that share a formula, distance from the mean of the formula, eV/atom:")
    for name, distance in shift.items():
        print(f"  {name:12} median {distance.median():.2g}  mean {distance.mean():.2g}")


def law(train: pd.DataFrame, val: pd.DataFrame) -> None:
    """The law with constants of the training crystals and the known formation energy, on the validation crystals."""
    target = Target.fit(
        train[EHULL].to_numpy(),
        Crystals(formulas(train), np.zeros(len(train), bool)),
        name=EHULL,
        unit="eV/atom",
        transform="identity",
        composition_reference=True,
        companion=train[ENERGY].to_numpy(),
    )
    found = next((step for step in target.steps if isinstance(step, FormulaUnit)), None)
    if found is None:
        print("the law does not hold here: ehull is learned as it is")
        return
    n_atoms = formulas(val).sum(axis=1)
    plane = (1 - 1 / n_atoms) * (formulas(val) @ np.array(found.element_energies)) / n_atoms
    error = np.abs(np.maximum(val[ENERGY] / n_atoms + plane, 0) - val[EHULL])
    print(f"the law on {len(val)} validation crystals, eV/atom: median {error.median():.2g}  mean {error.mean():.2g}")
    print(f"  best constant: mean {(val[EHULL] - target.median).abs().mean():.2g}")


def formulas(records: pd.DataFrame) -> np.ndarray:
    """[n, N_SPECIES] atoms of each element in the formula unit."""
    species = records[c.SPECIES].tolist()
    return reduced_formulas(
        np.concatenate(species), np.concatenate([[0], np.cumsum([len(atoms) for atoms in species])])
    )


if __name__ == "__main__":
    main()
