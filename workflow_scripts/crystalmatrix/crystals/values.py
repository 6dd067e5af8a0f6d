"""Values of a dictionary that was JSON: rows of numbers, flags, elements, arrays as ASE writes them.

In: whatever stands there, and what to call it.  Out: arrays; InvalidCrystalError with what was found and expected.
"""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.crystal import DISORDERED, MALFORMED, NOT_PERIODIC, InvalidCrystalError
from crystalmatrix.crystals.symbols import element
from crystalmatrix.elements import SYMBOLS

_TRUE, _FALSE = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
_FULL = 0.001  # of an occupancy, from 1
_Z = {symbol: z for z, symbol in enumerate(SYMBOLS) if z}


def rows_of_three(value: Any, n: int, what: str) -> NDArray[np.float64]:
    """[n, 3]. Raises InvalidCrystalError."""
    try:
        found = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidCrystalError(MALFORMED, f"{what}: {_first_bad(value)}, expected three numbers a row") from None
    if found.shape != (n, 3):
        shape = " x ".join(map(str, found.shape)) or "one number"
        raise InvalidCrystalError(MALFORMED, f"{what}: found {shape}, expected {n} x 3 numbers")
    return found


def _first_bad(rows: Any) -> str:
    for k, row in enumerate(rows if isinstance(rows, list | tuple) else ()):
        try:
            good = np.array(row, np.float64).shape == (3,)
        except (TypeError, ValueError, OverflowError):
            good = False
        if not good:
            return f"found {row!r:.60} in row {k + 1}"
    return f"found {rows!r:.60}"


def flag(value: Any, what: str) -> bool:
    """Said by true, 1 or a word. Raises InvalidCrystalError."""
    word = str(value).strip().lower()  # also of numpy's flags, and of 0 and 1
    if isinstance(value, bool | int | str | np.bool_) and word in (*_TRUE, *_FALSE):
        return word in _TRUE
    raise InvalidCrystalError(MALFORMED, f"{what} is {value!r:.40}, expected true or false")


def check_periodic(pbc: Any, what: str) -> None:
    """Raises InvalidCrystalError unless `pbc`, one flag or three, says periodic along a, b and c."""
    flags = list(pbc) if isinstance(pbc, list | tuple | np.ndarray) else [pbc] * 3
    read = [flag(one, what) for one in flags]
    if len(read) != 3:
        raise InvalidCrystalError(MALFORMED, f"{what} is {pbc!r:.40}, expected three flags")
    if not all(read):
        along = ", ".join(axis for axis, one in zip("abc", read, strict=True) if one) or "no direction"
        raise InvalidCrystalError(NOT_PERIODIC, f"pbc is set along {along}, expected all three directions")


def is_full(occupancy: Any) -> bool:
    return isinstance(occupancy, Real) and abs(float(occupancy) - 1) <= _FULL


def check_occupancy(sites: Any) -> None:
    """Raises InvalidCrystalError where {site: {symbol: share}}, as ASE's reader of CIFs keeps it, is no one element."""
    for site in sites.values() if isinstance(sites, Mapping) else ():
        if not (isinstance(site, Mapping) and len(site) == 1 and is_full(next(iter(site.values())))):
            held = site.items() if isinstance(site, Mapping) else [(site, "")]
            shared = ", ".join(f"{symbol} {share}" for symbol, share in held)
            raise InvalidCrystalError(DISORDERED, f"a site holds {shared:.80}, expected one element on each")


def atomic_numbers(elements: Any, what: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """[n_atoms] of symbols or atomic numbers, and notes. Raises InvalidCrystalError."""
    if not isinstance(elements, list | tuple | np.ndarray):
        raise InvalidCrystalError(MALFORMED, f"{what} is {elements!r:.40}, expected a list with one symbol an atom")
    try:
        return np.array([_Z[symbol] for symbol in elements], np.uint8), ()
    except (KeyError, TypeError):  # not all are plain symbols
        read = [_one_element(symbol, f"{what}, atom {k}") for k, symbol in enumerate(elements, 1)]
    notes = dict.fromkeys(note for _, note in read if note)
    return np.array([z for z, _ in read], np.uint8), tuple(notes)


def _one_element(symbol: Any, what: str) -> tuple[int, str | None]:
    if isinstance(symbol, str) and not symbol.strip().isdecimal():
        try:
            return element(symbol)
        except InvalidCrystalError as invalid:
            raise InvalidCrystalError(invalid.reason, f"{what}: {invalid.detail}") from None
    symbol = int(symbol) if isinstance(symbol, float) and symbol.is_integer() else symbol
    is_whole = isinstance(symbol, str | int | np.integer) and not isinstance(symbol, bool) and len(str(symbol)) < 9
    if not (is_whole and 0 < int(symbol) < len(SYMBOLS)):
        raise InvalidCrystalError(MALFORMED, f"{what}: found {symbol!r:.40}, expected a symbol or an atomic number")
    return int(symbol), None


def as_array(value: Any) -> Any:
    """ASE's JSON of an array, {"__ndarray__": [shape, dtype, flat values]}, as an array; anything else as it is."""
    if not (isinstance(value, Mapping) and "__ndarray__" in value):
        return value
    try:
        shape, _, flat = value["__ndarray__"]
        return np.array(flat, object).reshape(shape)
    except (TypeError, ValueError):
        raise InvalidCrystalError(MALFORMED, f"an array is {value!r:.60}, expected [shape, type, numbers]") from None
