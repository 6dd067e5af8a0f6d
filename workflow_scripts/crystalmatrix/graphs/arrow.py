"""numpy arrays to arrow and back without a copy, and without pandas.

In: arrays of numbers; columns of lists or bytes.  Out: the same, as the other library's.
pyarrow's own conversions import pandas, which costs a shard job a quarter of a second.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray


def to_arrow(values: NDArray) -> pa.Array:
    """A contiguous array of numbers, flattened."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def to_lists(values: NDArray, pointer: NDArray[np.int64]) -> pa.ListArray:
    """values[pointer[k] : pointer[k + 1]] as row k."""
    kind = pa.list_(pa.field("element", pa.from_numpy_dtype(values.dtype), nullable=False))
    return pa.ListArray.from_arrays(to_arrow(pointer.astype(np.int32)), to_arrow(values), type=kind)


def to_bytes(values: NDArray, pointer: NDArray[np.int64]) -> pa.BinaryArray:
    """The bytes of values[pointer[k] : pointer[k + 1]] as row k."""
    offsets = pa.py_buffer((values.itemsize * pointer).astype(np.int32))
    return pa.Array.from_buffers(pa.binary(), len(pointer) - 1, [None, offsets, pa.py_buffer(values)])


def to_numpy(values: pa.Array | pa.ChunkedArray) -> NDArray:
    """Numbers without nulls."""
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    kind = values.type.to_pandas_dtype()
    return _join([_window(chunk.buffers()[1], kind, chunk.offset, len(chunk)) for chunk in chunks], kind)


def flat(table: pa.Table, name: str) -> NDArray:
    """All lists of a column, one after the other."""
    kind = table[name].type.value_type.to_pandas_dtype()
    return _join([to_numpy(chunk.flatten()) for chunk in table[name].chunks], kind)


def flat_bytes(table: pa.Table, name: str, kind: DTypeLike) -> NDArray:
    """All rows of a column of bytes, one after the other, as numbers of that kind."""
    parts = []
    for chunk in table[name].chunks:
        _, offsets, content = chunk.buffers()
        offset = _window(offsets, np.int32, chunk.offset, len(chunk) + 1)
        first, end = (offset[0], offset[-1]) if len(chunk) else (0, 0)
        parts.append(_window(content, np.uint8, first, end - first).view(kind))
    return _join(parts, kind)


def lengths(table: pa.Table, name: str) -> NDArray[np.int32]:
    """The length of each list of a column."""
    return _join([np.diff(to_numpy(chunk.offsets)) for chunk in table[name].chunks], np.int32)


def _window(buffer: pa.Buffer, kind: DTypeLike, first: int, n: int) -> NDArray:
    if n == 0:  # an empty buffer may be missing, or of any size
        return np.empty(0, kind)
    return np.frombuffer(buffer, kind, count=n, offset=first * np.dtype(kind).itemsize)


def _join(parts: list[NDArray], kind: DTypeLike) -> NDArray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts, dtype=kind) if parts else np.empty(0, kind)
