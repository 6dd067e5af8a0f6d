"""Features of your own crystals for other models: results/embeddings/{name}.parquet, a row a crystal or an atom."""

import argparse
import sys
from pathlib import Path

from crystalmatrix.errors import run
from crystalmatrix.inference.embedding_table import ATOM, CRYSTAL, write_embeddings
from crystalmatrix.machine import gpu_jobs
from crystalmatrix.training.device import claim_device, flush_denormals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("structures", type=Path, nargs="+", metavar="FILE", help="structure files or folders of them")
    parser.add_argument("--model", required=True, help="checkpoint, or a pretrained potential, as chgnet")
    parser.add_argument("--per", choices=[CRYSTAL, ATOM], default=CRYSTAL)
    parser.add_argument("--out", type=Path, required=True, help="the Parquet table to write")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    arguments = parser.parse_args()
    device, _locks = claim_device(arguments.device, jobs=gpu_jobs())
    said = write_embeddings(
        arguments.out, arguments.structures, model=arguments.model, per=arguments.per, device=device
    )
    print(said, file=sys.stderr)


if __name__ == "__main__":
    flush_denormals()
    run(main)
