"""Work in order with bounded look-ahead, and progress that fits a terminal and a log."""

import io
import os
import signal

import pytest

from crystalmatrix.data.parallel import WAITING_PER_WORKER, available_cores, in_order
from crystalmatrix.data.progress import Progress, megabytes, tracked
from crystalmatrix.errors import DataError


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_the_input_is_read_as_needed(workers):
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(abs, items(), workers=workers)
    assert next(results) == 0
    assert len(taken) <= 1 + WAITING_PER_WORKER * workers + 1
    assert list(results) == list(range(1, 100))
    assert available_cores() >= 1


def dies_at_seven(number: int) -> int:
    """As a process does that the system kills where memory runs out."""
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_worker_that_dies_is_one_line():
    results = in_order(dies_at_seven, range(1000), workers=2)
    with pytest.raises(DataError, match="one of 2 worker processes died") as caught:
        list(results)
    assert "\n" not in str(caught.value)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_on_one_line(monkeypatch):
    monkeypatch.setattr("crystalmatrix.data.progress.TERMINAL_SECONDS", 0.0)
    stream = Terminal()
    progress = Progress("downloading", 40_000_000, show=megabytes, stream=stream)
    progress.update(10_000_000)
    progress.update(20_000_000)
    progress.close()
    assert stream.getvalue().count("\n") == 1
    assert "20.0 MB of 40.0 MB" in stream.getvalue()
    assert "s left" in stream.getvalue()
    assert "[###############...............]" in stream.getvalue()


def test_a_log_gets_whole_lines_and_none_for_short_work(monkeypatch, capsys):
    assert list(tracked(range(3), "checking crystals", 3)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("crystalmatrix.data.progress.LOG_SECONDS", 0.0)
    assert list(tracked(range(3), "checking crystals", 3)) == [0, 1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("checking crystals  2 of 3")
    assert not any("\r" in line for line in lines)
