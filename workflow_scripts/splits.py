"""Put every labelled crystal into a fold, list extreme training labels, and find test crystals with a known twin.

In: records.parquet.  Out: splits.parquet, coverage.json, outliers.csv, leakage.parquet.
"""

import argparse
import csv
import io
from pathlib import Path

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts.columns import RECORDS, RECORDS_VERSION, SPLITS_VERSION
from crystalmatrix.contracts.tables import RecordsMetadata, SplitsMetadata
from crystalmatrix.data.leakage import leakage_table
from crystalmatrix.data.outliers import COLUMNS, find_outliers
from crystalmatrix.data.splits import assign_folds, coverage, splits_table
from crystalmatrix.errors import run
from crystalmatrix.files import read_table, write_table, write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", required=True, help="JSON of the `data` section of config.yaml")
    parser.add_argument("--records", type=Path, required=True, help="records.parquet of records.py")
    parser.add_argument("--out", type=Path, required=True, help="splits.parquet to write")
    parser.add_argument("--outliers", type=Path, required=True, help="outliers.csv to write")
    parser.add_argument("--leakage", type=Path, required=True, help="leakage.parquet to write")
    parser.add_argument("--coverage", type=Path, required=True, help="coverage.json to write")
    arguments = parser.parse_args()

    config = DataConfig.from_json(arguments.settings)
    records, metadata = read_table(arguments.records, version=RECORDS_VERSION, holds=RECORDS.names)
    splits = splits_table(records, assign_folds(records, config))
    origin = RecordsMetadata.parse(metadata, where=str(arguments.records))
    about = SplitsMetadata(
        scheme=config.splits,
        seed=None if config.splits == "official" else config.split_seed,
        source=origin.source,
        records_digest=origin.digest,
    ).to_dict()
    coverage(records, splits, scheme=config.splits).write(arguments.coverage)
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([COLUMNS, *find_outliers(records, splits)])
    write_text(arguments.outliers, lines.getvalue())
    write_table(arguments.leakage, leakage_table(records, splits), version=SPLITS_VERSION, metadata=about)
    write_table(arguments.out, splits, version=SPLITS_VERSION, metadata=about)


if __name__ == "__main__":
    run(main)
