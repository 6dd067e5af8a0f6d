"""The models that come with the project: a tier of a run, smaller, measured again as they are shipped.

    python benchmarks/ship.py --results part/results --tier box --out models

Of each model the members that no property gives a tenth are left out and the trained parameters are kept as float16;
intervals are calibrated again, and validation and test crystals are predicted with that, so that the cards
(models/<task>.md and .json) tell the errors of the very file that they lie beside. golden.json holds what they say of
some bundled minerals.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from crystalmatrix import errors
from crystalmatrix.config import ReportConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.card import CardScore, ModelCard
from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.contracts.summary import PredictionsMetadata
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.evaluation.predictions import read_predictions
from crystalmatrix.evaluation.score import model_scores
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.files import read_metadata, read_table, sha256, write_json, write_table, write_text
from crystalmatrix.inference import Predictor
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.report.card import model_card
from crystalmatrix.trained.calibrate import calibrate
from crystalmatrix.trained.calibration import Calibration
from crystalmatrix.trained.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from crystalmatrix.trained.held_out import HeldOut, load_held_out
from crystalmatrix.trained.table import predictions_table

LEAST = 0.1  # weight of a member that is worth its size
CPU = torch.device("cpu")
MOST_MB = 25  # of all models together
GOLDEN = ("JVASP-8082", "JVASP-20800", "JVASP-7871")  # SrTiO3, CaF2, NiO


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="results/ of the run")
    parser.add_argument("--tier", required=True)
    parser.add_argument("--name", help="tier that the cards give (default: --tier)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--confidence", type=float, default=0.95)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in sorted((arguments.results / arguments.tier).glob("*.pt")):
        out = arguments.out / path.name
        found = _pruned(load_checkpoint(path)).without_idle().with_half_parameters()
        named = found.summary.model_copy(update={"tier": arguments.name or arguments.tier})
        save_checkpoint(out, replace(found, summary=named))
        found = load_checkpoint(out)
        held = _held_out(found, arguments.results)
        save_checkpoint(out, replace(found, calibration=_calibration(found, held)))
        scores = _scores(load_checkpoint(out), held, arguments)
        _write_cards(out, scores)
        scores.write(_kept(arguments) / f"{path.stem}.metrics.json")
        said = ", ".join(f"{name} {score.mae:.4g}" for name, score in scores.properties.items())
        print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, test error {said}", flush=True)
    _write_golden(arguments.out)
    total = sum(path.stat().st_size for path in arguments.out.glob("*.pt")) / 1e6
    print(f"{total:.1f} MB in all, of at most {MOST_MB}")


def _kept(arguments: argparse.Namespace) -> Path:
    """Where metrics and predictions go, for docs/results.py and compare.py."""
    return Path(arguments.results / "shipped" / (arguments.name or arguments.tier))


def _pruned(checkpoint: Checkpoint) -> Checkpoint:
    """Without members that no property gives LEAST."""
    if checkpoint.weights is None:
        return checkpoint
    weights = np.where((checkpoint.weights < LEAST).all(axis=1)[:, None], 0.0, checkpoint.weights)
    return replace(checkpoint, weights=weights / weights.sum(axis=0))


def _held_out(checkpoint: Checkpoint, results: Path) -> HeldOut:
    view = View.of(checkpoint.graph, checkpoint.settings.model).name
    features = sorted((results / "features" / view).glob("shard-*.arrow"))
    return load_held_out(results / "data/records.parquet", results / "data/splits.parquet", features, checkpoint)


def _calibration(checkpoint: Checkpoint, held: HeldOut) -> dict[str, Calibration]:
    """Of the intervals, from the validation fold."""
    formulas = reduced_formulas(held.features.species, held.features.atom_pointer)
    dataset = Dataset(held.features, CPU)
    return calibrate(checkpoint, dataset, values=held.values, fold=held.fold, formulas=formulas, zero=held.zero)


def _scores(checkpoint: Checkpoint, held: HeldOut, arguments: argparse.Namespace) -> ModelScores:
    """As the workflow scores a model of its own."""
    data = arguments.results / "data"
    table = predictions_table(checkpoint, held, device=CPU)
    predictions = _kept(arguments) / f"{checkpoint.task}.predictions.parquet"
    about = PredictionsMetadata(model=checkpoint.summary).to_dict()
    write_table(predictions, table, version=c.PREDICTIONS_VERSION, metadata=about)
    splits, _ = read_table(data / "splits.parquet", version=c.SPLITS_VERSION)
    leakage, _ = read_table(data / "leakage.parquet", version=c.SPLITS_VERSION)
    origin = RecordsMetadata.parse(
        read_metadata(data / "records.parquet", version=c.RECORDS_VERSION), where="records.parquet"
    )
    return model_scores(
        read_predictions(predictions),
        splits=splits.to_pandas(),
        leakage=leakage.to_pandas(),
        settings=ReportConfig(confidence=arguments.confidence),
        fields=origin.fields,
    )


def _write_golden(folder: Path) -> None:
    """What all of them together say of some bundled minerals: tests compare it on other machines."""
    predictor = Predictor([folder / f"{name}.pt" for name in PROPERTIES], device="cpu")
    entries = [entry for entry in mineral_entries() if entry["jid"] in GOLDEN]
    table = predictor.predict([{"jid": entry["jid"], "atoms": entry["atoms"]} for entry in entries])
    values = table.set_index("id")[predictor.properties].to_dict("index")
    write_json(folder / "golden.json", {"values": values})


def _write_cards(path: Path, scores: ModelScores) -> None:
    checkpoint, digest = load_checkpoint(path), sha256(path)
    card = model_card(checkpoint, scores, n_bytes=path.stat().st_size, digest=digest, path=f"models/{path.name}")
    write_text(path.with_suffix(".md"), card)
    units = {target.name: target.unit for target in checkpoint.targets}
    properties = {name: CardScore(mae=score.mae, unit=units[name]) for name, score in scores.properties.items()}
    ModelCard(tier=checkpoint.tier, sha256=digest, properties=properties).write(path.with_suffix(".json"))


if __name__ == "__main__":
    errors.run(main)
