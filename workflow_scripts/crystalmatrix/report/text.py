"""Numbers and sentences for people.

In: numbers in physical units.  Out: text with as many digits as the numbers carry, thousands separated.
"""

import math
from collections.abc import Iterable

from crystalmatrix.evaluation.bootstrap import FEWEST, Difference

JOULES_PER_KWH = 3.6e6
MINUS = "\N{MINUS SIGN}"
EM_DASH = "\N{EM DASH}"


def decimals(values: Iterable[float], *, significant: int = 3, most: int = 4) -> int:
    """Decimals that give the smallest positive value `significant` digits; one number for a whole row or column."""
    positive = [abs(value) for value in values if value and math.isfinite(value)]
    if not positive:
        return 0
    return min(most, max(0, significant - 1 - math.floor(math.log10(min(positive)))))


def number(value: float | None, places: int) -> str:
    """`1,234.5` with a true minus sign; a dash for None or NaN."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    text = f"{abs(value):,.{places}f}"
    return f"{MINUS}{text}" if value < 0 and float(text.replace(",", "")) else text


def significant(value: float | None, digits: int = 3) -> str:
    """A number on its own, to so many significant digits, without an exponent where that is readable."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return number(value, places) if places <= 6 else f"{value:.{digits - 1}e}".replace("-", MINUS)


def count(value: int | None) -> str:
    """`44,569`."""
    return EM_DASH if value is None else f"{value:,}"


def percent(share: float | None, places: int = 0) -> str:
    """0.123 as `12 %`; the sign of a change is kept."""
    return EM_DASH if share is None else f"{number(100 * share, places)}\N{NO-BREAK SPACE}%"


def with_unit(value: str, unit: str) -> str:
    """`0.0288 eV/atom`; nothing after a pure number."""
    return value if unit == "1" else f"{value}\N{NO-BREAK SPACE}{unit}"


def duration(seconds: float | None) -> str:
    """`42 s`, `12 min`, `3.1 h`."""
    if seconds is None:
        return EM_DASH
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.{0 if seconds % 3600 == 0 else 1}f} h"


def interval(low: float, high: float, places: int) -> str:
    """`0.0262 to 0.0318`."""
    return f"{number(low, places)} to {number(high, places)}"


VERDICT_MARKS = {"better": "\N{BLACK UP-POINTING TRIANGLE}", "worse": "\N{BLACK DOWN-POINTING TRIANGLE}", "tied": "≈"}
TOO_FEW = "too few crystals"


def verdict(difference: Difference) -> str:
    """`better` or `worse` only where the paired interval excludes zero; of fewer than FEWEST crystals nothing."""
    if difference.n < FEWEST:
        return TOO_FEW
    return "not distinguishable" if difference.verdict == "tied" else difference.verdict


def size(difference: Difference, places: int) -> str:
    """`0.0045 (0.0020 to 0.0070)`; nothing where no difference is claimed."""
    if difference.verdict == "tied":
        return ""
    smallest, largest = sorted((abs(difference.low), abs(difference.high)))
    return f"{number(abs(difference.mean), places)} ({interval(smallest, largest, places)})"
