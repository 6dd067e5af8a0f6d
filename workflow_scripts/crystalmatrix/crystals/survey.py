"""How much work a file of crystals is, and where in it reading can begin, without a crystal being made of anything.

In: files, as `structure_files` lists them.  Out: Stretches, one behind the other; parts of about the same work, cut
between two of them; about how many crystals there are.

Texts that tell where a crystal begins (extended XYZ, JSON lines, a JSON list) and databases are entered anywhere; what
is packed is unpacked up to there. Of other JSON, as {id: entry}, a part decodes, and throws away, what is before it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import NamedTuple

from crystalmatrix.contracts.screening import BEGIN, PartPlan, Start
from crystalmatrix.crystals import ase_db, lmdb_rows, parquet_rows
from crystalmatrix.crystals.crystal import InvalidCrystalError
from crystalmatrix.crystals.files import HEAD, JSON_LINES, database_of, text_kind
from crystalmatrix.crystals.formats import ASE_DB, JSON, LMDB, PARQUET, XYZ, file_kind
from crystalmatrix.crystals.json_entries import list_places
from crystalmatrix.crystals.text import CHUNK, bytes_as_text, lines_with_places, open_bytes, open_text
from crystalmatrix.crystals.xyz import frame_places

GRAIN = 256  # crystals of a stretch: parts are cut no finer within a file
BYTES_AN_ATOM = 80  # of a text
_WORDS = {JSON: (b"lattice_mat", b'"sites"', b'"positions"'), XYZ: (b"attice",)}  # words that each crystal has once


class Stretch(NamedTuple):
    """Consecutive crystals of a file."""

    start: Start
    n_crystals: int
    n_atoms: float  # or about so many: the work


def cut(files: list[tuple[str, Path]], n_parts: int) -> tuple[PartPlan, ...]:
    """Exactly `n_parts` parts of about the same work; some are empty where there are few crystals."""
    stretches = [(number, stretch) for number, (_, path) in enumerate(files) for stretch in survey(path)]
    total = sum(stretch.n_atoms for _, stretch in stretches)
    begins: list[PartPlan] = []
    atoms, crystals = 0.0, 0
    for number, stretch in stretches:
        while len(begins) < n_parts and atoms >= len(begins) / n_parts * total:
            begins.append(PartPlan(file=number, start=stretch.start, n_crystals=crystals))  # so far: those before it
        atoms, crystals = atoms + stretch.n_atoms, crystals + stretch.n_crystals
    end = PartPlan(file=len(files), start=BEGIN, n_crystals=crystals)
    begins += [end] * (n_parts + 1 - len(begins))
    return tuple(
        one.model_copy(update={"n_crystals": after.n_crystals - one.n_crystals}) for one, after in pairwise(begins)
    )


def files_digest(files: list[tuple[str, Path]]) -> str:
    """Of ids, sizes and times of the files: whether a plan still fits."""
    digest = hashlib.sha256()
    for identity, path in files:
        state = path.stat()
        digest.update(f"{identity}\0{state.st_size} {state.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def survey(path: Path) -> Iterator[Stretch]:
    """At least one; what cannot be read is one crystal, the Failure that the reader makes of it."""
    found = False
    with suppress(InvalidCrystalError):  # as far as it can be read
        for stretch in _SURVEYS.get(_kind(path), _one)(path):
            found = True
            yield stretch
    if not found:
        yield Stretch(BEGIN, 1, 1.0)


def estimated_count(files: Iterable[tuple[str, Path]]) -> int:
    """About how many crystals the files hold, for a progress bar."""
    return sum(max(_count(path), 1) for _, path in files)


def _count(path: Path) -> int:
    with suppress(InvalidCrystalError):
        if database := database_of(path):
            return sum(stretch.n_crystals for stretch in _SURVEYS[database](path))
        if words := _WORDS.get(file_kind(path) or ""):
            return _most_frequent(words, path)[0]
    return 1


def _kind(path: Path) -> str:
    if kind := database_of(path):
        return kind
    with open_text(path) as stream:
        return text_kind(stream.read(HEAD), path)


def _one(path: Path) -> Iterator[Stretch]:
    yield Stretch(BEGIN, 1, path.stat().st_size / BYTES_AN_ATOM)


def _of_frames(path: Path) -> Iterator[Stretch]:
    return _in_stretches((Start(place=place, line=line), n) for place, line, n in frame_places(lines_with_places(path)))


def _of_lines(path: Path) -> Iterator[Stretch]:
    lines = ((place, line) for place, line in lines_with_places(path) if line.strip())
    return _in_stretches((Start(place=place), len(line) / BYTES_AN_ATOM) for place, line in lines)


def _of_list(path: Path) -> Iterator[Stretch]:
    places = list_places(bytes_as_text(path))
    if (first := next(places, None)) is not None:
        return _in_stretches((Start(place=place), length / BYTES_AN_ATOM) for place, length in chain([first], places))
    n_crystals, n_bytes = _most_frequent(_WORDS[JSON], path)
    return _even(n_crystals, n_bytes / BYTES_AN_ATOM)


def _of_ase(path: Path) -> Iterator[Stretch]:
    return _in_stretches((Start(place=key), n_atoms) for key, n_atoms in ase_db.sizes(path))


def _of_lmdb(path: Path) -> Iterator[Stretch]:
    return _even(lmdb_rows.count(path), path.stat().st_size / BYTES_AN_ATOM)


def _of_parquet(path: Path) -> Iterator[Stretch]:
    before = 0
    for n_rows, n_bytes in parquet_rows.sizes(path):
        yield from _even(n_rows, n_bytes / BYTES_AN_ATOM, before=before)
        before += n_rows


_SURVEYS: dict[str, Callable[[Path], Iterator[Stretch]]] = {
    XYZ: _of_frames,
    JSON_LINES: _of_lines,
    JSON: _of_list,
    ASE_DB: _of_ase,
    LMDB: _of_lmdb,
    PARQUET: _of_parquet,
}


def _in_stretches(crystals: Iterator[tuple[Start, float]]) -> Iterator[Stretch]:
    """Of every crystal where it begins and its work."""
    before = 0
    while group := list(islice(crystals, GRAIN)):
        yield Stretch(group[0][0].model_copy(update={"crystal": before}), len(group), sum(n for _, n in group))
        before += len(group)


def _even(n_crystals: int, n_atoms: float, *, before: int = 0) -> Iterator[Stretch]:
    """Of crystals that are found by their number, and taken as equally large."""
    for first in range(0, n_crystals, GRAIN):
        n = min(GRAIN, n_crystals - first)
        yield Stretch(Start(crystal=before + first), n, n_atoms * n / n_crystals)


def _most_frequent(words: tuple[bytes, ...], path: Path) -> tuple[int, int]:
    """How often the most frequent of the words stands in the unpacked file; the bytes of it."""
    counts, ends, size = [0] * len(words), [b""] * len(words), 0
    with open_bytes(path) as stream:
        while block := stream.read(CHUNK):
            size += len(block)
            for k, word in enumerate(words):
                text = ends[k] + block  # with what may be the first half of a word
                counts[k] += text.count(word)
                ends[k] = text[1 - len(word) :]
    return max(counts), size
