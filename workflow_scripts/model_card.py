"""Release one model: the checkpoint, and beside it a model card with data, folds, metrics and limits."""

import argparse
import shutil
from pathlib import Path

from crystalmatrix import files
from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.errors import run
from crystalmatrix.report.card import model_card
from crystalmatrix.trained.checkpoint import load_checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint, results/{tier}/{task}.pt")
    parser.add_argument("--metrics", type=Path, required=True, help="results/{tier}/{task}.metrics.json")
    parser.add_argument("--out", type=Path, required=True, help="the released checkpoint; the card is written as .md")
    arguments = parser.parse_args()
    card = model_card(
        load_checkpoint(arguments.model),
        ModelScores.read(arguments.metrics),
        n_bytes=arguments.model.stat().st_size,
        digest=files.sha256(arguments.model),
        path=str(arguments.out),
    )
    with files.atomic(arguments.out) as temporary:
        shutil.copyfile(arguments.model, temporary)
    files.write_text(arguments.out.with_suffix(".md"), card)


if __name__ == "__main__":
    run(main)
