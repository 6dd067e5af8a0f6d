"""Which of the choices in config.yaml pay: one table per property, same budget, several seeds, paired bootstrap.

    python benchmarks/ablation.py --results results --properties spillage dielectric --tier lite --seeds 3

Every variant is the tier's settings with one change, trained `--seeds` times on the official training fold. Errors are
those of each seed on the validation fold (choices are made there), averaged over seeds per crystal; the interval is
that of the paired difference to the tier as it is. `--fold test` prints the same for the test fold: look at it once.
`--properties multitask` does it for the multi-task model, with a table for each property. The last table is the mean
over the properties of the relative change of the MAE. Intervals are over crystals; how much seeds differ stands beside
them.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stage import features_for

from crystalmatrix import config, errors
from crystalmatrix.contracts import columns
from crystalmatrix.evaluation.bootstrap import confidence_interval, paired_difference, resampled_means
from crystalmatrix.properties import MULTITASK
from crystalmatrix.trained.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.device import claim_device
from crystalmatrix.training.labels import TrainingData, load
from crystalmatrix.training.members import weights_digest
from crystalmatrix.training.run import train

Change = dict[str, dict[str, Any]]
Signed = dict[str, np.ndarray]  # property: prediction - target, [n_seeds, n] or [n], sorted by id
AS_IT_IS = "as it is"
THE_MULTITASK_MODEL = "the multi-task model"  # not trained here: results/<tier>/multitask.pt on the same crystals
VARIANTS: dict[str, Change] = {
    AS_IT_IS: {},
    "no 3-body angles": {"model": {"angle_radial": 0}},
    "l_max 0": {"model": {"l_max": 0}},
    "l_max 1": {"model": {"l_max": 1}},
    "l_max 3": {"model": {"l_max": 3}},
    "dropout 0.2": {"model": {"dropout": 0.2}},
    "attention pooling": {"model": {"pooling": "attention"}},
    "MSE": {"training": {"loss": "mse"}},
    "Huber": {"training": {"loss": "huber"}},
    "no transform": {"training": {"transform": False}},
    "no EMA": {"training": {"ema_decay": 0.0}},
    "hurdle": {"training": {"hurdle": True}},
    "no composition reference": {"training": {"composition_reference": False}},
    "from scratch": {"training": {"init": "scratch"}},
    "from multi-task": {"training": {"init": "multitask"}},
    THE_MULTITASK_MODEL: {},
    "learned task weights": {"training": {"task_weights": "learned"}},
    "uniform sampling": {"training": {"sampling": "uniform"}},
    "no auxiliary targets": {"training": {"auxiliary": False}},
}
ONLY_MULTITASK = ("learned task weights", "uniform sampling", "no auxiliary targets")
ONLY_SINGLE = ("from scratch", "from multi-task", THE_MULTITASK_MODEL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="a results folder with data/ and graphs/")
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "config.yaml")
    parser.add_argument("--properties", nargs="+", required=True, help="properties, or multitask")
    parser.add_argument("--tier", default="lite")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), help="default: all that apply")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-epochs", type=int, help="a smaller budget than the tier's")
    parser.add_argument("--fold", choices=[columns.VAL, columns.TEST], default=columns.VAL)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("results/ablation"))
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    settings = config.load(arguments.config)
    device, _lock = claim_device(arguments.device)
    error: dict[str, Signed] = {}
    for task in arguments.properties:
        for name, of in variant_errors(task, arguments, settings, device).items():
            error.setdefault(name, {}).update(of)
    for key in error[AS_IT_IS]:
        report({name: of[key] for name, of in error.items() if key in of}, key, arguments.fold)
    if len(error[AS_IT_IS]) > 1:
        overall(error)


def variant_errors(
    task: str, arguments: argparse.Namespace, settings: config.Config, device: torch.device
) -> dict[str, Signed]:
    """Train or read every variant of a task; errors of its properties on the fold."""
    tier = settings.tiers[arguments.tier]
    other = ONLY_SINGLE if task == MULTITASK else ONLY_MULTITASK
    names = [name for name in arguments.variants or VARIANTS if name not in (AS_IT_IS, *other)]
    multitask = arguments.results / arguments.tier / f"{MULTITASK}.pt"
    properties = settings.matrix.properties
    error = {}
    for name in [AS_IT_IS, *names]:
        if name == THE_MULTITASK_MODEL:
            whole = load_checkpoint(multitask)
            checkpoints = [replace(whole, members=[member]) for member in whole.members]
        else:
            variant = changed(tier, VARIANTS[name], max_epochs=arguments.max_epochs)
            data = load_data(arguments.results, task, properties, variant)
            init = load_checkpoint(multitask) if task != MULTITASK and variant.training.init == MULTITASK else None
            folder = arguments.out / task / name.replace(" ", "-")
            checkpoints = [
                trained(data, variant, task, seed, folder, arguments, device, init) for seed in range(arguments.seeds)
            ]
        of_seed = [fold_errors(checkpoint, arguments.results, device, arguments.fold) for checkpoint in checkpoints]
        wanted = of_seed[0] if task == MULTITASK else [task]
        error[name] = {key: np.stack([errors[key] for errors in of_seed]) for key in wanted}
    return error


def load_data(results: Path, task: str, properties: tuple[str, ...], tier: config.TierConfig) -> TrainingData:
    return load(
        results / "data/records.parquet",
        results / "data/splits.parquet",
        None,
        features_of(results, tier),
        task=task,
        properties=list(properties),
        settings=tier,
    )


def features_of(results: Path, tier: config.TierConfig) -> list[Path]:
    return features_for(sorted((results / "graphs").glob("shard-*.parquet")), tier.model)


def changed(tier: config.TierConfig, change: Change, *, max_epochs: int | None) -> config.TierConfig:
    """The tier with one change, and one network per checkpoint: the seeds are trained one by one."""
    sections = {key: {**value, **change.get(key, {})} for key, value in tier.model_dump().items()}
    sections["training"]["seeds"] = 1
    if max_epochs:
        sections["training"]["max_epochs"] = max_epochs
    return config.TierConfig.parse(sections)


def trained(
    data: TrainingData,
    settings: config.TierConfig,
    task: str,
    seed: int,
    folder: Path,
    arguments: argparse.Namespace,
    device: torch.device,
    init: Checkpoint | None,
) -> Checkpoint:
    """A finished checkpoint of these settings, data and starting weights is read, anything else is trained."""
    path, wanted = folder / f"{seed}.pt", weights_digest(data, settings, init, seed)
    asked = path.with_suffix(".digest")
    if path.exists() and asked.exists() and asked.read_text() == wanted:
        return load_checkpoint(path)
    checkpoint = train(
        data,
        tier=arguments.tier,
        task=task,
        settings=settings,
        run=folder / f"run-{seed}",
        device=device,
        init=init,
        first_seed=seed,
    )
    save_checkpoint(path, checkpoint)
    asked.write_text(wanted)
    return checkpoint


def fold_errors(checkpoint: Checkpoint, results: Path, device: torch.device, fold: str) -> Signed:
    """Prediction - target on the fold, [n] of each property, sorted by id."""
    files = [results / "data/records.parquet", results / "data/splits.parquet"]
    data = load_held_out(*files, features_of(results, checkpoint.settings), checkpoint)
    table = predictions_table(checkpoint, data, device=device).to_pandas()
    table = table[table[columns.FOLD] == fold]
    signed = table[columns.PREDICTION] - table[columns.TARGET]
    return {str(name): values.to_numpy() for name, values in signed.groupby(table[columns.PROPERTY])}


def report(error: dict[str, np.ndarray], name: str, fold: str) -> None:
    """MAE of single networks, of the ensemble's median, and the paired difference of the single ones to the tier."""
    reference = np.abs(error[AS_IT_IS]).mean(axis=0)
    print(f"\n{name}, {fold} fold, {len(reference)} crystals, {len(error[AS_IT_IS])} seeds")
    print(f"{'variant':28} {'MAE':>9} {'seeds from':>10} {'to':>9} {'median':>9} {'ensemble':>9}   difference [95 %]")
    summary = {}
    for variant, signed in error.items():
        values = np.abs(signed)
        per_seed = values.mean(axis=1)
        ensemble = np.abs(np.median(signed, axis=0)).mean()
        d = paired_difference(values.mean(axis=0), reference, n_resamples=4000, confidence=0.95)
        verdict = "" if variant == AS_IT_IS else f"{d.mean:+.4g} [{d.low:+.4g}, {d.high:+.4g}] {d.verdict}"
        print(f"{variant:28} {values.mean():9.4g} {per_seed.min():10.4g} {per_seed.max():9.4g}"
              f" {np.median(values):9.4g} {ensemble:9.4g}   {verdict}")  # fmt: skip
        summary[variant] = {
            "mae": values.mean(),
            "ensemble": ensemble,
            "difference": d.mean,
            "low": d.low,
            "high": d.high,
        }
    print(json.dumps({"property": name, "fold": fold, "n": len(reference), "variants": summary}))


def overall(error: dict[str, Signed], n_resamples: int = 4000) -> None:
    """Mean over properties of MAE(variant) / MAE(as it is) - 1; the crystals of each property are resampled."""
    print(f"\nmean over {len(error[AS_IT_IS])} properties of the change of the MAE [95 %]")
    for variant, of in error.items():
        if variant == AS_IT_IS:
            continue
        ratios = []
        for seed, (key, signed) in enumerate(of.items()):
            pair = np.stack([np.abs(values).mean(axis=0) for values in (signed, error[AS_IT_IS][key])], axis=1)
            drawn = resampled_means(pair, n_resamples=n_resamples, seed=seed)
            means = np.vstack([pair.mean(axis=0), drawn])
            ratios.append(means[:, 0] / means[:, 1] - 1)
        change = np.mean(ratios, axis=0)  # the first is that of the data, the others of the resamples
        low, high = confidence_interval(change[1:], confidence=0.95)
        print(f"{variant:28} {change[0]:+8.2%} [{low:+.2%}, {high:+.2%}]")


if __name__ == "__main__":
    errors.run(main)
