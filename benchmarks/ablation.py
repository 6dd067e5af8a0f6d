"""Ablations of the choices in config.yaml: one table per property, same budget, several seeds, paired bootstrap.

    python benchmarks/ablation.py --results results --properties spillage dielectric --tier lite --seeds 3
    python benchmarks/ablation.py --results results --properties shear_modulus --tier transfer --json ablation.json

Every variant (benchmarks/variants.py) is the tier's settings with one change, trained `--seeds` times on the official
training fold. Errors are those of each seed on the validation fold (choices are made there; a blend's weights too, so
that it flatters itself a little there beside a member alone), averaged over seeds per crystal; the interval is that of
the paired difference to the tier as it is. `--fold test` prints the same for the test fold: look at it once.
`--properties multitask` does it for the multi-task model, with a table for each property. The last table is the mean
over the properties of the relative change of the MAE. Intervals are over crystals; how much seeds differ stands beside
them. What variants have in common, an unchanged member of a blend say, is trained once. `--json` keeps a row for each
property and variant, with the seconds of a training: what the change costs.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rows import Rows
from stage import features_for
from variants import ONLY_MULTITASK, ONLY_SINGLE, VARIANTS, Variant

from crystalmatrix import config, errors
from crystalmatrix.contracts import columns
from crystalmatrix.data.extra import SEPARATOR
from crystalmatrix.data.labels import NONE, TRAIN
from crystalmatrix.evaluation.bootstrap import confidence_interval, paired_difference, resampled_means
from crystalmatrix.properties import MULTITASK
from crystalmatrix.trained.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.device import claim_device, flush_denormals
from crystalmatrix.training.labels import TrainingData, load
from crystalmatrix.training.members import weights_digest
from crystalmatrix.training.run import train
from crystalmatrix.training.stop import TrainingStoppedError

Signed = dict[str, np.ndarray]  # property: prediction - target, [n_seeds, n] or [n], sorted by id
AS_IT_IS = "as it is"
THE_MULTITASK_MODEL = "the multi-task model"  # not trained here: results/<tier>/multitask.pt on the same crystals
CHOICES = (*VARIANTS, THE_MULTITASK_MODEL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="a results folder with data/ and graphs/")
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "config.yaml")
    parser.add_argument("--properties", nargs="+", required=True, help="properties, or multitask")
    parser.add_argument("--tier", default="lite")
    parser.add_argument("--variants", nargs="+", choices=CHOICES, help="default: all that change the tier", metavar="V")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-epochs", type=int, help="a smaller budget than the tier's")
    parser.add_argument("--fold", choices=[columns.VAL, columns.TEST], default=columns.VAL)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("results/ablation"), help="folder of what is trained")
    parser.add_argument("--json", type=Path, help="file of rows")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    tier = config.load(arguments.config).tiers[arguments.tier]
    device, _locks = claim_device(arguments.device)
    rows = Rows(arguments.json) if arguments.json else None
    error: dict[str, Signed] = {}
    for task in arguments.properties:
        for name in [AS_IT_IS, *variants_for(task, arguments, tier)]:
            checkpoints = of_variant(name, task, tier, arguments, device)
            found = signed_errors(checkpoints, task, arguments, device)
            error.setdefault(name, {}).update(found)
            if rows:
                keep(rows, name, error, list(found), checkpoints, arguments)
    for key in error[AS_IT_IS]:
        report({name: of[key] for name, of in error.items() if key in of}, key, arguments.fold)
    if len(error[AS_IT_IS]) > 1:
        overall(error)


def variants_for(task: str, arguments: argparse.Namespace, tier: config.TierConfig) -> list[str]:
    """Those asked for; else all that change the settings of the tier. Raises ConfigError for one that does not."""
    other = ONLY_SINGLE if task == MULTITASK else ONLY_MULTITASK
    as_it_is = tier.for_task(task)
    names = []
    for name in arguments.variants or VARIANTS:
        changes = name == THE_MULTITASK_MODEL or VARIANTS[name].without
        if changes or (name not in other and VARIANTS[name].settings(tier).for_task(task) != as_it_is):
            names.append(name)
        elif arguments.variants:
            raise errors.ConfigError(
                f"--variants: {name} changes nothing of {arguments.tier}/{task}, expected one that does; leave it out"
            )
    return names if arguments.variants else [name for name in names if not VARIANTS[name].without]


def of_variant(
    name: str, task: str, tier: config.TierConfig, arguments: argparse.Namespace, device: torch.device
) -> list[Checkpoint]:
    """A checkpoint a seed, trained or read."""
    multitask = arguments.results / arguments.tier / f"{MULTITASK}.pt"
    if name == THE_MULTITASK_MODEL:
        whole = load_checkpoint(multitask)
        return [replace(whole, members=[member]) for member in whole.members]
    variant = VARIANTS.get(name, Variant())
    settings = one_by_one(variant.settings(tier), max_epochs=arguments.max_epochs)
    data = without_source(load_data(arguments, task, settings), variant.without)
    init = load_checkpoint(multitask) if task != MULTITASK and settings.training.init == MULTITASK else None
    folder = arguments.out / task / name.replace(" ", "-").replace(",", "")
    return [trained(data, settings, task, seed, folder, arguments, device, init) for seed in range(arguments.seeds)]


def one_by_one(settings: config.TierConfig, *, max_epochs: int | None) -> config.TierConfig:
    """One network (of each kind) in a checkpoint: the seeds are trained one by one."""
    sections = settings.model_dump()
    sections["training"]["seeds"] = 1
    if max_epochs:
        fewest = min(sections["training"]["min_epochs"], max_epochs)
        sections["training"] |= {"max_epochs": max_epochs, "min_epochs": fewest}
    return config.TierConfig.parse(sections)


def load_data(arguments: argparse.Namespace, task: str, tier: config.TierConfig) -> TrainingData:
    return load(
        arguments.results / "data/records.parquet",
        arguments.results / "data/splits.parquet",
        None,
        features_of(arguments.results, tier),
        task=task,
        properties=list(config.load(arguments.config).matrix.properties),
        settings=tier,
    )


def features_of(results: Path, tier: config.TierConfig) -> list[Path]:
    return features_for(sorted((results / "graphs").glob("shard-*.parquet")), tier.model)


def without_source(data: TrainingData, source: str) -> TrainingData:
    """The data without the training labels of an extra source; "": all. Raises DataError where there are none."""
    if not source:
        return data
    extra = np.array([jid.startswith(f"{source}{SEPARATOR}") for jid in data.features.jid.tolist()])
    if not (data.fold[extra] == TRAIN).any():
        raise errors.DataError(f"data.extra: no training label is of {source}, expected some to leave out")
    return replace(data, fold=np.where(extra[:, None], np.int8(NONE), data.fold))


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
    run = folder / f"run-{seed}"
    share_members(run, data, settings, seed, init, store=arguments.out / task / "members")
    checkpoint = train(
        data, tier=arguments.tier, task=task, settings=settings, run=run, device=device, init=init, first_seed=seed
    )
    save_checkpoint(path, checkpoint)
    asked.write_text(wanted)
    return checkpoint


def share_members(
    run: Path, data: TrainingData, settings: config.TierConfig, seed: int, init: Checkpoint | None, *, store: Path
) -> None:
    """Let the states of a run lie where those of the same member of other variants do."""
    run.mkdir(parents=True, exist_ok=True)
    for kind in range(len(settings.members)):
        name = f"member-{kind}-seed-{seed}" if len(settings.members) > 1 else f"seed-{seed}"
        shared = store / weights_digest(data, settings.of_member(kind), init, seed, kind=kind)
        shared.mkdir(parents=True, exist_ok=True)
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(shared.resolve(), target_is_directory=True)


def signed_errors(
    checkpoints: list[Checkpoint], task: str, arguments: argparse.Namespace, device: torch.device
) -> Signed:
    """Prediction - target on the fold, [n_seeds, n] of each property, sorted by id."""
    files = [arguments.results / "data/records.parquet", arguments.results / "data/splits.parquet"]
    of_seed = []
    for checkpoint in checkpoints:
        held = load_held_out(*files, features_of(arguments.results, checkpoint.settings), checkpoint)
        table = predictions_table(checkpoint, held, device=device).to_pandas()
        table = table[table[columns.FOLD] == arguments.fold]
        signed = table[columns.PREDICTION] - table[columns.TARGET]
        of_seed.append({str(key): values.to_numpy() for key, values in signed.groupby(table[columns.PROPERTY])})
    wanted = of_seed[0] if task == MULTITASK else [task]
    return {key: np.stack([signed[key] for signed in of_seed]) for key in wanted}


def keep(
    rows: Rows,
    variant: str,
    error: dict[str, Signed],
    properties: list[str],
    checkpoints: list[Checkpoint],
    arguments: argparse.Namespace,
) -> None:
    """Add a row for each property, unless it is there."""
    for name in properties:
        values, reference = np.abs(error[variant][name]), np.abs(error[AS_IT_IS][name]).mean(axis=0)
        key = {
            "property": name,
            "tier": arguments.tier,
            "variant": variant,
            "fold": arguments.fold,
            "seeds": len(values),
            "max_epochs": arguments.max_epochs,
            "n": len(reference),
            "mae": float(values.mean()),
        }
        if rows.find(**key):
            continue
        delta = paired_difference(values.mean(axis=0), reference, n_resamples=4000, confidence=0.95)
        rows.add(key | {
            "of_seeds": values.mean(axis=1).tolist(),
            "difference": delta.mean,
            "low": delta.low,
            "high": delta.high,
            "verdict": delta.verdict,
            "seconds": float(np.mean([checkpoint.summary.train_seconds for checkpoint in checkpoints])),
        })  # fmt: skip


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
    flush_denormals()
    try:
        errors.run(main)
    except TrainingStoppedError as stop:
        sys.exit(f"{stop}; run again to continue")
