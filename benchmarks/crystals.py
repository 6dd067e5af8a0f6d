"""Real crystals for the benchmarks, the same for every model and every process.

In: a JARVIS data set (.json.zip) or results/data/records.parquet.  Out: a random sample, cut into equal batches, in one
.npz file of flat arrays that a process with any installation reads.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
RUNS = (ROOT / "part/results", ROOT / "results")  # of the part, as docs/results.md makes it, or of everything
RECORDS, RAW = "data/records.parquet", "data/raw.json.zip"


def default_source(name: str = RECORDS) -> Path:
    """That file of the first of RUNS that has it. Raises FileNotFoundError with what makes it."""
    for run in RUNS:
        if (run / name).exists():
            return run / name
    raise FileNotFoundError(
        f"found {name} in neither {RUNS[0]} nor {RUNS[1]}; name a file, or run: snakemake results/{name}"
    )


def save_sample(source: Path, out: Path, *, n_batches: int, batch_size: int, seed: int = 0) -> None:
    """Draw n_batches * batch_size crystals; every batch holds one crystal of each stratum of size, as in training.

    Arrays: jid [n], atom_pointer [n + 1], species [n_atoms], fractional [n_atoms, 3], lattice [n, 3, 3] Å,
    target [n] eV/atom (zero where there is none), batches [n_batches, batch_size].
    """
    from crystalmatrix.features.sampling import epoch_batches

    crystals = _from_zip(source) if source.name.endswith(".zip") else _from_records(source)
    chosen = np.random.default_rng(seed).permutation(len(crystals))[: n_batches * batch_size]
    rows = [crystals[k] for k in np.sort(chosen)]
    n_atoms = np.array([len(row["species"]) for row in rows])
    batches = epoch_batches(np.arange(len(rows)), n_atoms, batch_size=batch_size, seed=seed, epoch=0)
    np.savez(
        out,
        jid=np.array([row["jid"] for row in rows]),
        atom_pointer=np.concatenate([[0], np.cumsum(n_atoms)]),
        species=np.concatenate([row["species"] for row in rows]).astype(np.uint8),
        fractional=np.concatenate([row["fractional"] for row in rows]),
        lattice=np.stack([row["lattice"] for row in rows]),
        target=np.array([row["target"] for row in rows], np.float32),
        batches=np.stack(batches),
    )


def load_sample(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of `save_sample`."""
    with np.load(path) as file:
        return dict(file)


def _from_zip(path: Path) -> list[Mapping[str, Any]]:
    from crystalmatrix.elements import SYMBOLS

    with zipfile.ZipFile(path) as archive:
        entries = json.loads(archive.read(archive.namelist()[0]))
    number = {symbol: z for z, symbol in enumerate(SYMBOLS)}
    return [
        {
            "jid": entry["jid"],
            "species": [number[symbol.strip()] for symbol in entry["atoms"]["elements"]],
            "fractional": _fractional(entry["atoms"]),
            "lattice": np.array(entry["atoms"]["lattice_mat"], np.float64),
            "target": value if isinstance(value := entry["formation_energy_peratom"], float) else 0.0,
        }
        for entry in entries
    ]


def _fractional(atoms: Mapping[str, Any]) -> NDArray[np.float64]:
    coordinates = np.array(atoms["coords"], np.float64)
    if atoms["cartesian"]:
        coordinates = coordinates @ np.linalg.inv(np.array(atoms["lattice_mat"], np.float64))
    return coordinates - np.floor(coordinates)


def _from_records(path: Path) -> list[Mapping[str, Any]]:
    from crystalmatrix import files
    from crystalmatrix.contracts import columns

    names = [columns.JID, columns.SPECIES, columns.FRACTIONAL, columns.LATTICE, "formation_energy"]
    table, _ = files.read_table(path, version=columns.RECORDS_VERSION, columns=names)
    return [
        {
            "jid": row[columns.JID],
            "species": row[columns.SPECIES],
            "fractional": np.array(row[columns.FRACTIONAL], np.float64).reshape(-1, 3),
            "lattice": np.array(row[columns.LATTICE], np.float64).reshape(3, 3),
            "target": row["formation_energy"] or 0.0,
        }
        for row in table.to_pylist()
    ]
