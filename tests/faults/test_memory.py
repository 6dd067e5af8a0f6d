"""Memory of long work does not grow: a short look, and that growth would be seen. memory.py looks longer."""

import time
from pathlib import Path

import pytest

from . import memory

GROWTH = 1000  # bytes a unit of work that are growth, and no noise: of a thousand units a megabyte


@pytest.mark.parametrize(("work", "units"), [("trainer", 1000), ("screening", 2000)])
def test_memory_does_not_grow_with_the_work(work: str, units: int, tmp_path: Path) -> None:
    grown = memory.watched(lambda: memory.WORK[work](units, tmp_path), units=units)
    assert grown.at_end < grown.after_warm_up + 30
    assert 1e6 * grown.slope < 30 * GROWTH  # a short run still warms up


def test_a_list_that_is_never_emptied_is_seen() -> None:
    """The control: 100 kB a unit."""
    kept = []

    def leak() -> None:
        for _ in range(1000):
            kept.append(b"x" * 100_000)
            time.sleep(0.002)

    grown = memory.watched(leak, units=1000)
    assert 1e6 * grown.slope > 50_000
    assert grown.at_end > grown.after_warm_up + 50
