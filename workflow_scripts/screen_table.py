"""The parts of a screening as one CSV table: results/screen/{name}.csv."""

import argparse
from pathlib import Path

from crystalmatrix.crystals.files import passed_over
from crystalmatrix.errors import run
from crystalmatrix.files import numbered
from crystalmatrix.inference.parts import write_csv
from crystalmatrix.inference.screening import summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="results/screen/{name}")
    parser.add_argument("--parts", type=int, required=True, help="how many")
    parser.add_argument(
        "--structures", type=Path, required=True, help="what was screened, to name what was passed over"
    )
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    arguments = parser.parse_args()
    parts = numbered(arguments.folder / "part.parquet", arguments.parts)
    print(summary(write_csv(parts, arguments.out), passed_over([arguments.structures])))


if __name__ == "__main__":
    run(main)
