"""Rebuild the bundled facts from the jarvis-leaderboard package, which is read as an archive and never installed.

In: the wheel (`pip download --no-deps jarvis-leaderboard==2024.10.30`).
Out: folds.parquet and mineral_labels.parquet in this folder, byte for byte the same for the same wheel.

    python -m crystalmatrix.data.bundled.regenerate jarvis_leaderboard-2024.10.30-py2.py3-none-any.whl
"""

import argparse
import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crystalmatrix.contracts.columns import TEST, TRAIN, VAL
from crystalmatrix.data.minerals import mineral_structures
from crystalmatrix.data.official import FOLD_BITS, FOLDS_FILE, ID_PREFIX, LABELS_FILE
from crystalmatrix.properties import AUXILIARY_FIELDS, PROPERTIES

FOLDER = "jarvis_leaderboard/benchmarks/AI/SinglePropertyPrediction"
Benchmark = dict[str, dict[str, float]]  # fold: {jid: value}


def read_benchmark(wheel: Path, field: str) -> Benchmark:
    """One property's official split, as published: {"train": {jid: value}, "val": ..., "test": ...}."""
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read(f"{FOLDER}/dft_3d_{field}.json.zip")
    with zipfile.ZipFile(io.BytesIO(packed)) as inner:
        return json.loads(inner.read(f"dft_3d_{field}.json"))


def folds_table(benchmarks: dict[str, Benchmark]) -> pa.Table:
    """Columns: number (the digits of JVASP-<number>, ascending), and per property the sum of its folds' bits.

    An id that stands in two folds of one property (there are nine such facts, of five ids) keeps both bits here.
    """
    bits: dict[str, dict[int, int]] = {}
    for name, benchmark in benchmarks.items():
        bits[name] = {}
        for fold in (TRAIN, VAL, TEST):
            for jid in benchmark[fold]:
                number = int(jid.removeprefix(ID_PREFIX))
                bits[name][number] = bits[name].get(number, 0) | FOLD_BITS[fold]
    numbers = sorted(set().union(*bits.values()))
    columns = {name: pa.array([of.get(number, 0) for number in numbers], pa.uint8()) for name, of in bits.items()}
    return pa.table({"number": pa.array(numbers, pa.int32()), **columns})


def labels_table(benchmarks: dict[str, Benchmark], jids: list[str]) -> pa.Table:
    """Columns: jid (ascending) and the value of every property and auxiliary field, null where there is none."""
    columns = {}
    for name, benchmark in benchmarks.items():
        values = {jid: value for fold in (TRAIN, VAL, TEST) for jid, value in benchmark[fold].items()}
        columns[name] = pa.array([values.get(jid) for jid in jids], pa.float64())
    return pa.table({"jid": pa.array(jids, pa.string()), **columns})


def _write(table: pa.Table, path: Path) -> None:
    encoding = {"number": "DELTA_BINARY_PACKED"} if "number" in table.column_names else {}
    dictionary = [name for name in table.column_names if name not in encoding]
    pq.write_table(
        table, path, compression="zstd", compression_level=19, use_dictionary=dictionary, column_encoding=encoding
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the jarvis-leaderboard wheel, as downloaded by pip")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to (default: here)")
    arguments = parser.parse_args()
    nine = {name: read_benchmark(arguments.wheel, row.field) for name, row in PROPERTIES.items()}
    auxiliary = {field: read_benchmark(arguments.wheel, field) for field in AUXILIARY_FIELDS}
    jids = sorted(entry["jid"] for entry in mineral_structures())
    _write(folds_table(nine), arguments.out / FOLDS_FILE)
    _write(labels_table(nine | auxiliary, jids), arguments.out / LABELS_FILE)
    print(
        *(f"{path.name}: {path.stat().st_size:,} bytes" for path in sorted(arguments.out.glob("*.parquet"))), sep="\n"
    )


if __name__ == "__main__":
    main()
