"""numpy arrays to arrow and back without a copy, and without pandas.

In: arrays of numbers, lists of them.  Out: the same, as the other library's. pyarrow's own conversions import pandas,
which costs a shard job a quarter of a second.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def to_arrow(values: NDArray) -> pa.Array:
    """A contiguous array of numbers, flattened."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def to_lists(values: NDArray, pointer: NDArray[np.int64]) -> pa.ListArray:
    """values[pointer[k] : pointer[k + 1]] as row k."""
    kind = pa.list_(pa.field("element", pa.from_numpy_dtype(values.dtype), nullable=False))
    return pa.ListArray.from_arrays(to_arrow(pointer.astype(np.int32)), to_arrow(values), type=kind)


def to_numpy(values: pa.Array) -> NDArray:
    """An array of numbers without nulls."""
    everything = np.frombuffer(values.buffers()[1], dtype=values.type.to_pandas_dtype())
    return everything[values.offset : values.offset + len(values)]


def flat(table: pa.Table, name: str) -> NDArray:
    """All lists of a column, one after the other."""
    return to_numpy(table[name].combine_chunks().flatten())


def lengths(table: pa.Table, name: str) -> NDArray[np.int32]:
    """The length of each list of a column."""
    lists = table[name].combine_chunks()
    return np.diff(to_numpy(lists.offsets))
