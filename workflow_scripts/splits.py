"""Put every labelled crystal into a fold, list extreme training labels, and find test crystals with a known twin.

In: records.parquet.  Out: splits.parquet, coverage.json, outliers.csv, leakage.parquet; extra_removed.csv, the crystals
of extra sources that stand too near to a held-out one to train.
"""

import argparse
import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from crystalmatrix.config import DataConfig
from crystalmatrix.contracts.columns import RECORDS, RECORDS_VERSION, SPLITS_VERSION
from crystalmatrix.contracts.tables import RecordsMetadata, SplitsMetadata
from crystalmatrix.data.extra import extra_of, own
from crystalmatrix.data.leakage import leakage_table
from crystalmatrix.data.outliers import COLUMNS, find_outliers
from crystalmatrix.data.splits import assign_folds, coverage, splits_table
from crystalmatrix.errors import run
from crystalmatrix.files import read_table, sha256, write_table, write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", required=True, help="JSON of the `data` section of config.yaml")
    parser.add_argument("--records", type=Path, required=True, help="records.parquet of records.py")
    parser.add_argument("--out", type=Path, required=True, help="splits.parquet to write")
    parser.add_argument("--outliers", type=Path, required=True, help="outliers.csv to write")
    parser.add_argument("--leakage", type=Path, required=True, help="leakage.parquet to write")
    parser.add_argument("--coverage", type=Path, required=True, help="coverage.json to write")
    parser.add_argument("--removed", type=Path, required=True, help="extra_removed.csv to write")
    arguments = parser.parse_args()

    config = DataConfig.from_json(arguments.settings)
    records, metadata = read_table(arguments.records, version=RECORDS_VERSION, holds=RECORDS.names)
    origin = RecordsMetadata.parse(metadata, where=str(arguments.records))
    held = own(records, [source.name for source in config.extra])
    folds = assign_folds(held, config)
    extra = extra_of(records, folds, config.extra)
    splits = splits_table(held, folds, extra)
    coverage(held, splits, scheme=config.splits, extra=extra).write(arguments.coverage)
    _write_csv(arguments.outliers, [COLUMNS, *find_outliers(records, splits)])
    _write_csv(arguments.removed, [("id", "held_out", "why"), *extra.removed])
    about = SplitsMetadata(
        scheme=config.splits,
        seed=None if config.splits == "official" else config.split_seed,
        source=origin.source,
        records_digest=origin.digest,
        lists={path.name: sha256(path) for path in (arguments.outliers, arguments.removed)},
    ).to_dict()
    for why, n in Counter(entry.why for entry in extra.removed).items():
        print(f"{n:,} extra crystals do not train: {why} as a held-out one ({arguments.removed})", flush=True)
    write_table(arguments.leakage, leakage_table(records, splits), version=SPLITS_VERSION, metadata=about)
    write_table(arguments.out, splits, version=SPLITS_VERSION, metadata=about)


def _write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    write_text(path, lines.getvalue())


if __name__ == "__main__":
    run(main)
