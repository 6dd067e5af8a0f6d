"""What each member of a blend is worth alone: validation and test errors, and the blend's paired with each.

    python benchmarks/members.py --results part/results --tier transfer

MAE of every member on the validation fold, where weights were chosen, and on the test fold; behind it the difference of
the blend's absolute error to that member's on the same test crystals with its 95 % bootstrap interval, below zero where
the blend is better. One seed: how much seeds scatter is not in the interval.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from crystalmatrix import errors
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.labels import TEST, VAL
from crystalmatrix.evaluation.bootstrap import paired_difference
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.trained.checkpoint import load_checkpoint
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.prediction import member_values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--tier", required=True)
    parser.add_argument("--tasks", nargs="+", help="default: all that are trained")
    arguments = parser.parse_args()
    print("| property | member | weight | validation | test | blend minus member, test |")
    print("| --- | --- | --- | --- | --- | --- |")
    for path in sorted((arguments.results / arguments.tier).glob("*.pt")):
        if not arguments.tasks or path.stem in arguments.tasks:
            report(path, arguments.results)


def report(path: Path, results: Path) -> None:
    """The rows of one checkpoint."""
    checkpoint = load_checkpoint(path)
    view = View.of(checkpoint.graph, checkpoint.settings.model).name
    features = sorted((results / "features" / view).glob("shard-*.arrow"))
    held = load_held_out(results / "data/records.parquet", results / "data/splits.parquet", features, checkpoint)
    values = member_values(
        checkpoint.models(torch.device("cpu")),
        Dataset(held.features, torch.device("cpu")),
        np.arange(held.features.n_crystals),
        targets=checkpoint.targets,
        formulas=reduced_formulas(held.features.species, held.features.atom_pointer),
        zero=held.zero,
    )
    weights = checkpoint.used_weights
    if weights is None:
        raise errors.DataError(f"{path}: {checkpoint.settings.model.architecture}, expected a blend")
    for column, name in enumerate(checkpoint.properties):
        blend = np.einsum("mn,m->n", values[:, :, column], weights[:, column])
        error = {fold: np.abs(blend - held.values[:, column])[held.fold[:, column] == fold] for fold in (VAL, TEST)}
        print(f"| {name} | blend | 1 | {error[VAL].mean():.4g} | {error[TEST].mean():.4g} | |")
        for place, member in enumerate(checkpoint.used):
            kinds = checkpoint.settings.members
            kind = kinds[member * len(kinds) // len(checkpoint.members)].architecture
            alone = np.abs(values[place, :, column] - held.values[:, column])
            val, test = (alone[held.fold[:, column] == fold] for fold in (VAL, TEST))
            delta = paired_difference(error[TEST], test, n_resamples=2000, confidence=0.95)
            print(
                f"| | {kind} | {weights[place, column]:.2f} | {val.mean():.4g} | {test.mean():.4g} | "
                f"{delta.mean:+.3g} [{delta.low:+.3g}, {delta.high:+.3g}] |",
                flush=True,
            )


if __name__ == "__main__":
    errors.run(main)
