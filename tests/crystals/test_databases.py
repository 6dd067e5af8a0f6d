"""Files of many crystals: entered anywhere, the crystals are those of the whole; what is no database is one line."""

import sqlite3
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crystalmatrix.contracts.screening import Start
from crystalmatrix.crystals import ase_db, formats, survey
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.files import read_file, structure_files
from crystalmatrix.crystals.formats import BYTES_A_PART, MOST_PARTS, parts_by_size
from crystalmatrix.crystals.parquet_rows import rows
from crystalmatrix.crystals.survey import cut, estimated_count
from crystalmatrix.crystals.survey import survey as stretches
from crystalmatrix.errors import DataError

from .databases import KINDS, crystals, optimade, write, write_lmdb
from .reading import error, read, same

N = 30
lmdb = pytest.importorskip("lmdb", reason="the package lmdb is an extra: pip install -c envs/constraints.txt lmdb")


@pytest.fixture(autouse=True)
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "GRAIN", 4)


@pytest.mark.parametrize("name", KINDS)
def test_the_crystals_are_those_that_were_written(tmp_path: Path, name: str) -> None:
    found = read(write(tmp_path / name, crystals(N)))
    assert len(found) == N
    for item, atoms in zip(found, crystals(N), strict=True):
        assert isinstance(item, Crystal), item
        assert same(item, atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers, within=1e-6)
    first = 1 if name.endswith("db") else 0  # keys of rows begin at 1
    assert [item.id for item in found] == [f"{name}@{k + first}" for k in range(N)]
    assert estimated_count([(name, tmp_path / name)]) == N


def plain(items: list[Crystal | Failure]) -> list[tuple]:
    return [
        (i.id, i.error) if isinstance(i, Failure) else (i.id, i.lattice.tolist(), i.fractional.tolist()) for i in items
    ]


@pytest.mark.parametrize("name", [*KINDS, "crystals.extxyz.gz"])
def test_every_stretch_begins_where_the_one_before_it_ends(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, crystals(N)) if not name.endswith(".gz") else packed(tmp_path / name)
    whole = plain(list(read_file(path, name)))
    found = list(stretches(path))
    assert [stretch.n_crystals for stretch in found] == [4] * 7 + [2]
    for stretch in found:
        assert plain(list(read_file(path, name, stretch.start))) == whole[stretch.start.crystal :]
    assert plain(list(read_file(path, name, Start(crystal=17)))) == whole[17:]


def packed(path: Path) -> Path:
    import gzip

    text = write(path.with_suffix(""), crystals(N)).read_bytes()
    path.write_bytes(gzip.compress(text))
    return path


DAMAGED = [
    "\ufeff2\n" + 'Lattice="4 0 0 0 4 0 0 0 4" note="é"\nNa 0 0 0\nCl 2 2 2\n\n',
    "x\n" + 'Lattice="4 0 0 0 4 0 0 0 4"\nNa 0 0 0\nCl 2 2 2\n',
    "2\r\n" + 'Lattice="4 0 0 0 4 0 0 0 4"\r\nNa 0 0 0\r\nCl 2 2\r\n',
    "2\r" + 'Lattice="5 0 0 0 5 0 0 0 5"\rNa 0 0 0\rCl 2 2 2\r',
    "3\n" + 'Lattice="6 0 0 0 6 0 0 0 6"\nNa 0 0 0\nCl 2 2 2\n',
]


@pytest.mark.parametrize("order", range(5))
def test_damaged_frames_of_any_line_ends_are_entered_alike(tmp_path: Path, order: int) -> None:
    """Bytes are counted and not characters, lines as the reader counts them: errors name the same line."""
    path = tmp_path / "a.xyz"
    path.write_bytes("".join([DAMAGED[(k + order) % 5] for k in range(15)]).encode())
    whole = plain(list(read_file(path, "a")))
    found = list(stretches(path))
    assert len(found) > 1
    for stretch in found:
        assert plain(list(read_file(path, "a", stretch.start))) == whole[stretch.start.crystal :]
    moved = found[1].start.model_copy(update={"place": found[1].start.place + 1})
    assert plain(list(read_file(path, "a", moved))) != whole[moved.crystal :]  # the control: a byte is noticed


@pytest.mark.parametrize("n_parts", [1, 3, 8, 40])
def test_parts_hold_every_crystal_once_and_about_the_same_work(tmp_path: Path, n_parts: int) -> None:
    for name in KINDS:
        write(tmp_path / name, crystals(N))
    (tmp_path / "broken.cif").write_text("nothing")
    files = structure_files([tmp_path])
    parts = cut(files, n_parts)
    assert len(parts) == n_parts
    assert sum(part.n_crystals for part in parts) == len(KINDS) * N + 1
    assert [(p.file, p.start.crystal) for p in parts] == sorted((p.file, p.start.crystal) for p in parts)
    alone = cut(files[2:3], n_parts)  # one list
    if n_parts <= 3:
        assert max(p.n_crystals for p in alone) - min(p.n_crystals for p in alone) <= 8


def test_utf16_is_read_by_one_part(tmp_path: Path) -> None:
    path = write(tmp_path / "a.extxyz", crystals(9))
    path.write_text(path.read_text(), encoding="utf-16")
    assert [stretch.start.crystal for stretch in stretches(path)] == [0]
    assert len(read(path)) == 9


def test_how_many_parts_goes_by_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    sizes = (0, 1, BYTES_A_PART, BYTES_A_PART + 1, 10**13)
    for size, parts in zip(sizes, (1, 1, 1, 2, MOST_PARTS), strict=True):
        with path.open("wb") as handle:
            handle.truncate(size)  # a hole: no bytes on the disk
        assert parts_by_size([path]) == parts


def test_deleted_rows_of_lmdb_are_passed_over(tmp_path: Path) -> None:
    write_lmdb(tmp_path / "a.aselmdb", crystals(6), deleted=(2, 5))
    assert [item.id for item in read(tmp_path / "a.aselmdb")] == [f"a.aselmdb@{k}" for k in (1, 3, 4, 6)]


def test_a_damaged_row_is_one_row(tmp_path: Path) -> None:
    pickle = b"\x80\x04\x95."  # what other LMDB databases hold, and what is never loaded
    write_lmdb(tmp_path / "a.lmdb", crystals(3), **{"2": pickle, "3": zlib.compress(b'{"numbers": [11]}')})
    one, two, three = read(tmp_path / "a.lmdb")
    assert isinstance(one, Crystal)
    assert two == Failure("a.lmdb@2", "unreadable: the row is no packed JSON, as fairchem writes it")
    assert three.id == "a.lmdb@3"
    write(tmp_path / "a.db", crystals(3))
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("UPDATE systems SET positions = x'00' WHERE id = 2")
        database.execute("UPDATE systems SET pbc = 3 WHERE id = 3")
    database.close()
    one, two, three = read(tmp_path / "a.db")
    assert isinstance(one, Crystal)
    assert isinstance(two, Failure)
    assert "no arrays as ASE writes them" in two.error
    assert isinstance(three, Failure)
    assert three.error == "not periodic: pbc is set along a, b, expected all three directions"


def other_lmdb(path: Path) -> bytes:
    with lmdb.open(str(path), subdir=False, lock=False) as database, database.begin(write=True) as put:
        put.put(b"0", b"\x80\x04")
    return path.read_bytes()


def other_table(path: Path) -> bytes:
    pq.write_table(pa.table({"id": ["a"], "energy": [1.0]}), path)
    return path.read_bytes()


def other_sqlite(path: Path) -> bytes:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes (text)")
    database.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.db", other_sqlite, "does not open as one of ASE, with a table `systems`: no such table"),
        ("a.db", lambda path: b"SQLite format 3\0" + b"x" * 2000, "does not open as one of ASE"),
        ("a.db", lambda path: b"2\nLattice", "named as ase.db, but its content does not begin as that does"),
        ("a.lmdb", other_lmdb, "without the key `nextid`, expected rows of ASE as fairchem writes them"),
        ("a.lmdb", lambda path: b"\0" * 16 + b"\xde\xc0\xef\xbe" + b"x" * 9000, "the LMDB database does not open"),
        ("a.aselmdb", lambda path: b"rows", "named as lmdb, but its content"),
        ("a.parquet", other_table, "found the columns id, energy, expected structures"),
        ("a.parquet", lambda path: b"PAR1" + b"x" * 200, "the Parquet table is damaged or cut short"),
        ("a.parquet", lambda path: b"", "an empty file"),
    ],
)
def test_what_is_no_database_of_crystals_is_one_line(tmp_path: Path, name: str, content, said: str) -> None:  # type: ignore[no-untyped-def]  # a lambda or a function
    written = content(tmp_path / "made")
    assert said in error(tmp_path / name, written)
    assert [stretch.n_crystals for stretch in stretches(tmp_path / name)] == [1]
    assert list(read_file(tmp_path / name, "a", Start(crystal=1))) == []  # its one Failure is not said twice


@pytest.mark.parametrize("form", ["json text", "struct", "ours", "own id"])
def test_tables_in_other_forms(tmp_path: Path, form: str) -> None:
    import json

    (atoms,) = crystals(1)
    inner = {"numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist()}
    inner |= {"cell": atoms.cell.tolist(), "pbc": [True] * 3}
    row = {
        "json text": {"structure": json.dumps(inner)},
        "struct": {"atoms": inner, "energy": 1.0},
        "ours": {
            "jid": "J",
            "species": atoms.numbers.tolist(),
            "fractional": atoms.get_scaled_positions().ravel().tolist(),
            "lattice": atoms.cell.array.ravel().tolist(),
        },
        "own id": {**optimade(atoms), "immutable_id": "agm1", "dimension_types": [1, 1, 1]},
    }[form]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    (found,) = read(tmp_path / "a.parquet")
    assert isinstance(found, Crystal), found
    assert found.id == {"ours": "J", "own id": "agm1"}.get(form, "a.parquet@0")
    assert same(found, atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers, within=1e-9)


def test_a_slab_in_a_table_is_refused(tmp_path: Path) -> None:
    row = {**optimade(crystals(1)[0]), "dimension_types": [1, 1, 0]}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    assert "'dimension_types'" not in error(tmp_path / "a.parquet")
    assert "pbc is set along a, b" in error(tmp_path / "a.parquet")


def test_lmdb_without_its_package_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.aselmdb", crystals(1))
    assert structure_files([tmp_path])
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"a\.aselmdb: an LMDB database.*pip install -c envs/constraints\.txt lmdb"):
        structure_files([tmp_path])


def test_numbers_of_a_row_are_those_of_ase(tmp_path: Path) -> None:
    """The slow twin: ASE's own reader of its database."""
    from ase.db import connect

    path = write(tmp_path / "a.db", crystals(8))
    for item, row in zip(read(path), connect(path).select(), strict=True):
        assert isinstance(item, Crystal)
        assert item.species.tolist() == row.numbers.tolist()
        np.testing.assert_allclose(item.fractional @ item.lattice, row.positions, atol=1e-12)


def test_one_row_group_is_read_piece_by_piece(tmp_path: Path) -> None:
    """As pandas writes a table: of its 24 MB, a few stand in memory at once."""
    n_rows, n_atoms = 50_000, 20

    def lists(values: np.ndarray) -> pa.Array:
        return pa.ListArray.from_arrays(np.arange(n_rows + 1, dtype=np.int32) * (len(values) // n_rows), values)

    fractional = lists(np.random.default_rng(0).random(n_rows * 3 * n_atoms))
    numbers, cell = lists(np.tile([11, 17], n_rows * n_atoms // 2)), lists(np.tile(np.eye(3).ravel() * 30, n_rows))
    path = tmp_path / "one.parquet"
    pq.write_table(pa.table({"species": numbers, "fractional": fractional, "lattice": cell}), path)
    assert (pq.read_metadata(path).num_row_groups, path.stat().st_size > 23e6) == (1, True)
    pool = pa.default_memory_pool()
    before, held = pool.bytes_allocated(), []
    for number, _ in rows(path, Start()):
        held.append(pool.bytes_allocated() - before)
        if number == 2_000:
            break
    assert max(held) < 10e6


@pytest.mark.parametrize("in_use", [False, True])
def test_a_database_with_a_log_of_changes(tmp_path: Path, in_use: bool) -> None:
    """Read without a file of ours beside it, which a folder may refuse; with what a log holds, if there is one."""
    path = write(tmp_path / "crystals.db", crystals(5))
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    if in_use:
        writer.execute("DELETE FROM systems WHERE id = 5")
        writer.commit()
        assert path.with_name("crystals.db-wal").stat().st_size
    else:
        writer.close()
    found = ase_db.rows(path, Start())
    assert next(found)[0] == 1
    assert in_use or [one.name for one in tmp_path.iterdir()] == ["crystals.db"]
    assert [key for key, _ in found] == ([2, 3, 4] if in_use else [2, 3, 4, 5])
    writer.close()
