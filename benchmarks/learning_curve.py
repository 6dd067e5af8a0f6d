"""How many crystals a model needs: its test error after training on 100, 300, 1,000 ... of them.

    python benchmarks/learning_curve.py --results part/results --properties shear_modulus --tiers lite transfer

Training crystals are the first so many of one random order, so that a larger set holds the smaller ones; validation and
test folds are whole. Every training has the tier's own settings. A row a size, a column a tier: MAE on the test fold,
over seeds the mean and, behind it, half the range.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from crystalmatrix import config, errors
from crystalmatrix.contracts.view import View
from crystalmatrix.data.labels import NONE, TEST, TRAIN
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.labels import TrainingData, load
from crystalmatrix.training.run import train

SIZES = (100, 300, 1000, 3000, 12_800)
CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="a results folder with data/ and features/")
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "config.yaml")
    parser.add_argument("--properties", nargs="+", required=True)
    parser.add_argument("--tiers", nargs="+", default=["lite", "transfer"])
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    tiers = {name: config.load(arguments.config).tiers[name] for name in arguments.tiers}
    for task in arguments.properties:
        print(f"| {task}, training crystals | {' | '.join(tiers)} |\n| --- |{' --- |' * len(tiers)}", flush=True)
        for size in arguments.sizes:
            cells = [_errors(arguments, task, size, settings) for settings in tiers.values()]
            if all(found is not None for found in cells):
                print(f"| {size:,} | {' | '.join(map(str, cells))} |", flush=True)


def _errors(arguments: argparse.Namespace, task: str, size: int, settings: config.TierConfig) -> str | None:
    """The cell of a tier; None where the training fold is smaller."""
    results = arguments.results
    view = View.of(config.load(arguments.config).graph, settings.model).name
    features = sorted((results / "features" / view).glob("shard-*.arrow"))
    data = load(
        results / "data/records.parquet", results / "data/splits.parquet", None, features,
        task=task, properties=[task], settings=settings,
    )  # fmt: skip
    found = []
    for seed in range(arguments.seeds):
        chosen = _first(data, size)
        if chosen is None:
            return None
        with tempfile.TemporaryDirectory() as run:
            checkpoint = train(
                chosen, tier="curve", task=task, settings=settings, run=Path(run), device=CPU, first_seed=seed
            )
        held = load_held_out(results / "data/records.parquet", results / "data/splits.parquet", features, checkpoint)
        table = predictions_table(checkpoint, held.select(np.flatnonzero(held.fold[:, 0] == TEST)), device=CPU)
        found.append(np.abs(table["prediction"].to_numpy() - table["target"].to_numpy()).mean())
    spread = f" ± {np.ptp(found) / 2:.2g}" if len(found) > 1 else ""
    return f"{np.mean(found):.4g}{spread}"


def _first(data: TrainingData, size: int) -> TrainingData | None:
    """The data with `size` training crystals; the other ones are out of every fold."""
    train_rows = np.random.default_rng(0).permutation(np.flatnonzero(data.fold[:, 0] == TRAIN))
    if len(train_rows) < size:
        return None
    fold = data.fold.copy()
    fold[train_rows[size:], 0] = NONE
    return replace(data, fold=fold)


if __name__ == "__main__":
    errors.run(main)
