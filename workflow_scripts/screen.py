"""Predict your own crystals, from files of any kind that docs/predict.md lists or folders of them, to one CSV file.

Rows are kept as they are made, in <out>.part: after Ctrl-C, a full disk or a power cut the same command goes on.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from crystalmatrix.errors import run
from crystalmatrix.inference import Predictor
from crystalmatrix.inference.output import Stream, check_writable
from crystalmatrix.inference.screening import partial_table, screen
from crystalmatrix.machine import gpu_jobs
from crystalmatrix.training.device import claim_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structures", type=Path, nargs="+", metavar="FILE", help="structure files or folders of them")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint, results/{tier}/{task}.pt")
    parser.add_argument("--out", type=Path, help="the CSV file to write; default: print it")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--batch-size", type=int, default=512, help="crystals in memory at once")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # as Ctrl-C: what is done is kept
    if arguments.out is not None:
        check_writable(arguments.out)
    device, _lock = claim_device(arguments.device, jobs=gpu_jobs())
    predictor = Predictor(arguments.model, device=str(device), batch_size=arguments.batch_size)
    if arguments.out is None:
        with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as handle:
            summary = screen(predictor, arguments.structures, Stream(handle))
    else:
        with partial_table(
            arguments.out, models=[arguments.model], paths=arguments.structures, batch_size=arguments.batch_size
        ) as table:
            summary = screen(predictor, arguments.structures, table)
    print(summary, file=sys.stderr)


if __name__ == "__main__":
    try:
        run(main)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has had enough
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # nothing is flushed into the closed pipe at exit
        sys.exit(141)
