"""A function over many items in worker processes: results in order, and no more in memory than the workers chew on.

In: a picklable function, an iterable.  Out: its results, one by one, in the order of the items; DataError where a
worker dies.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from crystalmatrix.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")

WORTH_WORKERS = 2000  # crystals from which starting processes (half a second) pays
WAITING_PER_WORKER = 4  # items handed out ahead; Pool.imap would read the whole iterable into memory


def available_cores() -> int:
    """The cores that this process may use, which a scheduler may have limited."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(function: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """Yield `function(item)` for every item, in order; with one worker in this very process."""
    if workers == 1:
        yield from map(function, items)
        return
    try:
        yield from _by_workers(function, items, workers=workers)
    except BrokenProcessPool:
        said = f"one of {workers} worker processes died, as the system kills them where memory runs out"
        raise DataError(f"{said}; run again with fewer, or with more memory") from None


def _by_workers(function: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    # spawn, not fork: safe beside the threads of pyarrow, and the same on every platform
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > WAITING_PER_WORKER * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
