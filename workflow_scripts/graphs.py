"""Build one graph shard: neighbour edges and angle cosines of a consecutive part of the records.

In: results/data/records.parquet.  Out: results/graphs/shard-{K}.parquet.
"""

import argparse
import time
from pathlib import Path

from crystalmatrix.config import CPU, TORCH_CLUSTER, GraphConfig
from crystalmatrix.errors import run
from crystalmatrix.graphs.shards import write_shard
from crystalmatrix.words import counted


def main() -> None:
    """Parse the command line, write the shard, report its speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--settings", type=GraphConfig.from_json, default=GraphConfig(), help="JSON of the graph section"
    )
    parser.add_argument("--records", type=Path, required=True, help="results/data/records.parquet")
    parser.add_argument("--shard", type=int, required=True, help="number of the shard, from 0")
    parser.add_argument(
        "--search", choices=[CPU, TORCH_CLUSTER], default=CPU, help="what finds the neighbours; the file is the same"
    )
    parser.add_argument("--out", type=Path, required=True, help="the parquet file to write")
    arguments = parser.parse_args()
    start = time.perf_counter()
    n_crystals = write_shard(
        arguments.out, arguments.records, settings=arguments.settings, shard=arguments.shard, search=arguments.search
    )
    seconds = time.perf_counter() - start
    print(f"{arguments.out}: {counted(n_crystals, 'crystal')} in {seconds:.1f} s ({n_crystals / seconds:,.0f}/s)")


if __name__ == "__main__":
    run(main)
