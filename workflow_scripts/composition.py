"""The composition baseline of one property, gradient boosting: results/composition/{property}.predictions.parquet."""

import argparse
from pathlib import Path

from crystalmatrix import files
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.summary import DataSource, PredictionsMetadata
from crystalmatrix.contracts.tables import RecordsMetadata, SplitsMetadata
from crystalmatrix.errors import run
from crystalmatrix.evaluation.composition import predict_composition
from crystalmatrix.properties import PROPERTIES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--property", choices=list(PROPERTIES), required=True)
    parser.add_argument("--records", type=Path, required=True, help="results/data/records.parquet")
    parser.add_argument("--splits", type=Path, required=True, help="results/data/splits.parquet")
    parser.add_argument("--out", type=Path, required=True, help="the parquet file to write")
    arguments = parser.parse_args()
    records, metadata = files.read_table(
        arguments.records,
        version=columns.RECORDS_VERSION,
        columns=[columns.JID, columns.SPECIES, arguments.property],
    )
    splits, drawn = files.read_table(arguments.splits, version=columns.SPLITS_VERSION, holds=columns.SPLITS.names)
    origin = RecordsMetadata.parse(metadata, where=str(arguments.records))
    fitted = predict_composition(
        records.to_pandas(),
        splits.to_pandas(),
        name=arguments.property,
        source=DataSource.of(origin, SplitsMetadata.parse(drawn, where=str(arguments.splits))),
        data_digest=origin.digest,
    )
    metadata = PredictionsMetadata(model=fitted.summary).to_dict()
    files.write_table(arguments.out, fitted.table, version=columns.PREDICTIONS_VERSION, metadata=metadata)
    print(f"{arguments.out}: {fitted.n_trees} trees in {fitted.summary.train_seconds:.1f} s")


if __name__ == "__main__":
    run(main)
