"""Rows of columns.GRAPHS from rows of columns.RECORDS, and Graphs from rows of columns.GRAPHS.

In: pyarrow tables.  Out: pyarrow tables and Graphs. The way back gives bit for bit what build.py gives (rates:
docs/graphs.md).
"""

import numpy as np
import pyarrow as pa

from crystalmatrix.config import CPU, GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.graphs.arrow import flat, flat_bytes, to_bytes, to_lists
from crystalmatrix.graphs.build import Cells, edges_of, graphs_of
from crystalmatrix.graphs.neighbours import Edges
from crystalmatrix.graphs.ragged import Graphs, running_sum

_STORED = np.dtype("<i2")


def graph_table(records: pa.Table, *, settings: GraphConfig, search: str = CPU) -> pa.Table:
    """Rows of columns.GRAPHS, from the columns JID, SPECIES, FRACTIONAL and LATTICE of as many records."""
    crystals = Cells.from_table(records)
    edges = edges_of(crystals, settings=settings, search=search)
    graphs = graphs_of(crystals, edges)
    atoms = graphs.atom_pointer  # [n_crystals + 1], as the next two
    edge = graphs.edge_pointer[atoms]
    angle = graphs.angle_pointer[atoms]
    values = {
        columns.JID: records[columns.JID],
        columns.SPECIES: to_lists(crystals.species, atoms),
        columns.FRACTIONAL: to_lists(crystals.fractional, 3 * atoms),
        columns.LATTICE: records[columns.LATTICE],
        columns.N_NEIGHBOURS: to_lists(np.diff(edges.edge_pointer).astype(np.uint16), atoms),
        columns.NEIGHBOUR: to_lists(edges.neighbour, edge),
        **{name: to_lists(edges.offset[axis], edge) for axis, name in enumerate(columns.OFFSETS)},
        columns.N_ANGLE_EDGES: to_lists(edges.n_angle_edges.astype(np.uint16), atoms),
        columns.COSINE: to_bytes(np.rint(graphs.cosine * columns.COSINE_SCALE).astype(_STORED), angle),
    }
    return pa.Table.from_arrays([values[name] for name in columns.GRAPHS.names], schema=columns.GRAPHS)


def graphs_from_table(table: pa.Table) -> Graphs:
    """Graphs of rows of columns.GRAPHS."""
    edges = Edges(
        edge_pointer=running_sum(flat(table, columns.N_NEIGHBOURS)),
        neighbour=flat(table, columns.NEIGHBOUR),
        offset=np.stack([flat(table, name) for name in columns.OFFSETS]),
        n_angle_edges=flat(table, columns.N_ANGLE_EDGES).astype(np.int32),
        failed=-1,
    )
    cosine = flat_bytes(table, columns.COSINE, _STORED).astype(np.float32)
    cosine /= np.float32(columns.COSINE_SCALE)
    return graphs_of(Cells.from_table(table), edges, cosine=cosine)
