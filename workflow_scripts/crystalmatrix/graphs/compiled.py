"""numba's compiler with a disk cache wherever one can be written.

In: a Python function of arrays.  Out: the compiled function. The cache lies beside the source, or in the user's cache
folder where the source is read-only; where neither can be written the function compiles anew in each process.
"""

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: compile on first call; releases the GIL; strict IEEE arithmetic, so the same bits on every machine."""
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # "no locator available": numba found no writable cache folder
        return numba.njit(nogil=True, error_model="numpy")(function)
