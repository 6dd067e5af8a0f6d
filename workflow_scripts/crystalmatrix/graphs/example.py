"""One crystal whose graph can be looked at.

In: the paths of shards.  Out: Example, its id and its drawing (see statistics.Drawing).
"""

from pathlib import Path

import pyarrow as pa

from crystalmatrix import files
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.statistics import Example
from crystalmatrix.graphs.statistics import drawing


def smallest_example(paths: list[Path], *, n_atoms: range = range(4, 9)) -> Example | None:
    """A crystal whose graph can be looked at: of those with `n_atoms` atoms, the one with the fewest angles.

    None where no crystal is of that size.
    """
    best: tuple[int, str, pa.Table] | None = None
    for path in paths:
        with files.open_table(path, version=columns.GRAPHS_VERSION, holds=columns.GRAPHS.names) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                pairs = zip(table[columns.JID].to_pylist(), table[columns.N_ANGLE_EDGES].to_pylist(), strict=True)
                for i, (jid, edges) in enumerate(pairs):
                    # an atom without angle edges would stand alone in the drawing
                    candidate = (sum(edges), jid)
                    if len(edges) in n_atoms and min(edges) > 1 and (best is None or candidate < best[:2]):
                        best = (*candidate, table.slice(i, 1))
    if best is None:
        return None
    drawn = drawing(best[2])
    return Example(jid=best[1], **{name: values.tolist() for name, values in vars(drawn).items()})
