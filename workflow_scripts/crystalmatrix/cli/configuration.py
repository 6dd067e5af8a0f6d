"""The configuration of one's own data, with a comment for every key.

In: records, columns, splits.  Out: the text of config.yaml, checked against the strict configuration.
"""

import json
from pathlib import Path

import yaml

from crystalmatrix.cli.columns import Column
from crystalmatrix.cli.own_splits import Splits
from crystalmatrix.config import load
from crystalmatrix.data.records import Records
from crystalmatrix.shipped import project_file

CRYSTALS_PER_SHARD = 5000
MOST_SHARDS = 8


def config_text(
    data: Path, columns: list[Column], splits: Splits, records: Records, *, origin: str, unused: list[str]
) -> str:
    """YAML with a comment a key. Raises ConfigError where it would not run."""
    bad, good = records.dropped.num_rows, records.table.num_rows
    drop = max(0.01, -(-bad * 100 // (bad + good)) / 100)
    dropped = f"{bad:,} of {bad + good:,} here are no valid crystal" if bad else "all here are valid crystals"
    shards = min(MOST_SHARDS, 1 + good // CRYSTALS_PER_SHARD)
    said = [f"#   {c.quantity}: column {c.column!r}, given in {c.unit}" for c in columns]
    said += [f"#   not used: {', '.join(unused)}"] if unused else []
    names = [column.quantity for column in columns]
    text = "\n".join(
        [
            f"# Made by `crystalmatrix init` from {origin}; what is not here is as in the project's config.yaml.",
            *said,
            "",
            "data:",
            f"  source: {json.dumps(str(data))} # the crystals with their labels in our units",
            f"  max_drop_rate: {drop} # share of invalid rows above which the run stops; {dropped}",
            f"  splits: {splits.scheme} # {splits.reason}",
            f"  split_fractions: {list(splits.fractions)} # train, val, test; not read with official splits",
            f"  split_seed: {splits.seed} # of the draw; the first that leaves labels of each property in each fold",
            "",
            "graph:",
            f"  shards: {shards} # files of graphs, a job each",
            "",
            "matrix:",
            "  tiers: [lite] # minutes on a CPU; add std and pro (hours, a GPU) once this runs, cgcnn to compare",
            f"  properties: [{', '.join(names)}] # a model each",
            f"  multitask: {str(len(names) > 1).lower()} # and one of all of them, where there are several",
            "",
            "report:",
            "  bootstrap: 1000 # resamples of the intervals on the page",
            "",
        ]
    )
    load(project_file("config.yaml"), yaml.safe_load(text))
    return text
