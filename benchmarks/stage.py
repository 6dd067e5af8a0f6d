"""Features for a model of a benchmark, beside the graphs that they are made from, where the workflow has none of them.

In: results/graphs/shard-*.parquet (and results/descriptors/{potential}/), a model's settings.
Out: the paths of results/features/{view}/shard-*.arrow; as a command, for a tier of config.yaml, a line each.
"""

import argparse
from pathlib import Path

from crystalmatrix import config, files
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import GraphsMetadata
from crystalmatrix.contracts.view import View
from crystalmatrix.features.store import write_features
from crystalmatrix.graphs.shards import most_neighbours
from crystalmatrix.tiers import Seeing


def features_for(shards: list[Path], model: Seeing) -> list[Path]:
    """Writes what is missing; with the graph settings of the shards. Raises DataError."""
    view = View.of(GraphsMetadata.of_table(shards[0]).graph, model)
    paths = [shard.parents[1] / "features" / view.name / f"{shard.stem}.arrow" for shard in shards]
    for path, shard in zip(paths, shards, strict=True):
        if files.unreadable(path, version=columns.FEATURES_VERSION) or not path.exists():
            described = [shard.parents[1] / "descriptors" / name / shard.name for name in view.descriptors]
            n_slots = view.neighbours or most_neighbours(shards)
            write_features(path, shard, view=view, n_slots=n_slots, descriptors=described)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tier", required=True)
    parser.add_argument("--shards", type=Path, nargs="+", required=True)
    arguments = parser.parse_args()
    model = config.load(Path(__file__).parents[1] / "config.yaml").tiers[arguments.tier].model
    print("\n".join(map(str, features_for(arguments.shards, model))))


if __name__ == "__main__":
    main()
