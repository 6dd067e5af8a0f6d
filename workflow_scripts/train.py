"""Train one target of the matrix: results/{tier}/{task}.pt. A killed run continues where it stopped."""

import argparse
import sys
from pathlib import Path

import torch

from crystalmatrix import errors
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import load_checkpoint, save_checkpoint
from crystalmatrix.training.device import claim_device
from crystalmatrix.training.labels import load
from crystalmatrix.training.run import train
from crystalmatrix.training.stop import TrainingStoppedError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tier", required=True, help="name of the tier, for the log and the checkpoint")
    parser.add_argument("--task", required=True, help="a property, or multitask")
    parser.add_argument("--properties", nargs="+", default=list(PROPERTIES), help="what multitask learns")
    parser.add_argument("--settings", required=True, help="the tier's section of config.yaml, as JSON")
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--splits", type=Path, required=True)
    parser.add_argument("--outliers", type=Path, help="outliers.csv, for training.outliers: drop")
    parser.add_argument(
        "--features", type=Path, nargs="+", required=True, help="results/features/{view}/shards.json, or its files"
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of the resumable state")
    parser.add_argument("--init", type=Path, help="multi-task checkpoint to start from")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    settings = TierConfig.from_json(arguments.settings)
    data = load(
        arguments.records,
        arguments.splits,
        arguments.outliers,
        arguments.features,
        task=arguments.task,
        properties=arguments.properties,
        settings=settings,
    )
    device, _lock = claim_device(arguments.device)
    try:
        checkpoint = train(
            data,
            tier=arguments.tier,
            task=arguments.task,
            settings=settings,
            run=arguments.run,
            device=device,
            init=load_checkpoint(arguments.init) if arguments.init else None,
        )
    except TrainingStoppedError as stop:
        print(f"{stop}; run again to continue", file=sys.stderr)
        sys.exit(stop.exit_code)
    save_checkpoint(arguments.out, checkpoint)


if __name__ == "__main__":
    errors.run(main)
