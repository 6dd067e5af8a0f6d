"""`crystalmatrix features`: what a trained network or a potential knows of crystals, for other people's models.

In: files, a model.  Out: a table, a row a crystal (mean_*, deviation_*) or an atom (feature_*).
"""

import argparse
import sys
from pathlib import Path

from crystalmatrix.cli.command import Command

PARQUET, CSV = ".parquet", ".csv"
CRYSTAL, ATOM = "crystal", "atom"
EXAMPLES = """crystalmatrix features my_structures/ --out mine.parquet
crystalmatrix features my_structures/ --out chgnet.parquet --model chgnet
crystalmatrix features NaCl.cif --per atom --out atoms.csv --model results/std/multitask.pt"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="CIF, POSCAR, extended XYZ, JSON, or folders of them"
    )
    parser.add_argument("--out", type=Path, required=True, help=f"*{PARQUET} or *{CSV} to write")
    parser.add_argument(
        "--per",
        choices=[CRYSTAL, ATOM],
        default=CRYSTAL,
        help="a row a crystal, with mean and deviation over its atoms, or a row an atom (default: crystal)",
    )
    parser.add_argument(
        "--model",
        help="checkpoint, or its name in `crystalmatrix models`, or a pretrained potential, as chgnet "
        "(default: the shipped multi-task model, else the newest)",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: auto, a free GPU")


def run(arguments: argparse.Namespace) -> int:
    from crystalmatrix.cli.library import chosen_path, known_models, trunk_model
    from crystalmatrix.cli.output import check_out
    from crystalmatrix.contracts.descriptors import POTENTIALS
    from crystalmatrix.crystals.files import structure_files

    structure_files(arguments.files)  # before seconds go into loading torch
    check_out(arguments.out, (PARQUET, CSV))
    model = arguments.model
    if model not in POTENTIALS:
        model = str(chosen_path(model, also=POTENTIALS) if model else trunk_model(known_models()).path)

    from crystalmatrix.inference.embedding_table import write_embeddings
    from crystalmatrix.training.device import claim_device

    device, _locks = claim_device(arguments.device)
    said = write_embeddings(arguments.out, arguments.files, model=model, per=arguments.per, device=device)
    print(said, file=sys.stderr)
    return 0


COMMAND = Command("features", "write a trained network's features of crystals or atoms", EXAMPLES, add_arguments, run)
