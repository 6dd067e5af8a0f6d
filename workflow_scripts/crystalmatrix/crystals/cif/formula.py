"""Chemical formulas as CIF files have them.

In: text such as `Mg (O H)2`, `C2 H6 O, 2(H2 O)`, `Na 1+, Cl 1-`, `CaSO4*2H2O`.  Out: atoms of each element, or None.
"""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from crystalmatrix.crystals.crystal import InvalidCrystalError
from crystalmatrix.crystals.symbols import Z_OF, element
from crystalmatrix.elements import SYMBOLS

Formula = dict[int, float]  # Z: atoms in a formula unit

_COUNT = r"(?:\d+[+-]|(?P<count>\d*\.?\d*)[+-]?)"  # digits before a sign are a charge
_BRACKETS = r"(?P<open>\()|\)(?P<times>\d*\.?\d*)|(?P<factor>\d*\.?\d+)\s*(?=\())"
_MIXED_CASE = re.compile(rf"\s*(?:(?P<symbol>[A-Z][a-z]?){_COUNT}|{_BRACKETS}")
_CAPITALS = re.compile(rf"\s*(?:(?P<symbol>[A-Z]{{1,2}})(?![A-Z]){_COUNT}|{_BRACKETS}")
_CHARGE = re.compile(r"\(\d*[+-]\d*\)|(?<=[\s)])\d*[+-](?=[\s,)]|$)")
_CHAIN = re.compile(r"(?<=\))n\b|\bn(?=\()")  # (C2 H4)n
_PARTS = re.compile(r"[,;*]|\s\.\s*|(?<=[A-Za-z)])\.(?=[\dA-Z(])|\.(?=\d*\.?\d*\(?[HD]2 ?O)")
_PART = re.compile(r"\s*(\d*\.?\d+)?\s*(?=[A-Z(])(.*\S)\s*$")


def parse_formula(text: str) -> Formula | None:
    """None for what is no formula of whole elements, or could be read in two ways."""
    text = text.strip().strip("'\"").translate(str.maketrans("[]{}", "()()"))
    text = _CHAIN.sub("", _CHARGE.sub("", text))
    token = _MIXED_CASE if re.search("[a-z]", text) else _CAPITALS
    if token is _CAPITALS and not re.search(r"\s", text):
        if any(pair.capitalize() in Z_OF for pair in map("".join, pairwise(text))):
            return None  # CO2: cobalt, or carbon and oxygen
        token = _MIXED_CASE
    total: Counter[int] = Counter()
    for part in _PARTS.split(text):
        if not part.strip():
            continue
        found = _PART.match(part)
        counted = _counted(found[2], token) if found else None
        if found is None or counted is None:
            return None
        _add(total, counted, _number(found[1]))
    return dict(total) or None


def _counted(part: str, token: re.Pattern[str]) -> Counter[int] | None:
    """The atoms of one part, such as `Mg (O H)2`; a number before a bracket counts it, as in `Ca 2(O H)`."""
    stack: list[tuple[Counter[int], float]] = [(Counter(), 1.0)]  # of each open bracket, with the number before it
    at, factor = 0, 1.0
    while at < len(part):
        found = token.match(part, at)
        if not found or found.end() == at:
            return None
        at = found.end()
        if found["factor"]:
            factor = _number(found["factor"])
        elif found["open"]:
            stack.append((Counter(), factor))
            factor = 1.0
        elif found["symbol"]:
            try:
                stack[-1][0][element(found["symbol"])[0]] += _number(found["count"])  # type: ignore[assignment]
            except InvalidCrystalError:
                return None
        elif len(stack) < 2:
            return None
        else:
            group, before = stack.pop()
            _add(stack[-1][0], group, before * _number(found["times"]))
    return stack[0][0] if len(stack) == 1 else None


def _add(total: Counter[int], group: Mapping[int, float], factor: float) -> None:
    for z, n in group.items():
        total[z] += n * factor  # type: ignore[assignment]  # counts may be broken


def _number(text: str | None) -> float:
    return float(text) if text and text != "." else 1.0


def written(counts: Mapping[int, float]) -> str:
    """Elements in alphabetical order with their counts: Ca4 F8."""
    return " ".join(f"{symbol}{n:g}" for symbol, n in sorted((SYMBOLS[z], n) for z, n in counts.items()))
