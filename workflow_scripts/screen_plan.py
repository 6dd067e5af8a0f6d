"""Look through structures of any size, and cut them into parts of about the same work."""

import argparse
from pathlib import Path

from crystalmatrix.contracts.screening import ScreenPlan
from crystalmatrix.crystals.files import structure_files
from crystalmatrix.crystals.survey import cut, files_digest
from crystalmatrix.errors import run
from crystalmatrix.words import counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("structures", type=Path, nargs="+", metavar="FILE", help="structure files or folders of them")
    parser.add_argument("--parts", type=int, required=True, help="how many")
    parser.add_argument("--out", type=Path, required=True, help="results/screen/{name}/_plan.json")
    arguments = parser.parse_args()
    files = structure_files(arguments.structures)
    digest = files_digest(files)  # before they are read: what changes meanwhile is noticed
    parts = cut(files, arguments.parts)
    ScreenPlan(files_digest=digest, n_files=len(files), parts=parts).write(arguments.out)
    n_crystals = sum(part.n_crystals for part in parts)
    print(f"{counted(len(files), 'file')}, about {counted(n_crystals, 'crystal')}, {counted(len(parts), 'part')}")


if __name__ == "__main__":
    run(main)
