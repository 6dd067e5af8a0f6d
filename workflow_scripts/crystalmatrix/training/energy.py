"""The energy that a training takes, as far as the GPU tells: its power, read about once a second, over time.

In: readings in W and when they were taken, in s.  Out: J of the GPU alone; not of the CPU, the memory or the cooling.
"""

from collections.abc import Callable

SECONDS_BETWEEN_READINGS = 1.0  # a reading takes about a millisecond


class EnergyMeter:
    """Trapezoids between readings. `watts` returns None where no one tells."""

    def __init__(self, watts: Callable[[], float | None], *, joules: float | None = 0.0) -> None:
        self.joules = joules  # so far; None from the first time that no one tells
        self._watts = watts
        self._last: tuple[float, float] | None = None  # when, in s; W

    def start(self, now: float) -> None:
        """Begin to count at `now`; what passed since the last reading does not count."""
        self._last = None
        self.read(now)

    def read(self, now: float) -> None:
        """Count up to `now`."""
        watts = None if self.joules is None else self._watts()
        if self.joules is None or watts is None:
            self.joules = None
            return
        if self._last is not None:
            then, before = self._last
            self.joules += (now - then) * (watts + before) / 2
        self._last = (now, watts)

    def read_if_due(self, now: float) -> None:
        """Count up to `now` where the last reading is a second old."""
        if self._last is not None and now - self._last[0] >= SECONDS_BETWEEN_READINGS:
            self.read(now)
