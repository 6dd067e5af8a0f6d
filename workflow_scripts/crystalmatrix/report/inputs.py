"""Everything the page is made from, read once and checked to belong together.

In: the paths of metrics, predictions and the data stage's tables.  Out: Inputs.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crystalmatrix.config import Config, ReportConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.coverage import Coverage
from crystalmatrix.contracts.quality import Quality
from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.contracts.statistics import Statistics
from crystalmatrix.contracts.tables import RecordsMetadata, SplitsMetadata
from crystalmatrix.data.outliers import read_outliers
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation.comparison import COMPOSITION, Board, build_boards, column_key
from crystalmatrix.evaluation.predictions import ModelPredictions, read_predictions
from crystalmatrix.evaluation.summary import Metrics
from crystalmatrix.files import read_table

_RECORD_COLUMNS = [c.JID, c.N_ATOMS, c.SPECIES, c.SPACE_GROUP, "band_gap"]


@dataclass(frozen=True)
class Inputs:
    """The material of one comparison."""

    settings: ReportConfig
    config: Config | None  # of the run, as far as the page was told
    models: list[ModelPredictions]
    metrics: Metrics
    boards: dict[str, Board]  # by property
    records: pd.DataFrame  # indexed by id: n_atoms, species, space_group, band_gap
    source: RecordsMetadata
    splits: SplitsMetadata
    quality: Quality
    coverage: Coverage
    leakage: pd.DataFrame
    dropped: pd.DataFrame
    outliers: pd.DataFrame
    graphs: Statistics | None = None

    @property
    def columns(self) -> list[str]:
        """Keys of our models over all properties, in the order of the matrix."""
        return list(dict.fromkeys(key for model in self.models for key in [column_key(model)]))

    def n_official(self, name: str) -> int | None:
        """Size of the official test split of a property; None for splits that are not the official ones."""
        official = self.coverage.official(name)
        return official.test if official else None


def read_inputs(
    *,
    metrics: list[Path],
    predictions: list[Path],
    records: Path,
    splits: Path,
    quality: Path,
    coverage: Path,
    leakage: Path,
    dropped: Path,
    outliers: Path,
    graphs: Path | None,
    config: Config | None,
    settings: ReportConfig,
) -> Inputs:
    """Read and check. Raises DataError for damaged files, or metrics and predictions that do not belong together."""
    models = _in_matrix_order([read_predictions(path) for path in predictions], config)
    scores = {(content.tier, content.task): content for content in map(ModelScores.read, metrics)}
    table, metadata = read_table(records, version=c.RECORDS_VERSION, columns=_RECORD_COLUMNS)
    source = RecordsMetadata.parse(metadata, where=str(records))
    boards = build_boards(models, settings, fields=source.fields)
    _check_metrics(models, scores)
    about = SplitsMetadata.of_table(splits)
    return Inputs(
        settings=settings,
        config=config,
        models=models,
        metrics=scores,
        boards=boards,
        records=table.to_pandas().set_index(c.JID),
        source=source,
        splits=about,
        quality=Quality.read(quality),
        coverage=Coverage.read(coverage),
        leakage=read_table(leakage, version=c.SPLITS_VERSION, holds=[c.JID, c.PROPERTY, c.TWIN_JID])[0].to_pandas(),
        dropped=read_table(dropped, version=c.RECORDS_VERSION, holds=c.DROPPED.names)[0].to_pandas(),
        outliers=read_outliers(outliers, about),
        graphs=Statistics.read(graphs) if graphs else None,
    )


def _in_matrix_order(models: list[ModelPredictions], config: Config | None) -> list[ModelPredictions]:
    """By tier as configured, single-task before multi-task; the composition baseline at the end."""
    tiers = [*(config.matrix.tiers if config else ()), *sorted({model.tier for model in models})]
    return sorted(models, key=lambda m: (m.tier == COMPOSITION, tiers.index(m.tier), m.is_multitask, m.task))


def _check_metrics(models: list[ModelPredictions], metrics: Metrics) -> None:
    for model in models:
        name = f"{model.tier}/{model.task}"
        if (model.tier, model.task) not in metrics:
            raise DataError(f"{name}: found predictions but no metrics.json, expected both; run evaluate.py on it")
        for key, scores in metrics[model.tier, model.task].properties.items():
            mae = float(model.folds[key, c.TEST].error.mean()) if (key, c.TEST) in model.folds else np.nan
            if not np.isclose(mae, scores.mae, rtol=1e-9, atol=1e-12):
                raise DataError(
                    f"{name}: its metrics.json says MAE {scores.mae:.6g} for {key}, its predictions give {mae:.6g}; "
                    f"delete the metrics and run again"
                )
