"""Rows of columns.GRAPHS from rows of columns.RECORDS, and Graphs from rows of columns.GRAPHS.

In: pyarrow tables.  Out: pyarrow tables and Graphs, bit for bit those of build.py.

The way back computes vectors and cosines from coordinates and edges, which is exact and several times faster than
reading stored cosines (benchmarks/graphs.py); those are for everybody else.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix import columns
from crystalmatrix.config import GraphConfig
from crystalmatrix.graphs.build import Crystals, edges_of, graphs_of
from crystalmatrix.graphs.neighbours import Edges
from crystalmatrix.graphs.ragged import Graphs, running_sum

COLUMNS = [name for name in columns.GRAPHS.names if name != columns.COSINE]  # all that `graphs_from_table` reads


def graph_table(records: pa.Table, *, settings: GraphConfig) -> pa.Table:
    """Rows of columns.GRAPHS, from the columns JID, SPECIES, FRACTIONAL and LATTICE of as many records."""
    crystals = Crystals.from_table(records)
    edges = edges_of(crystals, settings=settings)
    graphs = graphs_of(crystals, edges)
    atoms = graphs.atom_pointer  # [n_crystals + 1], as the next two
    edge = graphs.edge_pointer[atoms]
    angle = graphs.angle_pointer[atoms]
    values = {
        columns.JID: pa.array(crystals.jid),
        columns.SPECIES: _lists(crystals.species, atoms),
        columns.FRACTIONAL: _lists(crystals.fractional, 3 * atoms),
        columns.LATTICE: pa.FixedSizeListArray.from_arrays(pa.array(crystals.lattice.reshape(-1)), 9),
        columns.N_NEIGHBOURS: _lists(np.diff(edges.edge_pointer).astype(np.uint16), atoms),
        columns.NEIGHBOUR: _lists(edges.neighbour, edge),
        **{name: _lists(edges.offset[axis], edge) for axis, name in enumerate(columns.OFFSETS)},
        columns.N_ANGLE_EDGES: _lists(edges.n_angle_edges.astype(np.uint16), atoms),
        columns.COSINE: _lists(np.rint(graphs.cosine * columns.COSINE_SCALE).astype(np.int16), angle),
    }
    return pa.table(values, schema=columns.GRAPHS)


def graphs_from_table(table: pa.Table) -> Graphs:
    """Graphs of rows with the columns COLUMNS."""
    edges = Edges(
        edge_pointer=running_sum(_flat(table, columns.N_NEIGHBOURS)),
        neighbour=_flat(table, columns.NEIGHBOUR),
        offset=np.stack([_flat(table, name) for name in columns.OFFSETS]),
        n_angle_edges=_flat(table, columns.N_ANGLE_EDGES).astype(np.int32),
        failed=-1,
    )
    return graphs_of(Crystals.from_table(table), edges)


def _lists(values: NDArray, pointer: NDArray[np.int64]) -> pa.ListArray:
    """values[pointer[c] : pointer[c + 1]] as row c."""
    flat = pa.array(values.reshape(-1))
    return pa.ListArray.from_arrays(pa.array(pointer.astype(np.int32)), flat, type=columns.list_of(flat.type))


def _flat(table: pa.Table, name: str) -> NDArray:
    """All lists of a column, one after the other."""
    return table[name].combine_chunks().flatten().to_numpy()
