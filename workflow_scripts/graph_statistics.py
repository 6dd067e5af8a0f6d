"""What the graphs look like: distributions over all crystals, and one small crystal to draw, for the page.

In: all graph shards.  Out: results/graphs/statistics.json.
"""

import argparse
from pathlib import Path

from crystalmatrix.errors import run
from crystalmatrix.files import numbered
from crystalmatrix.graphs.example import smallest_example
from crystalmatrix.graphs.statistics import shard_statistics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=Path, required=True, help="results/graphs")
    parser.add_argument("--shards", type=int, required=True, help="how many")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    arguments = parser.parse_args()
    shards = numbered(arguments.graphs / "shard.parquet", arguments.shards)
    shard_statistics(shards).document(smallest_example(shards)).write(arguments.out)


if __name__ == "__main__":
    run(main)
