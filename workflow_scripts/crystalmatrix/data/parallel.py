"""A function over many items in worker processes: results in order, and no more in memory than the workers chew on.

In: a picklable function, an iterable.  Out: its results, one by one, in the order of the items.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

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
    # spawn, not fork: safe beside the threads of pyarrow, and the same on every platform
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > WAITING_PER_WORKER * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
