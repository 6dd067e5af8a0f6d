"""Embeddings as a table, a row a crystal or an atom, for other people's models.

In: structure files; a checkpoint or a pretrained potential.  Out: *.parquet or *.csv with `id`, `formula` and
`mean_*`, `deviation_*` (over the crystal's atoms), or `atom`, `element` and `feature_*`.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.crystals.crystal import Failure
from crystalmatrix.crystals.files import structure_files
from crystalmatrix.crystals.formula import chemical_formula
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.files import atomic
from crystalmatrix.inference.embedding import Describer, Embedder, Embedding
from crystalmatrix.inference.reading import Reading
from crystalmatrix.words import counted

CSV = ".csv"
CRYSTAL, ATOM = "crystal", "atom"


def write_embeddings(out: Path, structures: list[Path], *, model: str, per: str, device: torch.device) -> str:
    """Write them atomically; returns a sentence. `model`: path of a checkpoint, or a name of POTENTIALS.

    A crystal that cannot be embedded is named on stderr and left out. Raises DataError, ConfigError.
    """
    embedder = Describer(model, device=device) if model in POTENTIALS else Embedder(Path(model), device=device)
    embeddings = []
    failed = 0
    for item in embedder.stream(Reading(structure_files(structures))):
        if isinstance(item, Failure):
            failed += 1
            print(f"{item.id}: {item.error}", file=sys.stderr)
            continue
        embeddings.append(item)
    table = embedding_table(embeddings, per=per, channels=embedder.channels)
    with atomic(out) as temporary:
        if out.suffix.lower() == CSV:
            table.to_csv(temporary, index=False, float_format="%.7g")
        else:
            table.to_parquet(temporary, index=False)
    return f"{out}: {embedder.channels} features of {model}, {counted(len(embeddings), 'crystal')}, {failed:,} without"


def embedding_table(embeddings: list[Embedding], *, per: str, channels: int) -> pd.DataFrame:
    """See the head of this file."""
    if per == CRYSTAL:
        about: dict[str, Any] = _about(embeddings, [1] * len(embeddings))
        names = [f"{of}_{k:03d}" for of in ("mean", "deviation") for k in range(channels)]
        values = [embedding.of_crystal for embedding in embeddings]
    else:
        about = _about(embeddings, [len(e.crystal.species) for e in embeddings]) | _atoms(embeddings)
        names = [f"feature_{k:03d}" for k in range(channels)]
        values = [embedding.atoms for embedding in embeddings]
    numbers = np.vstack(values) if values else np.empty((0, len(names)), np.float32)
    return pd.concat([pd.DataFrame(about), pd.DataFrame(numbers, columns=names)], axis=1)


def _about(embeddings: list[Embedding], counts: list[int]) -> dict[str, Any]:
    rows = [e.crystal for e, count in zip(embeddings, counts, strict=True) for _ in range(count)]
    formula = {id(e.crystal): chemical_formula(e.crystal.species) for e in embeddings}
    return {"id": [row.id for row in rows], "formula": [formula[id(row)] for row in rows]}


def _atoms(embeddings: list[Embedding]) -> dict[str, Any]:
    """Place in the crystal, from 0, and element."""
    return {
        "atom": [k for e in embeddings for k in range(len(e.crystal.species))],
        "element": [SYMBOLS[z] for e in embeddings for z in e.crystal.species.tolist()],
    }
