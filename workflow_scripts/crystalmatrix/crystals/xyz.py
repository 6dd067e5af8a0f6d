"""Extended XYZ, a frame at a time: a damaged one is a Failure, and the next one begins at the next count.

In: lines.  Out: Crystal or Failure, `file@k` for the k-th frame.

A frame: the number of atoms alone on a line; `key=value` pairs, among them Lattice, Properties and pbc; a row an atom.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts.screening import BEGIN, Start
from crystalmatrix.crystals.crystal import (
    CONTRADICTORY,
    DISORDERED,
    MALFORMED,
    NOT_PERIODIC,
    Crystal,
    Failure,
    InvalidCrystalError,
    failure,
    make_crystal,
)
from crystalmatrix.crystals.text import number
from crystalmatrix.crystals.values import atomic_numbers, check_periodic, is_full

_COUNT = re.compile(r"\s*(\d{1,9})\s*")
_IS_COMMENT = re.compile(r"\b(lattice|properties)\s*=", re.IGNORECASE)
_PAIR = re.compile(
    r"""(?P<key>[^\s="'{}\[\],]++)\s*=\s*
    (?:"(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)' | \{(?P<braces>[^{}]*)\}
    | \[(?P<brackets>(?:[^\[\]]|\[[^\[\]]*\])*)\] | (?P<bare>[^\s"'{}\[\]]+))
    | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s="'{}\[\],]++""",  # what is no pair, as a whole
    re.VERBOSE,
)
_DECISIVE = ("lattice", "properties", "pbc")
_LONGEST_COMMENT = 1 << 16  # characters; what is behind is not looked at
_DEFAULT = "species:S:1:pos:R:3"
_SYMBOL, _NUMBER, _POSITION = ("species", "symbols", "element"), ("z", "numbers"), ("pos", "positions")
_OCCUPANCY = ("occupancy", "occupancies")


class _Frame(NamedTuple):
    line: int  # its first, from 1
    n_atoms: int  # as counted in it
    comment: str
    rows: list[str]  # at most `n_atoms` of the n_rows
    n_rows: int
    damage: str = ""  # why it is none


class _Columns(NamedTuple):
    total: int | None  # None: no one said, so more than are needed may follow
    symbol: int | None
    number: int | None
    occupancy: int | None
    position: int


def read_xyz(lines: Iterable[str], identity: str, start: Start = BEGIN) -> Iterator[Crystal | Failure]:
    """Of lines from `start` on. Never raises."""
    for k, frame in enumerate(_frames(lines, first=start.line), start.crystal):
        place = f"{identity}@{k}"
        try:
            yield _crystal(frame, place)
        except InvalidCrystalError as error:
            yield failure(place, error)


class _Lines:
    """Numbered lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterable[str], *, first: int) -> None:
        self._lines = enumerate(lines, first)
        self._seen: deque[tuple[int, str]] = deque()

    def peek(self, ahead: int = 0) -> tuple[int, str] | None:
        while len(self._seen) <= ahead:
            found = next(self._lines, None)
            if found is None:
                return None
            self._seen.append(found)
        return self._seen[ahead]

    def is_comment(self, ahead: int = 0) -> bool:
        """Whether that line can only be the second one of a frame."""
        found = self.peek(ahead)
        return found is not None and "=" in found[1] and _IS_COMMENT.search(found[1]) is not None

    def take(self) -> tuple[int, str] | None:
        found = self.peek()
        if found:
            self._seen.popleft()
        return found


def frame_places(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, int, int]]:
    """(byte, line, atoms) where each frame begins; of lines with the byte where each begins."""
    places: deque[int] = deque()  # of the lines from the current frame on

    def texts() -> Iterator[str]:
        for place, line in lines:
            places.append(place)
            yield line

    first = 1  # the line of places[0]
    for frame in _frames(texts(), first=1):
        while first < frame.line:
            places.popleft()
            first += 1
        yield places[0], frame.line, frame.n_rows


def _frames(lines: Iterable[str], *, first: int) -> Iterator[_Frame]:
    source = _Lines(lines, first=first)
    while (start := source.take()) is not None:
        if start[1].strip():
            yield _frame(source, *start)


def _frame(source: _Lines, line: int, text: str) -> _Frame:
    """From its first line up to the next count, or to what can only be the comment of a frame without a count."""
    found = _COUNT.fullmatch(text)
    count = int(found[1]) if found else 0
    damage = "" if found else f"line {line}: found {text.strip()[:40]!r}, expected the number of atoms"
    comment = source.peek()
    if found and (comment is None or (_COUNT.fullmatch(comment[1]) and source.is_comment(1))):
        return _Frame(line, count, "", [], 0, f"line {line}: nothing follows the number of atoms")
    if found or source.is_comment():
        source.take()
    rows: list[str] = []
    n_rows = 0
    while (row := source.peek()) and not _COUNT.fullmatch(row[1]) and not source.is_comment():
        if n_rows >= count and row[1].strip() and source.is_comment(1):
            break  # a damaged count
        source.take()
        if row[1].strip():
            n_rows += 1
            if n_rows <= count:
                rows.append(row[1])
    return _Frame(line, count, comment[1] if comment else "", rows, n_rows, damage)


def _crystal(frame: _Frame, identity: str) -> Crystal:
    where = f"the frame of line {frame.line}"
    if frame.damage:
        raise InvalidCrystalError(MALFORMED, frame.damage)
    pairs = _pairs(frame.comment, where)
    if "lattice" not in pairs:
        said = f'{where} has no Lattice, expected Lattice="ax ay az bx by bz cx cy cz" in its second line'
        raise InvalidCrystalError(NOT_PERIODIC, said)
    if frame.n_rows != frame.n_atoms:
        said = f"{where} counts {frame.n_atoms} atoms, but {frame.n_rows} rows follow"
        raise InvalidCrystalError(CONTRADICTORY, said)
    if "pbc" in pairs:
        flags = re.sub(r"[\[\],]", " ", pairs["pbc"]).split()
        check_periodic(flags[0] if len(flags) == 1 else flags, "pbc")
    columns = _columns(pairs.get("properties"))
    lattice, note = _lattice(pairs["lattice"])
    words = [row.split() for row in frame.rows]
    needed = columns.total or max(columns.position + 3, 4)
    for k, row in enumerate(words, 1):
        if len(row) < needed or (columns.total and len(row) > needed):
            raise InvalidCrystalError(MALFORMED, f"{where}, atom {k}: found {len(row)} columns, expected {needed}")
        if columns.occupancy is not None and not _is_one(share := row[columns.occupancy]):
            raise InvalidCrystalError(DISORDERED, f"{where}, atom {k}: found the occupancy {share:.20}, expected 1")
    species, notes = _species(words, columns)
    return make_crystal(
        identity,
        numbers=species,
        lattice=lattice,
        coordinates=_positions(words, columns.position, where),
        cartesian=True,
        notes=(*note, *notes),
    )


def _pairs(comment: str, where: str) -> dict[str, str]:
    """{key in small letters: value without its quotes or outer brackets}; what is no pair is passed over."""
    found: dict[str, str] = {}
    for match in _PAIR.finditer(comment[:_LONGEST_COMMENT]):
        if match["key"]:
            values = (match[kind] for kind in ("double", "single", "braces", "brackets", "bare"))
            key, value = match["key"].lower(), next((value for value in values if value is not None), "")
            if key in _DECISIVE and found.get(key, value) != value:
                raise InvalidCrystalError(CONTRADICTORY, f"{where} gives {match['key']} twice, expected once")
            found[key] = value
    return found


def _lattice(text: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """[3, 3] rows a, b, c in Å, and a note where another reader would take the columns."""
    words = re.sub(r"[\[\],]", " ", text).split()
    try:
        lattice = np.array([number(word) for word in words]).reshape(3, 3)
    except ValueError:
        raise InvalidCrystalError(MALFORMED, f"Lattice is {text[:60]!r}, expected nine numbers") from None
    if "[" in text and not np.array_equal(lattice, lattice.T):
        return lattice, ("the rows of Lattice=[[...]] are the lattice vectors; ASE takes the columns",)
    return lattice, ()


@lru_cache(maxsize=64)
def _columns(properties: str | None) -> _Columns:
    """Of `name:type:count:...`. Raises InvalidCrystalError."""
    fields = (properties or _DEFAULT).split(":")
    widths = fields[2::3]
    if len(fields) % 3 or not all(re.fullmatch("[1-9][0-9]{0,5}", width) for width in widths):
        raise InvalidCrystalError(MALFORMED, f"Properties is {properties!r:.60}, expected name:type:count:...")
    starts, total = {}, 0
    for name, width in zip(fields[::3], widths, strict=True):
        if (name.lower(), int(width)) in starts:
            raise InvalidCrystalError(CONTRADICTORY, f"Properties names {name:.20} twice, expected once")
        starts[name.lower(), int(width)] = total
        total += int(width)
    symbol, z, occupancy, position = (
        next((starts[name, width] for name in names if (name, width) in starts), None)
        for names, width in ((_SYMBOL, 1), (_NUMBER, 1), (_OCCUPANCY, 1), (_POSITION, 3))
    )
    if position is None or (symbol is None and z is None):
        raise InvalidCrystalError(
            MALFORMED, f"Properties is {properties!r:.60}, expected species:S:1 and pos:R:3 in it"
        )
    return _Columns(total if properties else None, symbol, z, occupancy, position)


def _species(words: list[list[str]], columns: _Columns) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """[n_atoms] atomic number Z, and notes."""
    by_column = [
        atomic_numbers([row[column] for row in words], what)
        for column, what in ((columns.symbol, "the column of symbols"), (columns.number, "the column Z"))
        if column is not None
    ]
    if not np.array_equal(by_column[0][0], by_column[-1][0]):
        raise InvalidCrystalError(CONTRADICTORY, "the columns of symbols and of Z name different elements")
    return by_column[0]


def _is_one(occupancy: str) -> bool:
    try:
        return is_full(number(occupancy))
    except ValueError:
        return False


def _positions(words: list[list[str]], start: int, where: str) -> list[list[float]]:
    """[n_atoms, 3] in Å."""
    rows = []
    for k, row in enumerate(words, 1):
        try:
            rows.append([number(row[start]), number(row[start + 1]), number(row[start + 2])])
        except ValueError:
            found = " ".join(row[start : start + 3])
            raise InvalidCrystalError(MALFORMED, f"{where}, atom {k}: found {found:.60}, expected x y z") from None
    return rows
