"""Predict one part of the structures: results/screen/{name}/part-{part}.parquet.

Rows are kept as they are made: after Ctrl-C, a full disk or a power cut the same command goes on.
"""

import argparse
import signal
import sys
from pathlib import Path

from crystalmatrix.contracts.screening import ScreenPlan
from crystalmatrix.errors import run
from crystalmatrix.inference import Predictor
from crystalmatrix.inference.parts import screen_part
from crystalmatrix.inference.screening import summary
from crystalmatrix.machine import gpu_jobs
from crystalmatrix.training.device import claim_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structures", type=Path, nargs="+", metavar="FILE", help="structure files or folders of them")
    parser.add_argument("--plan", type=Path, required=True, help="from screen_plan.py, of the same structures")
    parser.add_argument("--part", type=int, required=True, help="from 0")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint, results/{tier}/{task}.pt")
    parser.add_argument("--out", type=Path, required=True, help="the Parquet table to write")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--batch-size", type=int, default=512, help="crystals in memory at once")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # as Ctrl-C: what is done is kept
    plan = ScreenPlan.read(arguments.plan)
    device, _locks = claim_device(arguments.device, jobs=gpu_jobs())
    predictor = Predictor(arguments.model, device=str(device), batch_size=arguments.batch_size)
    done = screen_part(predictor, arguments.structures, plan, arguments.part, arguments.out, model=arguments.model)
    print(summary(done, []), file=sys.stderr)


if __name__ == "__main__":
    try:
        run(main)
    except KeyboardInterrupt:
        sys.exit(130)
