"""Memory of long work does not grow: a short look, and that growth would be seen. memory.py looks longer."""

from pathlib import Path

import pytest

from . import memory

# Bytes a unit of work, which are no growth: of a thousand steps some MB of the allocator's, of a crystal its row.
NOISE = {"trainer": 5_000, "screening": 5_000}


@pytest.mark.parametrize(("work", "units"), [("trainer", 1000), ("screening", 2000)])
def test_memory_does_not_grow_with_the_work(work: str, units: int, tmp_path: Path) -> None:
    grown = memory.watched(lambda sample: memory.WORK[work](units, tmp_path, sample), units=units)
    assert 1e6 * grown.slope < NOISE[work]
    assert grown.at_end < grown.after_warm_up + 20


def test_a_list_that_is_never_emptied_is_seen() -> None:
    """The control: 0.5 MB a unit, in pieces so large that no room that was given back serves them."""
    kept = []

    def leak(sample: memory.Sample) -> None:
        for _ in range(100):
            kept.append(b"x" * 5_000_000)
            sample()

    grown = memory.watched(leak, units=1000)
    assert 1e6 * grown.slope > 10_000
