"""Score one model on the test fold.

In: results/{tier}/{task}.predictions.parquet, splits, leakage report.  Out: results/{tier}/{task}.metrics.json.
"""

import argparse
from pathlib import Path

from crystalmatrix.config import ReportConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.errors import run
from crystalmatrix.evaluation.predictions import read_predictions
from crystalmatrix.evaluation.score import check_targets, model_scores
from crystalmatrix.files import read_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=Path, required=True, help="predictions of one model, parquet")
    parser.add_argument("--records", type=Path, required=True, help="records.parquet: the targets must agree with it")
    parser.add_argument("--splits", type=Path, required=True, help="splits.parquet")
    parser.add_argument("--leakage", type=Path, required=True, help="leakage.parquet: test crystals with a twin")
    parser.add_argument("--settings", default="{}", help="section `report` of the configuration, as JSON")
    parser.add_argument("--out", type=Path, required=True, help="metrics.json to write")
    arguments = parser.parse_args()

    predictions = read_predictions(arguments.predictions)
    records, metadata = read_table(
        arguments.records, version=c.RECORDS_VERSION, columns=[c.JID, *predictions.properties]
    )
    check_targets(predictions, records.to_pandas())
    splits, _ = read_table(arguments.splits, version=c.SPLITS_VERSION, holds=c.SPLITS.names)
    leakage, _ = read_table(arguments.leakage, version=c.SPLITS_VERSION, holds=[c.JID, c.PROPERTY, c.TWIN_JID])
    scores = model_scores(
        predictions,
        splits=splits.to_pandas(),
        leakage=leakage.to_pandas(),
        settings=ReportConfig.from_json(arguments.settings),
        fields=RecordsMetadata.parse(metadata, where=str(arguments.records)).fields,
    )
    scores.write(arguments.out)


if __name__ == "__main__":
    run(main)
