"""Predict the validation and test folds with one model: results/{tier}/{task}.predictions.parquet."""

import argparse
from pathlib import Path

import torch

from crystalmatrix import errors, files
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.summary import PredictionsMetadata
from crystalmatrix.machine import gpu_jobs
from crystalmatrix.trained.checkpoint import load_checkpoint
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.device import claim_device, flush_denormals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint, results/{tier}/{task}.pt")
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--splits", type=Path, required=True)
    parser.add_argument(
        "--features", type=Path, nargs="+", required=True, help="results/features/{view}/shards.json, or its files"
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    checkpoint = load_checkpoint(arguments.model)
    data = load_held_out(arguments.records, arguments.splits, arguments.features, checkpoint)
    device, _locks = claim_device(arguments.device, jobs=gpu_jobs())
    table = predictions_table(checkpoint, data, device=device)
    files.write_table(
        arguments.out,
        table,
        version=columns.PREDICTIONS_VERSION,
        metadata=PredictionsMetadata(model=checkpoint.summary).to_dict(),
    )


if __name__ == "__main__":
    flush_denormals()
    errors.run(main)
