"""Features for a model of a benchmark, beside the graphs that they are made from, where the workflow has none of them.

In: results/graphs/shard-*.parquet, a model's settings.  Out: the paths of results/features/{view}/shard-*.arrow.
"""

from pathlib import Path

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.view import View
from crystalmatrix.features.store import write_features
from crystalmatrix.tiers import ModelSection


def features_for(shards: list[Path], model: ModelSection) -> list[Path]:
    """Writes what is missing; with the graph settings of the shards. Raises DataError."""
    metadata = files.read_metadata(shards[0], version=columns.GRAPHS_VERSION)
    view = View.of(GraphConfig.parse(metadata["graph"]), model)
    paths = [shard.parents[1] / "features" / view.name / f"{shard.stem}.arrow" for shard in shards]
    for path, shard in zip(paths, shards, strict=True):
        if files.unreadable(path, version=columns.FEATURES_VERSION) or not path.exists():
            write_features(path, shard, view=view, all_shards=shards)
    return paths
