"""`results/embeddings/<name>.parquet`: your own crystals as features, by a potential and by a shipped model."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.inference.embedding import Embedder
from crystalmatrix.shipped import MODELS, PROJECT

from .running import jobs, snakemake

pytestmark = pytest.mark.workflow
N_CRYSTALS = 3
MODEL = PROJECT / MODELS / "multitask.pt"


def test_crystals_become_features_of_a_potential_and_of_a_model(tmp_path: Path) -> None:
    """One per atom, the other per crystal; then nothing is to be done, until `per` changes."""
    entries = [{"jid": entry["jid"], "atoms": entry["atoms"]} for entry in mineral_entries()[:N_CRYSTALS]]
    (tmp_path / "mine.json").write_text(json.dumps(entries))
    atoms_of = {"structures": "mine.json", "model": "chgnet", "per": "atom"}
    entry = {"atoms": atoms_of, "crystals": {"structures": "mine.json", "model": str(MODEL)}}
    targets = [f"results/embeddings/{name}.parquet" for name in entry]
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump({"embeddings": entry}))
    asked = (*targets, "--configfile", str(config), "--cores", "1", "--resources", "gpu=0")
    done = snakemake(tmp_path, *asked)
    assert done.returncode == 0, done.stdout
    atoms, crystals = (pd.read_parquet(tmp_path / target) for target in targets)
    assert crystals["id"].tolist() == atoms["id"].unique().tolist() == [one["jid"] for one in entries]
    assert len(atoms) == sum(len(one["atoms"]["elements"]) for one in entries)
    n_features = (atoms.filter(like="feature_").shape[1], crystals.filter(like="mean_").shape[1])
    assert n_features == (POTENTIALS["chgnet"].width, Embedder(MODEL, device=torch.device("cpu")).channels)
    assert np.isfinite(crystals.drop(columns=["id", "formula"]).to_numpy()).all()

    assert jobs(snakemake(tmp_path, *asked, "--dry-run").stdout) == {}
    entry["crystals"]["per"] = "atom"
    config.write_text(yaml.safe_dump({"embeddings": entry}))
    assert jobs(snakemake(tmp_path, *asked, "--dry-run").stdout) == {"embeddings": 1, "total": 1}


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    wrong = 'embeddings={"mine": {"structures": "mine.json", "model": "chgnet", "per": "atoms"}}'
    result = snakemake(tmp_path, "results/embeddings/mine.parquet", "--dry-run", "--config", wrong)
    assert result.returncode != 0
    assert "embeddings" in result.stdout
    assert "'crystal' or 'atom'" in result.stdout
