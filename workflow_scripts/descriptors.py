"""Describe the atoms of one graph shard with a pretrained potential.

In: results/graphs/shard-{K}.parquet.  Out: results/descriptors/{potential}/shard-{K}.parquet.
"""

import argparse
import time
from pathlib import Path

import torch

from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.descriptors.potential import load_potential
from crystalmatrix.descriptors.shards import write_shard
from crystalmatrix.errors import run
from crystalmatrix.machine import gpu_jobs
from crystalmatrix.training.device import claim_device
from crystalmatrix.words import counted


def main() -> None:
    """Parse the command line, write the shard, report its speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--potential", choices=list(POTENTIALS), required=True)
    parser.add_argument("--shard", type=Path, required=True, help="the graph shard to read")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--out", type=Path, required=True, help="the parquet file to write")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device, _locks = claim_device(arguments.device, jobs=gpu_jobs())
    potential = load_potential(arguments.potential, device=str(device))
    start = time.perf_counter()
    n_crystals, n_missing = write_shard(
        arguments.out, arguments.shard, potential, name=arguments.potential, say=lambda line: print(line, flush=True)
    )
    seconds = time.perf_counter() - start
    print(
        f"{arguments.out}: {counted(n_crystals, 'crystal')} in {seconds:.1f} s ({n_crystals / seconds:,.0f}/s), "
        f"{n_missing:,} of them not described"
    )


if __name__ == "__main__":
    run(main)
