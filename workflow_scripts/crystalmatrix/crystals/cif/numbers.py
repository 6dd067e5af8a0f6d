"""Numbers as CIF has them: 0.123(4), 1/2, .5, 1.0E+01; and how finely they are given.

In: text.  Out: a float, None for an unknown one; the step of its last digit.
"""

import math
import re

_NUMBER = re.compile(r"[+-]?(?:\d+\.?(\d*)|\.(\d+))(?:e([+-]?\d+))?(?:\(\d*\))?%?$", re.IGNORECASE)
_FRACTION = re.compile(r"([+-]?\d+)/(\d+)$")
_BEHIND = re.compile(r"\(.*|%$")
_STEPS = tuple(10.0**-n for n in range(40))  # of so many decimals


def number(text: str) -> float | None:
    """None for what is no finite number, ? and . among it."""
    if text[-1:].isdigit() and "_" not in text:  # nearly all: what Python reads, if it is no fraction
        try:
            value = float(text)
        except ValueError:
            pass
        else:
            return value if math.isfinite(value) else None
    text = text.strip()
    if found := _FRACTION.match(text):
        return int(found[1]) / int(found[2]) if int(found[2]) else None
    if not _NUMBER.match(text):
        return None
    value = float(_BEHIND.sub("", text))
    value = value / 100 if text.endswith("%") else value
    return value if math.isfinite(value) else None


def step(text: str) -> float:
    """The unit of the last decimal: 0.001 of 0.333. 0 of fractions and whole numbers, which are exact."""
    _, _, plain = text.partition(".")
    if plain.isdigit() and len(plain) < len(_STEPS):
        return _STEPS[len(plain)]
    found = _NUMBER.match(text.strip())
    decimals = len(found[1] or found[2] or "") if found else 0
    exponent = int(found[3] or 0) if found else 0
    return 10.0 ** (exponent - decimals) if decimals else 0.0
