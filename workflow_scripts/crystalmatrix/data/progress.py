"""Progress of long work with an estimate of its end: a bar on a terminal, a line now and then in a log file.

In: counts of what is done.  Out: text on stderr.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")

BAR = 30  # characters
TERMINAL_SECONDS, LOG_SECONDS = 0.2, 15.0  # between two updates


def plain(count: float) -> str:
    return f"{count:,.0f}"


def megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"


class Progress:
    """`label  12.3 MB of 40.1 MB  3.1 MB/s  9 s left`, as often as the stream deserves."""

    def __init__(
        self, label: str, total: int | None, *, show: Callable[[float], str] = plain, stream: TextIO | None = None
    ) -> None:
        self.label, self.total, self.show = label, total, show
        self.stream = stream or sys.stderr
        self.on_terminal = self.stream.isatty()
        self.began = self.last = time.monotonic()
        self.begun_at: int | None = None  # the first count given: a resumed download does not start at zero
        self.shown = False

    def update(self, done: int) -> None:
        now = time.monotonic()
        if self.begun_at is None:
            self.begun_at = done
        if now - self.last >= (TERMINAL_SECONDS if self.on_terminal else LOG_SECONDS):
            self.last = now
            self._write(done, now)

    def _write(self, done: int, now: float) -> None:
        rate = (done - (self.begun_at or 0)) / max(now - self.began, 1e-9)
        text = f"{self.label}  {self.show(done)}"
        if self.total:
            text += f" of {self.show(self.total)}"
        text += f"  {self.show(rate)}/s"
        if self.total and rate > 0:
            text += f"  {max(self.total - done, 0) / rate:,.0f} s left"
        if self.on_terminal and self.total:
            filled = min(BAR, BAR * done // self.total)
            text = f"\r[{'#' * filled}{'.' * (BAR - filled)}] {text}\x1b[K"
        self.shown = True
        print(text, file=self.stream, end="" if self.on_terminal else "\n", flush=True)

    def close(self) -> None:
        """End the bar's line."""
        if self.on_terminal and self.shown:
            print(file=self.stream, flush=True)


def tracked(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, showing how many have passed."""
    progress = Progress(label, total)
    for count, item in enumerate(items):
        progress.update(count)
        yield item
    progress.close()
