"""POSCAR, CONTCAR and XDATCAR of VASP 4 to 6.

In: the text, and the file's path where a POTCAR may lie beside it.  Out: each configuration as a Crystal;
InvalidCrystalError with the line, what was found there and what was expected.

Layout: comment; one scale, three, or the volume as a negative one; three lattice vectors; elements (not in VASP 4);
counts; Selective dynamics, maybe; Direct or Cartesian; a row an atom; velocities and the like, which are passed over.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.crystal import CONTRADICTORY, MALFORMED, Crystal, InvalidCrystalError, make_crystal
from crystalmatrix.crystals.formats import is_poscar
from crystalmatrix.crystals.symbols import plain_element
from crystalmatrix.crystals.text import number
from crystalmatrix.crystals.vasp4 import element_of_potential, elements_of_vasp4
from crystalmatrix.elements import SYMBOLS

_REMARK = re.compile("[!#]")
_WHOLE = re.compile("[0-9]{1,9}")
_FLAG = re.compile(r"\.?[TF](RUE|ALSE)?\.?", re.IGNORECASE)
_NEXT_FRAME = re.compile(r"\s*direct configuration", re.IGNORECASE)  # of an XDATCAR, without another header


class _Header(NamedTuple):
    lattice: NDArray[np.float64]  # [3, 3] rows in Å
    scale: NDArray[np.float64]  # [3] of Cartesian positions
    species: list[int]  # [n_atoms] atomic number Z
    notes: tuple[str, ...]


class _Atoms(NamedTuple):
    coordinates: NDArray[np.float64]  # [n_atoms, 3] as they stand in the file
    cartesian: bool
    notes: tuple[str, ...]


def read_poscar(text: str, identity: str, *, path: Path | None = None) -> Iterator[Crystal]:
    """Raises InvalidCrystalError, after the crystals before it."""
    lines = text.rstrip().split("\n")
    header, at = _header(lines, 0, path)
    for k in range(len(lines)):
        atoms, at = _atoms(lines, at, header.species)
        at = next((after for after in range(at, len(lines)) if lines[after].strip()), len(lines))
        repeated = at < len(lines) and _NEXT_FRAME.match(lines[at]) is not None
        another = is_poscar(lines[at : at + 12])
        last = not (repeated or another)
        yield make_crystal(
            identity if last and not k else f"{identity}@{k}",
            numbers=header.species,
            lattice=header.lattice,
            coordinates=atoms.coordinates * header.scale if atoms.cartesian else atoms.coordinates,
            cartesian=atoms.cartesian,
            notes=(*header.notes, *atoms.notes, *(_notes_behind(lines, at, len(header.species)) if last else ())),
        )
        if last:
            return
        if another:
            header, at = _header(lines, at, path)


def _header(lines: list[str], start: int, path: Path | None) -> tuple[_Header, int]:
    """And the place behind the counts."""
    scale = _leading_numbers(_line(lines, start + 1, "the scale"))
    vectors = np.array([_three(lines, k, "a lattice vector") for k in range(start + 2, start + 5)])
    too_long = next((k for k in range(start + 2, start + 5) if len(_leading_numbers(lines[k])) > 3), None)
    if too_long is not None:
        raise _unlike(lines, too_long, "a lattice vector, three numbers")
    if len(scale) == 1 and scale[0] < 0 and (volume := abs(float(np.linalg.det(vectors)))) > 0:  # -scale in Å3
        scale = [(-scale[0] / volume) ** (1 / 3)]
    if len(scale) not in (1, 3) or not min(scale) > 0:
        raise _unlike(lines, start + 1, "one scale other than zero, or three above zero")
    names, at = _names(lines, start + 5)
    counts, at = _counts(lines, at, len(names))
    if names and len(names) != len(counts):
        said = f"line {start + 6} names {len(names)} elements ({' '.join(names):.60}), but {len(counts)} counts follow"
        raise InvalidCrystalError(CONTRADICTORY, said)
    if sum(counts) > len(lines) - at:
        said = f"{sum(counts)} atoms are counted in line {at}, but only {len(lines) - at} lines follow"
        raise InvalidCrystalError(CONTRADICTORY, said)
    if names:
        read = [element_of_potential(name, f"line {start + 6}") for name in names]
    else:
        labels = _labels_of_groups(lines, at, counts)
        read = elements_of_vasp4(lines[start], len(counts), line=start + 6, path=path, labels=labels)
    species = [z for (z, _), count in zip(read, counts, strict=True) for _ in range(count)]
    notes = dict.fromkeys(note for _, note in read if note)
    factors = np.array(scale if len(scale) == 3 else 3 * scale)
    return _Header(vectors * factors, factors, species, tuple(notes)), at


def _names(lines: list[str], at: int) -> tuple[list[str], int]:
    """The names of elements up to the line of counts, VASP breaks them after 20; none in VASP 4."""
    names: list[str] = []
    while not _whole_numbers(line := _line(lines, at, "elements or counts")):
        if not line.lstrip()[:1].isalpha():
            raise _unlike(lines, at, "elements or counts")
        names += _words(line)
        at += 1
    return names, at


def _counts(lines: list[str], at: int, n_names: int) -> tuple[list[int], int]:
    counts = _whole_numbers(_line(lines, at, "counts"))
    at += 1
    while len(counts) < n_names and at < len(lines) and (more := _whole_numbers(lines[at])):
        counts += more
        at += 1
    return counts, at


def _atoms(lines: list[str], at: int, species: list[int]) -> tuple[_Atoms, int]:
    """And the place behind the rows."""
    selective = _line(lines, at, "Direct or Cartesian").lstrip()[:1] in ("s", "S")
    at += selective
    mode = _line(lines, at, "Direct or Cartesian").lstrip()[:1].lower()
    if mode not in ("d", "c", "k"):
        raise _unlike(lines, at, "Direct or Cartesian")
    first, end = at + 1, at + 1 + len(species)
    if end > len(lines):
        said = f"{len(species)} atoms are counted, but only {len(lines) - first} rows of coordinates follow"
        raise InvalidCrystalError(CONTRADICTORY, said)
    rows = [_three(lines, k, "the coordinates of an atom") for k in range(first, end)]
    if end < len(lines) and len(_leading_numbers(lines[end])) >= 3:
        said = f"line {end + 1}: another row of coordinates, but {len(species)} atoms are counted"
        raise InvalidCrystalError(CONTRADICTORY, said)
    notes = _other_labels(lines[first:end], species)
    return _Atoms(np.array(rows, np.float64).reshape(-1, 3), mode != "d", notes), end


def _other_labels(rows: list[str], species: list[int]) -> tuple[str, ...]:
    """A note where the symbol behind a row, which VASP does not read, is not the one of the line of elements."""
    for row, z in zip(rows, species, strict=True):
        label = _label(row)
        if label is not None and plain_element(label) not in (z, None):
            return (f"an atom is labelled {label}, but by the line of elements, which counts, it is {SYMBOLS[z]}",)
    return ()


def _label(row: str) -> str | None:
    """What stands behind the coordinates and the flags of selective dynamics, F among them, which is no fluorine."""
    words = _words(row)[3:]
    flags = words[:3] if len(words) >= 3 and all(map(_FLAG.fullmatch, words[:3])) else []
    return next(iter(words[len(flags) :]), None)


def _labels_of_groups(lines: list[str], at: int, counts: list[int]) -> list[str]:
    """The one label of each group of atoms, for a file that names no elements elsewhere; else none."""
    at += 1 + (_line(lines, at, "Direct or Cartesian").lstrip()[:1] in ("s", "S"))
    names = []
    for count in counts:
        labels = {_label(row) for row in lines[at : at + count]}
        at += count
        label = labels.pop() if len(labels) == 1 else None
        if label not in SYMBOLS[1:]:
            return []
        names.append(str(label))
    return names


def _notes_behind(lines: list[str], at: int, n_atoms: int) -> tuple[str, ...]:
    """A note where rows of numbers follow that cannot be the velocities."""
    if at < len(lines) and lines[at].lstrip()[:1].lower() in ("d", "c", "k"):
        at += 1  # the mode of the velocities
    n_rows = 0
    while at + n_rows < len(lines) and len(_leading_numbers(lines[at + n_rows])) >= 3:
        n_rows += 1
    if n_rows in (0, n_atoms):
        return ()
    return (f"{n_rows} rows of numbers behind the {n_atoms} atoms, which are no velocities, were passed over",)


def _line(lines: list[str], at: int, expected: str) -> str:
    if at >= len(lines):
        raise InvalidCrystalError(MALFORMED, f"ends after {len(lines)} lines, expected {expected} in line {at + 1}")
    return lines[at]


def _three(lines: list[str], at: int, what: str) -> list[float]:
    words = _line(lines, at, f"{what}, three numbers").split()[:3]
    try:
        x, y, z = map(number, words)
    except ValueError:
        raise _unlike(lines, at, f"{what}, three numbers") from None
    return [x, y, z]


def _words(line: str) -> list[str]:
    """Without a remark behind ! or #."""
    if "!" in line or "#" in line:
        line = _REMARK.split(line, maxsplit=1)[0]
    return line.split()


def _leading_numbers(line: str) -> list[float]:
    found: list[float] = []
    for word in _words(line):
        try:
            found.append(number(word))
        except ValueError:
            break
    return found


def _whole_numbers(line: str) -> list[int]:
    """All words of a line, or none."""
    words = _words(line)
    return [int(word) for word in words] if all(map(_WHOLE.fullmatch, words)) else []


def _unlike(lines: list[str], at: int, expected: str) -> InvalidCrystalError:
    return InvalidCrystalError(MALFORMED, f"line {at + 1}: found {lines[at].strip()[:40]!r}, expected {expected}")
