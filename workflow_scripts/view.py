"""List the files of a view, with what tells one content from another: results/features/{view}/shards.json."""

import argparse
from pathlib import Path

from crystalmatrix.contracts.features import ListedShard, ViewShards
from crystalmatrix.errors import run
from crystalmatrix.files import numbered
from crystalmatrix.seal import sealed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="results/features/{view}")
    parser.add_argument("--shards", type=int, required=True, help="how many")
    parser.add_argument("--out", type=Path, required=True, help="the list, in the same folder")
    arguments = parser.parse_args()
    shards = numbered(arguments.folder / "shard.arrow", arguments.shards)
    listed = tuple(ListedShard(name=path.name, seal=sealed(path)) for path in shards)
    ViewShards(shards=listed).write(arguments.out)


if __name__ == "__main__":
    run(main)
