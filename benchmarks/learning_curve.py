"""How many crystals a model needs: its test error when only 100, 200, 400 ... of them have a label.

    python benchmarks/learning_curve.py --results part/results --properties shear_modulus --tiers lite transfer \
        --seeds 3 --out learning_curve.json

A user with n crystals keeps some of them to choose by. So of the n one in nine is drawn from the validation fold, the
others from the training fold (none of an extra source), by an order of the seed: a larger set holds the smaller ones.
The test fold is whole. Every training has the tier's own settings. A row of the JSON a property, tier and size: MAE on
the test fold, the mean over the seeds, with its bootstrap interval over the crystals, and each seed's; what guessing
the median of the training labels costs; seconds of a training. Rows that the file has are not measured again, and a
training that was cut off goes on from its last state.
"""

import argparse
import hashlib
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rows import Row, Rows
from stage import features_for

from crystalmatrix import config, errors
from crystalmatrix.contracts import columns
from crystalmatrix.data.extra import SEPARATOR
from crystalmatrix.data.labels import NONE, TEST, TRAIN, VAL
from crystalmatrix.evaluation.bootstrap import confidence_interval, resampled_means
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.device import flush_denormals
from crystalmatrix.training.labels import TrainingData, load
from crystalmatrix.training.run import train
from crystalmatrix.training.stop import TrainingStoppedError

SIZES = (100, 200, 400, 800, 1600, 3200)
VALIDATION = 1 / 9  # of the crystals, as the fractions 0.8 and 0.1 of a random split have it
CONFIDENCE = 0.95
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Folder:
    """A run whose tables and graphs are there."""

    results: Path

    @property
    def tables(self) -> tuple[Path, Path]:
        return self.results / "data/records.parquet", self.results / "data/splits.parquet"

    def features(self, settings: config.TierConfig) -> list[Path]:
        return features_for(sorted((self.results / "graphs").glob("shard-*.parquet")), settings.model)

    def training(self, task: str, settings: config.TierConfig) -> TrainingData:
        return load(*self.tables, None, self.features(settings), task=task, properties=[task], settings=settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="a results folder with data/ and graphs/")
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "config.yaml")
    parser.add_argument("--properties", nargs="+", required=True)
    parser.add_argument("--tiers", nargs="+", default=["lite", "transfer"])
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write; states of trainings lie beside it")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    settings = config.load(arguments.config)
    folder, rows = Folder(arguments.results), Rows(arguments.out)
    for task in arguments.properties:
        for size in sorted(arguments.sizes):
            for tier in arguments.tiers:
                _measure(rows, folder, task, tier, settings.tiers[tier], size, arguments.seeds)


def _measure(
    rows: Rows, folder: Folder, task: str, tier: str, settings: config.TierConfig, size: int, seeds: int
) -> None:
    """Add the row of a property, tier and size, if it is not there and there are so many crystals."""
    data = folder.training(task, settings)
    asked = hashlib.sha256(f"{settings.for_task(task)}{data.data_digest}".encode()).hexdigest()[:12]
    key: Row = {"property": task, "tier": tier, "n": size, "seeds": seeds, "asked": asked}
    if (row := rows.find(**key)) is None:
        chosen = [some(data, size, seed=seed) for seed in range(seeds)]
        if any(part is None for part in chosen):
            print(f"{task}: fewer than {size:,} crystals", flush=True)
            return
        runs = rows.path.with_suffix("") / f"{task}-{tier}-{size}"
        started = time.monotonic()
        tables = [
            _predicted(folder, part, settings, tier, task, seed, runs / str(seed))
            for seed, part in enumerate(chosen)
            if part is not None
        ]
        seconds = (time.monotonic() - started) / seeds
        median = float(np.median(data.values[data.fold[:, 0] == TRAIN, 0]))
        row = rows.add(key | summary(tables, median=median) | {"unit": data.unit(task), "seconds": seconds})
        shutil.rmtree(runs)
    print(
        f"{task} {tier} {size:,}: {row['mae']:.4g} [{row['low']:.4g}, {row['high']:.4g}] {row['unit']}, constant "
        f"{row['constant_mae']:.4g}, {row['seconds']:.0f} s a training",
        flush=True,
    )


def some(data: TrainingData, size: int, *, seed: int) -> TrainingData | None:
    """The data with `size` crystals of the source, one in nine of them for validation; None where it has fewer."""
    own = np.array([SEPARATOR not in jid for jid in data.features.jid.tolist()])
    n_val = round(size * VALIDATION)
    fold = np.full_like(data.fold, NONE)
    for code, n in ((TRAIN, size - n_val), (VAL, n_val)):
        rows = np.random.default_rng([seed, code]).permutation(np.flatnonzero(own & (data.fold[:, 0] == code)))
        if len(rows) < n:
            return None
        fold[rows[:n], 0] = code
    return replace(data, fold=fold)


def summary(tables: list[pd.DataFrame], *, median: float) -> Row:
    """Of the predictions of the test fold, a table a seed; `median` is what one guesses who knows labels alone."""
    target = tables[0][columns.TARGET]
    error = np.stack([np.abs(table[columns.PREDICTION] - target) for table in tables])  # [n_seeds, n]
    of_crystal = error.mean(axis=0)
    drawn = resampled_means(of_crystal[:, None], n_resamples=4000)[:, 0]
    low, high = confidence_interval(drawn, confidence=CONFIDENCE)
    return {
        "n_test": len(target),
        "mae": float(of_crystal.mean()),
        "low": low,
        "high": high,
        "confidence": CONFIDENCE,
        "of_seeds": error.mean(axis=1).tolist(),
        "constant_mae": float(np.abs(target - median).mean()),
    }


def _predicted(
    folder: Folder, data: TrainingData, settings: config.TierConfig, tier: str, task: str, seed: int, run: Path
) -> pd.DataFrame:
    """columns.PREDICTIONS of the test fold, sorted by id."""
    checkpoint = train(data, tier=tier, task=task, settings=settings, run=run, device=CPU, first_seed=seed)
    held = load_held_out(*folder.tables, folder.features(settings), checkpoint)
    test = held.select(np.flatnonzero(held.fold[:, 0] == TEST))
    return predictions_table(checkpoint, test, device=CPU).to_pandas()


if __name__ == "__main__":
    flush_denormals()
    try:
        errors.run(main)
    except TrainingStoppedError as stop:
        sys.exit(f"{stop}; run again to continue")
