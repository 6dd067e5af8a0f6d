"""`crystalmatrix predict`: structure files to a table on screen, or a file by its ending.

In: files, folders, models.  Out: text; CSV or Parquet (go on where they stopped) or JSON.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crystalmatrix.cli.command import Command
from crystalmatrix.errors import ConfigError, nearest
from crystalmatrix.properties import PROPERTIES

if TYPE_CHECKING:
    from crystalmatrix.inference.predictor import Predictor

CSV, PARQUET, JSON = ".csv", ".parquet", ".json"
EXAMPLES = """crystalmatrix predict NaCl.cif
crystalmatrix predict my_structures/ --out mine.csv
crystalmatrix predict POSCAR --properties band_gap bulk_modulus
crystalmatrix predict a.cif b.cif --model results/std/band_gap.pt --model results/std/ehull.pt --out two.parquet"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="CIF, POSCAR, extended XYZ, JSON, Parquet, databases of ASE or LMDB, or folders of them",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        help="checkpoint, or its name in `crystalmatrix models`; again for more, which give one table "
        "(default: the shipped ones, else the newest results/*/multitask.pt)",
    )
    parser.add_argument("--out", type=Path, help=f"*{CSV}, *{PARQUET} or *{JSON} to write (default: a table on screen)")
    parser.add_argument(
        "--properties",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"only these (default: all that the models give, of: {', '.join(PROPERTIES)})",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: auto, a free GPU")
    parser.add_argument("--batch-size", type=int, default=512, metavar="N", help="crystals in memory (default: 512)")


def run(arguments: argparse.Namespace) -> int:
    from crystalmatrix.cli.library import chosen_path, default_models, known_models
    from crystalmatrix.cli.output import check_out
    from crystalmatrix.crystals.formats import structure_files
    from crystalmatrix.machine import spare_the_cpu

    for name in arguments.properties:
        if name not in PROPERTIES:
            raise ConfigError(f"--properties: unknown property {name!r}{nearest(name, PROPERTIES)}")
    if arguments.batch_size < 1:
        raise ConfigError(f"--batch-size: found {arguments.batch_size}, expected at least 1")
    structure_files(arguments.files)  # before seconds go into loading torch
    if arguments.out is not None:
        check_out(arguments.out, (CSV, PARQUET, JSON))
    if arguments.model:
        models = [chosen_path(text) for text in arguments.model]
    else:
        models = [model.path for model in default_models(arguments.properties, known_models())]
        print(f"models: {', '.join(map(str, models))}", file=sys.stderr)
    spare_the_cpu()
    predictor = _load(models, arguments)
    if arguments.out is not None and arguments.out.suffix.lower() in (CSV, PARQUET):
        return _in_chunks(predictor, models, arguments)
    return _whole_table(predictor, arguments)


def _load(models: list[Path], arguments: argparse.Namespace) -> "Predictor":
    from crystalmatrix.inference.predictor import Predictor
    from crystalmatrix.training.device import claim_device

    device, arguments.locks = claim_device(arguments.device)  # held until the process ends
    return Predictor(models, properties=arguments.properties, device=str(device), batch_size=arguments.batch_size)


def _in_chunks(predictor: "Predictor", models: list[Path], arguments: argparse.Namespace) -> int:
    from crystalmatrix.inference.parts import as_messages, to_parquet
    from crystalmatrix.inference.screening import as_csv, partial_table, screen

    is_csv = arguments.out.suffix.lower() == CSV
    with partial_table(
        arguments.out if is_csv else arguments.out.with_name(f"{arguments.out.name}.rows"),
        models=models,
        paths=arguments.files,
        batch_size=arguments.batch_size,
        properties=predictor.properties,
    ) as table:
        said = screen(predictor, arguments.files, table, encode=as_csv if is_csv else as_messages)
        if not is_csv:
            to_parquet(table, arguments.out, units=predictor.units)
    if not is_csv:
        table.out.unlink()
    print(said, file=sys.stderr)
    return 0


def _whole_table(predictor: "Predictor", arguments: argparse.Namespace) -> int:
    import pandas as pd

    from crystalmatrix.cli import predictions
    from crystalmatrix.crystals.files import structure_files
    from crystalmatrix.inference.prepare import chunked
    from crystalmatrix.inference.reading import Reading

    items = Reading(structure_files(arguments.files))
    parts = [predictor.predict_items(chunk) for chunk in chunked(items, size=arguments.batch_size)]
    table = pd.concat(parts, ignore_index=True)
    if arguments.out is None:
        print(predictions.as_text(table, predictor.units))
        return 0
    predictions.write_json_table(arguments.out, table, predictor.units)
    print(predictions.summary(table, arguments.out), file=sys.stderr)
    return 0


COMMAND = Command(
    "predict", "predict properties of crystals, with intervals and warnings", EXAMPLES, add_arguments, run
)
