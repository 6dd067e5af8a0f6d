"""Every parser of ours that reads what others wrote, with examples to start from: what fuzz.py feeds.

In: bytes.  Out: whether the file is good; an assertion or a traceback where a parser breaks its word, which is rows, or
one line. Some inputs are put into the place in a file that a checksum or packing would hide: the pickle and the header
of a checkpoint, the rows of a database.
"""

import io
import json
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

CIF = """data_x
_cell_length_a 5.6\n_cell_length_b 5.6\n_cell_length_c 5.6\n_cell_angle_alpha 90\n_cell_angle_beta 90
_cell_angle_gamma 90\n_space_group_name_H-M_alt 'F m -3 m'\n_chemical_formula_sum 'Na Cl'\nloop_\n_atom_site_label
_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\nNa1 0 0 0 1\nCl1 0.5 0.5 0.5(1) 1\n"""
POSCAR = "x\n1.0\n0 2 2\n2 0 2\n2 2 0\nMg O\n1 1\nSelective\nDirect\n0 0 0 T T F\n.5 .5 .5 T T F\n"
XYZ = '2\nLattice="0 2 2 2 0 2 2 2 0" Properties=species:S:1:pos:R:3 pbc="T T T"\nMg 0 0 0\nO 2 2 2\n'
ATOMS = '{"lattice_mat": [[0, 2, 2], [2, 0, 2], [2, 2, 0]], "coords": [[0, 0, 0], [2, 2, 2]], "elements": ["Mg", "O"], '
ENTRY = f'{{"jid": "a", "atoms": {ATOMS}"cartesian": true}}, "optb88vdw_bandgap": "na", "ehull": 0.1}}'
LABELS = 'id,formation_energy,"band, gap"\nNaCl.cif,-2.01,5.1\nPOSCAR-17;,"-0.33",\n'
CONFIG = "data: {source: minerals, split_fractions: [0.8, 0.1, 0.1]}\n"
CONFIG += "matrix: {tiers: [a]}\ntiers: {a: {model: {architecture: cgcnn}}}\n"
PUBLISHED = "id,target,prediction\nJVASP-1,0.5,0.25\nJVASP-2,1,-1e-3\n"
ROWS = '2\n[]\n{"numbers": [12, 8], "positions": [[0, 0, 0], [2, 2, 2]], "cell": [[0, 2, 2], [2, 0, 2], [2, 2, 0]], '
ROWS += '"pbc": [true, true, true]}'


class Parser(NamedTuple):
    """The file's name, what to start from, what reads it, and how the bytes become a file."""

    file: str
    example: Callable[[], bytes]
    read: Callable[[Path], bool]  # whether the file is good
    write: Callable[[Path, bytes], object] = Path.write_bytes


def structures(path: Path) -> bool:
    """Whether all are crystals."""
    from crystalmatrix.crystals.crystal import Failure
    from crystalmatrix.crystals.files import read_file

    all_good = True
    for item in read_file(path, "mine"):
        if isinstance(item, Failure):
            all_good = False
            assert "\n" not in item.error
            assert "does not fit what it is said to be" not in item.error, "the last resort: a defect of a reader"
    return all_good


def entries(path: Path) -> bool:
    from crystalmatrix.data.archive import read_entries
    from crystalmatrix.data.entries import fields_of
    from crystalmatrix.data.records import build_records

    with _one_line():
        build_records(read_entries(path), id_key="jid", fields=fields_of({}), workers=1)
        return True
    return False


def labels(path: Path) -> bool:
    from crystalmatrix.data.labels_table import read_labels

    with _one_line():
        list(read_labels(path))
        return True
    return False


def config(path: Path) -> bool:
    from crystalmatrix.config import load

    with _one_line():
        load(path)
        return True
    return False


def published(path: Path) -> bool:
    from crystalmatrix.evaluation.published import read_archive

    with _one_line():
        read_archive(path)
        return True
    return False


def metrics(path: Path) -> bool:
    from crystalmatrix.contracts.scores import ModelScores

    with _one_line():
        ModelScores.read(path)
        return True
    return False


def checkpoint(path: Path) -> bool:
    """As far as the networks that predict."""
    import torch

    from crystalmatrix.trained.checkpoint import load_checkpoint

    with _one_line():
        load_checkpoint(path).models(torch.device("cpu"))
        return True
    return False


class _one_line(suppress):  # noqa: N801  # a context manager, named as those of contextlib
    """A user's error is fine if it is one line."""

    def __init__(self) -> None:
        from crystalmatrix.errors import UserError

        super().__init__(UserError)

    def __exit__(self, kind, error, traceback):  # type: ignore[no-untyped-def]  # as contextlib has it
        known = super().__exit__(kind, error, traceback)
        assert not known or "\n" not in str(error)
        return known


def zipped(path: Path, content: bytes) -> None:
    """Uncompressed: what is damaged in it is not hidden behind the packing."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(path.stem), content)


def as_zip(path: Path, content: str) -> bytes:
    zipped(path, content.encode())
    return path.read_bytes()


def put_rows(path: Path, content: bytes) -> None:
    """An LMDB database: of the lines `nextid`, `deleted_ids` and rows."""
    import lmdb

    path.unlink(missing_ok=True)
    lines = zip((b"nextid", b"deleted_ids", b"1", b"2", b"3", b"4"), content.split(b"\n"), strict=False)
    with (
        lmdb.open(str(path), subdir=False, map_size=1 << 20, lock=False, sync=False) as database,
        database.begin(write=True) as transaction,
    ):
        for key, line in lines:
            transaction.put(key, zlib.compress(line, 0))


def small_sqlite(path: Path) -> bytes:
    """As ase.db lays it out, in pages as small as may be."""
    numbers = np.array([12, 8], "<i4").tobytes()
    positions = np.array([[0, 0, 0], [2, 2, 2]], "<f8").tobytes()
    cell = np.array([[0, 2, 2], [2, 0, 2], [2, 2, 0]], "<f8").tobytes()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA page_size = 512")
        database.execute("CREATE TABLE systems (id INTEGER PRIMARY KEY, numbers, positions, cell, pbc)")
        database.execute("INSERT INTO systems VALUES (1, ?, ?, ?, 7)", [numbers, positions, cell])
    return path.read_bytes()


def small_parquet(path: Path) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {"numbers": [12, 8], "positions": [[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]], "cell": (4 * np.eye(3)).tolist()}
    pq.write_table(pa.Table.from_pylist([row | {"pbc": [True] * 3}]), path, store_schema=False, compression="none")
    return path.read_bytes()


@cache
def small_model() -> bytes:
    """A model of a few weights, trained for two epochs."""
    import torch

    from crystalmatrix.trained.checkpoint import save_checkpoint
    from crystalmatrix.training.run import train

    from ..training.cases import training_data, with_training

    settings = with_training(max_epochs=2, min_epochs=2)
    small = settings.model.model_copy(update={"channels": 2, "edge_channels": 2})
    settings = settings.model_copy(update={"model": small})
    task = "formation_energy"
    data, cpu = training_data([task], n=16), torch.device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        made = train(data, tier="tiny", task=task, settings=settings, run=Path(folder) / "run", device=cpu)
        save_checkpoint(Path(folder) / "model.pt", made)
        return (Path(folder) / "model.pt").read_bytes()


def member(name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(small_model())) as archive:
        return archive.read(next(held for held in archive.namelist() if held.endswith(name)))


def put_pickle(path: Path, content: bytes) -> None:
    """The small model with another pickle, under checksums that are right."""
    with zipfile.ZipFile(io.BytesIO(small_model())) as sound, zipfile.ZipFile(path, "w") as archive:
        for info in sound.infolist():
            archive.writestr(info.filename, content if info.filename.endswith("data.pkl") else sound.read(info))


def header() -> bytes:
    import torch

    return torch.load(io.BytesIO(small_model()), weights_only=True)["header"].encode()


def put_header(path: Path, content: bytes) -> None:
    import torch

    held = torch.load(io.BytesIO(small_model()), weights_only=True)
    torch.save(held | {"header": content.decode("utf-8", "replace")}, path)


def small_scores() -> bytes:
    """Without its checksum."""
    from .artefacts import build

    with tempfile.TemporaryDirectory() as folder:
        content = json.loads(build(Path(folder))["model.metrics.json"])
    del content["content_sha256"]
    return json.dumps(content).encode()


def _made(make: Callable[[Path], bytes], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return make(Path(folder) / name)


PARSERS: dict[str, Parser] = {
    "cif": Parser("a.cif", CIF.encode, structures),
    "poscar": Parser("POSCAR", POSCAR.encode, structures),
    "xyz": Parser("a.xyz", XYZ.encode, structures),
    "json": Parser("a.json", f"[{ENTRY}]".encode, structures),
    "jsonl": Parser("a.jsonl", f"{ENTRY}\n{ENTRY}\n".encode, structures),
    "parquet": Parser("a.parquet", lambda: _made(small_parquet, "a.parquet"), structures),
    "ase_db": Parser("a.db", lambda: _made(small_sqlite, "a.db"), structures),
    "lmdb": Parser("a.aselmdb", ROWS.encode, structures, put_rows),
    "entries": Parser("raw.json", f"[{ENTRY}, {ENTRY}]".encode, entries),
    "archive": Parser("a.json.zip", lambda: _made(lambda path: as_zip(path, f"[{ENTRY}]"), "a.json.zip"), entries),
    "labels": Parser("labels.csv", LABELS.encode, labels),
    "config": Parser("config.yaml", CONFIG.encode, config),
    "leaderboard": Parser("a.csv.zip", PUBLISHED.encode, published, zipped),
    "leaderboard_zip": Parser("a.csv.zip", lambda: _made(lambda path: as_zip(path, PUBLISHED), "a.csv.zip"), published),
    "metrics": Parser("a.metrics.json", small_scores, metrics),
    "checkpoint": Parser("model.pt", small_model, checkpoint),
    "checkpoint_pickle": Parser("model.pt", lambda: member("data.pkl"), checkpoint, put_pickle),
    "checkpoint_header": Parser("model.pt", header, checkpoint, put_header),
}
