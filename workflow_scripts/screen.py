"""Predict your own crystals: CIF, POSCAR, extended XYZ, JARVIS JSON, or folders of them, to one CSV file."""

import argparse
import sys
from pathlib import Path

from crystalmatrix.errors import run
from crystalmatrix.files import atomic
from crystalmatrix.inference import Predictor
from crystalmatrix.inference.screening import screen
from crystalmatrix.training.device import claim_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("structures", type=Path, nargs="+", metavar="FILE", help="structure files or folders of them")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint, results/{tier}/{task}.pt")
    parser.add_argument("--out", type=Path, help="the CSV file to write; default: print it")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--batch-size", type=int, default=512, help="crystals in memory at once; changes no result")
    arguments = parser.parse_args()
    device, _lock = claim_device(arguments.device)
    predictor = Predictor(arguments.model, device=str(device), batch_size=arguments.batch_size)
    if arguments.out is None:
        summary = screen(predictor, arguments.structures, sys.stdout)
    else:
        with atomic(arguments.out) as temporary, temporary.open("w", encoding="utf-8", newline="") as handle:
            summary = screen(predictor, arguments.structures, handle)
    print(summary, file=sys.stderr)


if __name__ == "__main__":
    run(main)
