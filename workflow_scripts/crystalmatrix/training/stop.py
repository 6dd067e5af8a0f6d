"""SIGTERM and SIGINT ask a trainer to stop at the next step, so that it can save its state first.

In: signals.  Out: a flag; the previous handlers are put back at the end.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TrainingStoppedError(Exception):
    """Training stopped on request, its state is saved."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


class StopRequest:
    """`number` is the signal that arrived, or None."""

    def __init__(self) -> None:
        self.number: int | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch every SIGTERM, since a scheduler sends several, and the first SIGINT: a second one ends the process."""
        previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def remember(number: int, frame: FrameType | None) -> None:
            self.number = number
            if number == signal.SIGINT:
                signal.signal(number, previous[signal.SIGINT])

        for number in previous:
            signal.signal(number, remember)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
