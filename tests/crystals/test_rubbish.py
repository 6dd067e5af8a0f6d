"""Whatever lies in a file, the reader neither raises nor hangs: rows come out, and each says what it is in one line."""

import json
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.files import read_file

NAMES = ["a.cif", "POSCAR", "a.xyz", "a.json", "a.jsonl", "XDATCAR", "unknown"]
POSCAR = "x\n1.0\n0 2 2\n2 0 2\n2 2 0\nMg O\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
FRAMES = 2 * '2\nLattice="0 2 2 2 0 2 2 2 0" Properties=species:S:1:pos:R:3 pbc="T T T"\nMg 0 0 0\nO 2 2 2\n'
ATOMS = {"lattice_mat": [[0, 2, 2], [2, 0, 2], [2, 2, 0]], "coords": [[0, 0, 0], [2, 2, 2]], "elements": ["Mg", "O"]}
ENTRIES = json.dumps([{"jid": "a", "atoms": {**ATOMS, "cartesian": True}}] * 2)
SECONDS = 10  # far more than any of these takes


def rows(name: str, content: bytes) -> list[Crystal | Failure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        start = time.process_time()
        found = list(read_file(path, name))
        assert time.process_time() - start < SECONDS
    assert found
    for item in found:
        if isinstance(item, Failure):
            assert item.error.strip()
            assert "\n" not in item.error
            assert "does not fit what it is said to be" not in item.error  # the last resort: a defect of a reader
    return found


@given(content=st.binary(max_size=300), name=st.sampled_from(NAMES))
def test_any_bytes(content, name):
    rows(name, content)


TOKENS = "0 1 2 3 -.5 1e9 nan 1D0 -1 Mg O Qq Direct Cartesian Selective = [ ] { } : , \" ' ! # null"
LABELS = 'data_x loop_ _cell_length_a _atom_site_label Lattice= pbc= Properties= "atoms"'
WORDS = st.sampled_from([*TOKENS.split(), *LABELS.split(), "\n", "\n", "\r", " "])


@given(words=st.lists(WORDS, max_size=60), name=st.sampled_from(NAMES))
def test_any_words_of_these_formats(words, name):
    rows(name, " ".join(words).encode())


@given(data=st.data(), name=st.sampled_from(NAMES[1:]), original=st.sampled_from([POSCAR, FRAMES, ENTRIES]))
@settings(max_examples=200)
def test_any_damage_to_a_good_file(data, name, original):
    start = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(start, min(start + 20, len(original))))
    inserted = data.draw(st.text(max_size=10) | WORDS)
    rows(name, (original[:start] + inserted + original[end:]).encode("utf-8", "surrogatepass"))


def test_the_originals_are_good():
    for name, original in (("POSCAR", POSCAR), ("a.xyz", FRAMES), ("a.json", ENTRIES)):
        assert all(isinstance(item, Crystal) for item in rows(name, original.encode()))


N = 100_000
LONG = {
    "a count beyond all": b"999999999\nLattice=\n" + b"Mg 0 0 0\n" * N,
    "brackets": b"2\n" + b"a=[" * N,
    "quotes": b"2\n" + b'a="\\' * N,
    "equals signs": b"2\n" + b"a=" * N + b"\nMg 0 0 0\n",
    "names without end": b"2\n" + b"a" * N,
    "counts": b"2\n" * N,
    "blank lines": b"2\n" + b"\n" * N,
    "open brackets": b"[" * N,
    "open objects": b'{"a":' * N,
    "an open string": b'[{"a": "' + b"x" * (10 * N),
    "commas": b"[" + b"1," * N,
    "many keys": b"{" + b",".join(b'"%d": {"a": 1}' % k for k in range(N // 10)) + b"}",
    "counts of no atoms": b"x\n1\n0 2 2\n2 0 2\n2 2 0\nMg\n" + b"0 " * N + b"\nDirect\n",
    "words": b"x\n1\n0 2 2\n2 0 2\n2 2 0\n" + b"Mg\n" * N,
    "numbers": b"1 2 3\n" * N,
    "configurations": b"x\n1\n0 2 2\n2 0 2\n2 2 0\nMg\n1\n" + b"Direct configuration= 1\n0 0 0\n" * (N // 100),
}


@pytest.mark.parametrize("content", LONG.values(), ids=LONG)
@pytest.mark.parametrize("name", ["POSCAR", "a.xyz", "a.json"])
def test_long_rubbish_takes_bounded_time(content, name):
    rows(name, content)


def test_a_reader_that_hangs_or_speaks_in_exceptions_would_be_seen(monkeypatch):
    def broken(*_arguments: object, **_options: object) -> object:
        raise ValueError("could not convert string to float: 'x'")

    monkeypatch.setattr("crystalmatrix.crystals.files.read_poscar", broken)
    with pytest.raises(AssertionError, match="does not fit what it is said to be"):
        rows("POSCAR", POSCAR.encode())
    monkeypatch.setitem(globals(), "SECONDS", 0)
    with pytest.raises(AssertionError):
        rows("a.xyz", FRAMES.encode())
