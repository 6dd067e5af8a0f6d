"""The most neighbours that any atom has: how many slots the files of a view need that takes all neighbours.

In: all graph shards.  Out: results/graphs/most_neighbours.json.
"""

import argparse
from pathlib import Path

from crystalmatrix.contracts.features import MostNeighbours
from crystalmatrix.errors import run
from crystalmatrix.files import numbered
from crystalmatrix.graphs.shards import most_neighbours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=Path, required=True, help="results/graphs")
    parser.add_argument("--shards", type=int, required=True, help="how many")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    arguments = parser.parse_args()
    shards = numbered(arguments.graphs / "shard.parquet", arguments.shards)
    MostNeighbours(of_an_atom=most_neighbours(shards)).write(arguments.out)


if __name__ == "__main__":
    run(main)
