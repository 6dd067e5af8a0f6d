"""Write what networks see of one graph shard, for all tiers that look at it in the same way.

In: results/graphs/shard-{K}.parquet.  Out: results/features/{view}/shard-{K}.arrow.
"""

import argparse
import time
from pathlib import Path

from crystalmatrix.contracts.features import MostNeighbours
from crystalmatrix.contracts.view import View
from crystalmatrix.errors import run
from crystalmatrix.features.store import write_features
from crystalmatrix.words import counted


def main() -> None:
    """Parse the command line, write the file, report its speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--view", required=True, help="JSON of contracts/view.py")
    parser.add_argument("--shard", type=Path, required=True, help="the graph shard to read")
    parser.add_argument("--most-neighbours", type=Path, nargs="?", help="read where the view takes all neighbours")
    parser.add_argument("--descriptors", type=Path, nargs="*", default=[], help="of the shard, for each potential read")
    parser.add_argument("--out", type=Path, required=True, help="the Arrow file to write")
    arguments = parser.parse_args()
    view = View.from_json(arguments.view)
    start = time.perf_counter()
    n_slots = view.neighbours or MostNeighbours.read(arguments.most_neighbours).of_an_atom
    n_crystals = write_features(
        arguments.out, arguments.shard, view=view, n_slots=n_slots, descriptors=arguments.descriptors
    )
    seconds = time.perf_counter() - start
    size = arguments.out.stat().st_size / 1e6
    print(f"{arguments.out}: {counted(n_crystals, 'crystal')}, {size:,.0f} MB in {seconds:.1f} s")


if __name__ == "__main__":
    run(main)
