"""`crystalmatrix models`: what is shipped, released and trained here, and the card of one.

In: models/, results/.  Out: a table; or a model card.
"""

import argparse
from typing import TYPE_CHECKING

from crystalmatrix.cli.command import Command

if TYPE_CHECKING:
    from crystalmatrix.cli.library import ModelFile

EXAMPLES = """crystalmatrix models
crystalmatrix models lite/band_gap"""
HEADER = ("model", "from", "property", "tier", "test error", "size", "sha256")
_DIGEST = {True: "ok", False: "DAMAGED", None: "no card"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this one's card (a name in the list, or a path)")


def run(arguments: argparse.Namespace) -> int:
    from crystalmatrix.cli.library import find_model, known_models
    from crystalmatrix.cli.text import table_text

    models = known_models()
    if arguments.name:
        print(_card(find_model(arguments.name, models)), end="")
        return 0
    if not models:
        print("no models here yet; train some: snakemake --cores all")
        return 0
    print(table_text(HEADER, [_row(model) for model in models], right=(5,)))
    return 0


def _row(model: "ModelFile") -> list[str]:
    from crystalmatrix.cli.text import file_size
    from crystalmatrix.words import counted

    mae = ""
    if len(model.errors) == 1:
        ((value, unit),) = model.errors.values()
        mae = f"{value:.3g} {unit}".removesuffix(" 1")
    elif model.errors:
        mae = f"of {counted(len(model.errors), 'property', 'properties')}: see its card"
    size = file_size(model.path.stat().st_size)
    return [model.name, model.origin, model.task, model.tier or "?", mae, size, _DIGEST[model.digest_fits()]]


def _card(model: "ModelFile") -> str:
    """The card that lies beside it, or one made now. Raises DataError."""
    if model.card is not None:
        readable = model.card.with_suffix(".md")
        return (readable if readable.exists() else model.card).read_text(encoding="utf-8")
    from crystalmatrix.cli.library import METRICS
    from crystalmatrix.contracts.scores import ModelScores
    from crystalmatrix.files import sha256
    from crystalmatrix.report.card import model_card
    from crystalmatrix.trained.checkpoint import load_checkpoint

    metrics = ModelScores.read(model.path.with_name(model.path.stem + METRICS))
    checkpoint, path = load_checkpoint(model.path), model.path
    return model_card(checkpoint, metrics, n_bytes=path.stat().st_size, digest=sha256(path), path=str(path))


COMMAND = Command("models", "list the models that are here, or print the card of one", EXAMPLES, add_arguments, run)
