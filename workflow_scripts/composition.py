"""Fit the floor of one property, gradient boosting on its composition: results/composition/{property}.*.parquet."""

import argparse
from pathlib import Path

from crystalmatrix import files
from crystalmatrix.contracts import columns
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
    splits, _ = files.read_table(arguments.splits, version=columns.SPLITS_VERSION)
    table, model = predict_composition(records.to_pandas(), splits.to_pandas(), name=arguments.property)
    model["data_digest"] = metadata["digest"]
    files.write_table(arguments.out, table, version=columns.PREDICTIONS_VERSION, metadata={"model": model})
    print(f"{arguments.out}: {model['n_trees']} trees in {model['train_seconds']:.1f} s")


if __name__ == "__main__":
    run(main)
