"""The examples that fuzz.py starts from are read by its parsers; the cases that it found stay mended."""

import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from crystalmatrix.crystals import lmdb_rows
from crystalmatrix.crystals.crystal import Failure
from crystalmatrix.crystals.files import read_file
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation import published

from .fuzz import add, table
from .parsers import PARSERS

lmdb = pytest.importorskip("lmdb", reason="the package lmdb is an extra: pip install -c envs/constraints.txt lmdb")
FLAT = struct.pack("<9d", 0, 2, 2, 2, 0, 2, 2, 0, 3.16e-322)  # its inverse is no number
SOUND_CELL = struct.pack("<9d", 0, 2, 2, 2, 0, 2, 2, 2, 0)


def changed(parser: str, *, old: bytes, new: bytes) -> bytes:
    content = PARSERS[parser].example()
    assert old in content
    return content.replace(old, new)


# (parser, what was found): the input that once broke it.
FOUND: dict[tuple[str, str], Callable[[], bytes]] = {
    ("cif", "a loop of sites without a row"): lambda: changed(
        "cif", old=b"Na1 0 0 0 1\nCl1 0.5 0.5 0.5(1) 1\n", new=b""
    ),
    ("parquet", "a column's name that is no text"): lambda: changed("parquet", old=b"numbers", new=b"\x9bumbers"),
    ("ase_db", "a cell next to flat"): lambda: changed("ase_db", old=SOUND_CELL, new=FLAT),
    ("ase_db", "a message that is no text"): lambda: changed("ase_db", old=b"TABLE", new=b"\x8cABLE"),
    ("lmdb", "more rows than there are"): lambda: b"1" + b"8" * 60,
    ("lmdb", "deleted rows that are no numbers"): lambda: b"2\n[[]]",
    ("leaderboard_zip", "an archive of a later version"): lambda: changed(
        "leaderboard_zip", old=b"PK\1\2\x14\3\x14", new=b"PK\1\2\x14\3\x74"
    ),
    ("checkpoint_pickle", "another name of a weight"): lambda: changed(
        "checkpoint_pickle", old=b"edge_update", new=b"      pdate"
    ),
    ("checkpoint_header", "more layers than tensors"): lambda: changed(
        "checkpoint_header", old=b'"layers": 1', new=b'"layers": 1000000000'
    ),
    ("checkpoint_header", "a network larger than any memory"): lambda: changed(
        "checkpoint_header", old=b'"channels": 2', new=b'"channels": 2000000'
    ),
}


@pytest.mark.parametrize("parser", PARSERS)
def test_an_example_is_read(parser: str, tmp_path: Path) -> None:
    held = PARSERS[parser]
    held.write(tmp_path / held.file, held.example())
    assert held.read(tmp_path / held.file)


@pytest.mark.parametrize(("parser", "what"), FOUND)
def test_a_case_that_was_found_is_mended(parser: str, what: str, tmp_path: Path) -> None:
    held = PARSERS[parser]
    held.write(tmp_path / held.file, FOUND[parser, what]())
    began = time.process_time()
    assert not held.read(tmp_path / held.file)
    assert time.process_time() - began < 10


def test_a_row_of_lmdb_and_a_published_table_that_unpack_to_a_thousandfold(tmp_path: Path) -> None:
    rows = tmp_path / "a.aselmdb"
    PARSERS["lmdb"].write(rows, PARSERS["lmdb"].example())
    with (
        lmdb.open(str(rows), subdir=False, lock=False) as database,
        database.begin(write=True) as transaction,
    ):
        transaction.put(b"1", zlib.compress(b" " * (lmdb_rows.MOST_OF_ROW + 9)))
    (found,) = read_file(rows, "a")
    assert isinstance(found, Failure)
    assert "unpacks to more than 64 MB" in found.error
    packed = tmp_path / "a.csv.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b" " * (published.MOST_UNPACKED + 1))
    with pytest.raises(DataError, match=r"it unpacks to 67,108,865 bytes, expected at most"):
        published.read_archive(packed)


def test_counts_add_up(tmp_path: Path) -> None:
    counts = tmp_path / "counts.json"
    add(counts, "cif", n_inputs=1000, seconds=90, broken=False)
    add(counts, "xyz", n_inputs=5, seconds=60, broken=False)
    add(counts, "cif", n_inputs=234, seconds=60, broken=True)
    assert table(counts).split("\n")[2:] == ["| cif | 1,234 | 2 | 1 |", "| xyz | 5 | 1 | 0 |"]
