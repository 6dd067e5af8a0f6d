"""Files of many crystals, of every kind that reading enters anywhere, with the same crystals in them."""

import json
import zlib
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ase import Atoms
from ase.db import connect
from ase.io.jsonio import encode

KINDS = ("crystals.extxyz", "crystals.jsonl", "crystals.json", "crystals.parquet", "crystals.db", "crystals.aselmdb")


def crystals(n: int) -> list[Atoms]:
    """Rock salts of growing cells, all different; every seventh has two more atoms."""
    found = []
    for k in range(n):
        a = 4.0 + 0.01 * k
        atoms = Atoms("NaCl", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[a, a, a], pbc=True)
        found.append(atoms.repeat((2, 1, 1)) if k % 7 == 0 else atoms)
    return found


def jarvis(atoms: Atoms) -> dict[str, Any]:
    inner = {"lattice_mat": atoms.cell.tolist(), "coords": atoms.get_scaled_positions().tolist()}
    return {"atoms": {**inner, "elements": list(atoms.symbols), "cartesian": False}}


def optimade(atoms: Atoms) -> dict[str, Any]:
    return {
        "species_at_sites": list(atoms.symbols),
        "cartesian_site_positions": atoms.positions.tolist(),
        "lattice_vectors": atoms.cell.tolist(),
    }


def write(path: Path, items: list[Atoms]) -> Path:
    """By the suffix."""
    if path.suffix == ".extxyz":
        ase.io.write(path, items)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(jarvis(one)) + "\n" for one in items))
    elif path.suffix == ".json":
        path.write_text(json.dumps([jarvis(one) for one in items]))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(map(optimade, items))), path, row_group_size=100)
    elif path.suffix == ".db":
        with connect(path) as database:
            for one in items:
                database.write(one)
    else:
        write_lmdb(path, items)
    return path


def write_lmdb(path: Path, items: list[Atoms], *, deleted: tuple[int, ...] = (), **others: bytes) -> None:
    """As fairchem's LMDBDatabase does; `others` go under their own keys."""
    import lmdb

    with (
        lmdb.open(str(path), subdir=False, map_size=1 << 26, lock=False) as database,
        database.begin(write=True) as put,
    ):
        for key, one in enumerate(items, 1):
            row = {"numbers": one.numbers, "positions": one.positions, "cell": np.asarray(one.cell), "pbc": one.pbc}
            if key not in deleted:
                put.put(str(key).encode(), zlib.compress(encode(row).encode()))
        put.put(b"nextid", zlib.compress(json.dumps(len(items) + 1).encode()))
        put.put(b"deleted_ids", zlib.compress(json.dumps(list(deleted)).encode()))
        for key, value in others.items():
            put.put(key.encode(), value)
