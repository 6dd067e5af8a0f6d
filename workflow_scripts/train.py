"""Train one model of the matrix: results/{tier}/{task}.pt. A killed run continues where it stopped.

With torchrun --standalone --nproc-per-node 2 in the place of python, two processes train it together, each on a GPU.
"""

import argparse
import io
import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch

from crystalmatrix import errors
from crystalmatrix.machine import gpu_jobs
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import load_checkpoint, save_checkpoint
from crystalmatrix.training.device import claim_device, flush_denormals
from crystalmatrix.training.labels import load
from crystalmatrix.training.run import train
from crystalmatrix.training.stop import TrainingStoppedError
from crystalmatrix.training.world import World, joined


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
    parser.add_argument("--init", type=Path, help="checkpoint to start from")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with joined() as world, redirect_stdout(sys.stdout if world.leads else io.StringIO()):
        run(arguments, world)


def run(arguments: argparse.Namespace, world: World) -> None:
    if arguments.threads:
        torch.set_num_threads(max(1, arguments.threads // world.size))
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
    device, _locks = claim_device(arguments.device, jobs=gpu_jobs(), world=world)
    try:
        checkpoint = train(
            data,
            tier=arguments.tier,
            task=arguments.task,
            settings=settings,
            run=arguments.run,
            device=device,
            init=load_checkpoint(arguments.init) if arguments.init else None,
            world=world,
        )
    except TrainingStoppedError as stop:
        print(f"{stop}; run again to continue", file=sys.stderr)
        sys.exit(stop.exit_code)
    if world.leads:
        save_checkpoint(arguments.out, checkpoint)


if __name__ == "__main__":
    flush_denormals()
    errors.run(main)
