"""`crystalmatrix features`: what a trained network or a potential knows of crystals, for other people's models.

In: files, a model.  Out: a table, a row a crystal (mean_*, deviation_*) or an atom (feature_*).
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crystalmatrix.cli.command import Command

if TYPE_CHECKING:
    from crystalmatrix.inference.embedding import Embedding

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
    from crystalmatrix.words import counted

    found = structure_files(arguments.files)
    check_out(arguments.out, (PARQUET, CSV))
    model = arguments.model
    if model not in POTENTIALS:
        model = chosen_path(model, also=POTENTIALS) if model else trunk_model(known_models()).path

    from crystalmatrix.crystals.crystal import Failure
    from crystalmatrix.inference.embedding import Describer, Embedder
    from crystalmatrix.inference.reading import Reading
    from crystalmatrix.training.device import claim_device

    device, _lock = claim_device(arguments.device)
    embedder = Describer(model, device=device) if model in POTENTIALS else Embedder(model, device=device)
    embeddings = []
    failed = 0
    for item in embedder.stream(Reading(found)):
        if isinstance(item, Failure):
            failed += 1
            print(f"{item.id}: {item.error}", file=sys.stderr)
            continue
        embeddings.append(item)
    _write(arguments.out, embeddings, per=arguments.per, channels=embedder.channels)
    said = f"{counted(len(embeddings), 'crystal')}, {failed:,} without"
    print(f"{arguments.out}: {embedder.channels} features of {model}, {said}", file=sys.stderr)
    return 0


def _write(out: Path, embeddings: Iterable["Embedding"], *, per: str, channels: int) -> None:
    """Atomically."""
    import numpy as np
    import pandas as pd

    from crystalmatrix.files import atomic

    embeddings = list(embeddings)
    if per == CRYSTAL:
        about: dict[str, Any] = _about(embeddings, [1] * len(embeddings))
        names = [f"{of}_{k:03d}" for of in ("mean", "deviation") for k in range(channels)]
        values = [embedding.of_crystal for embedding in embeddings]
    else:
        about = _about(embeddings, [len(e.crystal.species) for e in embeddings]) | _atoms(embeddings)
        names = [f"feature_{k:03d}" for k in range(channels)]
        values = [embedding.atoms for embedding in embeddings]
    numbers = np.vstack(values) if values else np.empty((0, len(names)), np.float32)
    table = pd.concat([pd.DataFrame(about), pd.DataFrame(numbers, columns=names)], axis=1)
    with atomic(out) as temporary:
        if out.suffix.lower() == CSV:
            table.to_csv(temporary, index=False, float_format="%.7g")
        else:
            table.to_parquet(temporary, index=False)


def _about(embeddings: list["Embedding"], counts: list[int]) -> dict[str, Any]:
    from crystalmatrix.crystals.formula import chemical_formula

    rows = [e.crystal for e, count in zip(embeddings, counts, strict=True) for _ in range(count)]
    formula = {id(e.crystal): chemical_formula(e.crystal.species) for e in embeddings}
    return {"id": [row.id for row in rows], "formula": [formula[id(row)] for row in rows]}


def _atoms(embeddings: list["Embedding"]) -> dict[str, Any]:
    """Place in the crystal, from 0, and element."""
    from crystalmatrix.elements import SYMBOLS

    return {
        "atom": [k for e in embeddings for k in range(len(e.crystal.species))],
        "element": [SYMBOLS[z] for e in embeddings for z in e.crystal.species.tolist()],
    }


COMMAND = Command("features", "write a trained network's features of crystals or atoms", EXAMPLES, add_arguments, run)
