"""The card of each model: its data, folds, metrics and limits, as Markdown.

In: results/{tier}/{task}.pt with its .metrics.json beside it.
Out: results/{tier}/{task}.md; with --release DIR instead DIR/{tier}/{task}.pt, a copy, and .md.
"""

import argparse
import shutil
from pathlib import Path

from crystalmatrix import files
from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.errors import run
from crystalmatrix.report.card import model_card
from crystalmatrix.trained.checkpoint import load_checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="checkpoints, results/{tier}/{task}.pt")
    parser.add_argument("--release", type=Path, help="folder that gets a copy of each model, with its card")
    arguments = parser.parse_args()
    for model in arguments.models:
        out = arguments.release / model.parent.name / model.name if arguments.release else model
        card = model_card(
            load_checkpoint(model),
            ModelScores.read(model.with_suffix(".metrics.json")),
            n_bytes=model.stat().st_size,
            digest=files.sha256(model),
            path=str(out),
        )
        if arguments.release:
            with files.atomic(out) as temporary:
                shutil.copyfile(model, temporary)
        files.write_text(out.with_suffix(".md"), card)


if __name__ == "__main__":
    run(main)
