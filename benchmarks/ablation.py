"""Which of the choices in config.yaml pay: one table per property, same budget, several seeds, paired bootstrap.

    python benchmarks/ablation.py --results results --property spillage --tier lite --seeds 3

Every variant is the tier's settings with one change, trained `--seeds` times on the official training fold. Errors are
Every variant is the tier's settings with one change, trained `--seeds` times on the official training fold. Errors are
those of each seed on the validation fold (choices are made there), averaged over seeds per crystal; the interval is
that of the paired difference to the tier as it is. `--fold test` prints the same for the test fold: look at it once.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crystalmatrix import columns, config, errors
from crystalmatrix.evaluation.bootstrap import paired_difference
from crystalmatrix.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from crystalmatrix.training.data import TrainingData, load
from crystalmatrix.training.device import claim_device
from crystalmatrix.training.run import train
from crystalmatrix.training.table import predictions_table

Change = dict[str, dict[str, Any]]
VARIANTS: dict[str, Change] = {
    "as it is": {},
    "no 3-body angles": {"model": {"angle_radial": 0}},
    "l_max 0": {"model": {"l_max": 0}},
    "l_max 1": {"model": {"l_max": 1}},
    "l_max 3": {"model": {"l_max": 3}},
    "attention pooling": {"model": {"pooling": "attention"}},
    "MSE": {"training": {"loss": "mse"}},
    "Huber": {"training": {"loss": "huber"}},
    "no transform": {"training": {"transform": False}},
    "no EMA": {"training": {"ema_decay": 0.0}},
    "hurdle": {"training": {"hurdle": True}},
    "no composition reference": {"training": {"composition_reference": False}},
    "from multi-task": {"training": {"init": "multitask"}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="a results folder with data/ and graphs/")
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "config.yaml")
    parser.add_argument("--property", required=True)
    parser.add_argument("--tier", default="lite")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-epochs", type=int, help="a smaller budget than the tier's")
    parser.add_argument("--fold", choices=[columns.VAL, columns.TEST], default=columns.VAL)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("results/ablation"))
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    tier = config.load(arguments.config).tiers[arguments.tier]
    data = load_data(arguments.results, arguments.property, tier)
    device, _lock = claim_device(arguments.device)
    multitask = arguments.results / arguments.tier / "multitask.pt"
    error = {}
    for name in ["as it is", *(name for name in arguments.variants if name != "as it is")]:
        settings = changed(tier, VARIANTS[name], max_epochs=arguments.max_epochs)
        init = load_checkpoint(multitask) if settings.training.init == "multitask" else None
        folder = arguments.out / arguments.property / name.replace(" ", "-")
        checkpoints = [
            trained(data, settings, seed, folder, arguments, device, init) for seed in range(arguments.seeds)
        ]
        error[name] = np.stack([fold_errors(c, data, device, arguments.fold) for c in checkpoints])  # [n_seeds, n]
    report(error, arguments.property, arguments.fold)


def load_data(results: Path, name: str, tier: config.TierConfig) -> TrainingData:
    return load(
        results / "data/records.parquet",
        results / "data/splits.parquet",
        None,
        sorted((results / "graphs").glob("shard-*.parquet")),
        task=name,
        properties=[name],
        training=tier.training,
    )


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
    seed: int,
    folder: Path,
    arguments: argparse.Namespace,
    device: torch.device,
    init: Checkpoint | None,
) -> Checkpoint:
    """A finished checkpoint of these settings is read, anything else is trained."""
    path = folder / f"{seed}.pt"
    if path.exists() and (kept := load_checkpoint(path)).summary["requested"] == settings.to_json():
        return kept
    checkpoint = train(
        data,
        tier=arguments.tier,
        task=arguments.property,
        settings=settings,
        run=folder / f"run-{seed}",
        device=device,
        init=init,
        first_seed=seed,
    )
    checkpoint.summary["requested"] = settings.to_json()
    save_checkpoint(path, checkpoint)
    return checkpoint


def fold_errors(checkpoint: Checkpoint, data: TrainingData, device: torch.device, fold: str) -> np.ndarray:
    """Absolute errors on the fold, [n], sorted by id."""
    table = predictions_table(checkpoint, data, device=device).to_pandas()
    table = table[table[columns.FOLD] == fold]
    return (table[columns.PREDICTION] - table[columns.TARGET]).abs().to_numpy()


def report(error: dict[str, np.ndarray], name: str, fold: str) -> None:
    reference = error["as it is"].mean(axis=0)
    print(f"\n{name}, {fold} fold, {len(reference)} crystals, MAE over {len(error['as it is'])} seeds")
    print(f"{'variant':28} {'MAE':>9} {'seeds from':>10} {'to':>9}   difference [95 %]")
    summary = {}
    for variant, values in error.items():
        per_seed = values.mean(axis=1)
        d = paired_difference(values.mean(axis=0), reference, n_resamples=4000, confidence=0.95)
        verdict = "" if variant == "as it is" else f"{d.mean:+.4g} [{d.low:+.4g}, {d.high:+.4g}] {d.verdict}"
        print(f"{variant:28} {values.mean():9.4g} {per_seed.min():10.4g} {per_seed.max():9.4g}   {verdict}")
        summary[variant] = {"mae": values.mean(), "difference": d.mean, "low": d.low, "high": d.high}
    print(json.dumps({"property": name, "fold": fold, "n": len(reference), "variants": summary}))


if __name__ == "__main__":
    errors.run(main)
