"""`results/embeddings/<name>.parquet`: your own crystals as features, by a potential and by a shipped model."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.shipped import MODELS, PROJECT

from .running import jobs, snakemake

pytestmark = pytest.mark.workflow
N_CRYSTALS = 3
MODEL = PROJECT / MODELS / "multitask.pt"


def test_crystals_become_features_of_a_potential_and_of_a_model(tmp_path: Path) -> None:
    """One of both, per atom and per crystal: these say the same; then nothing is to be done, until `per` changes."""
    entries = [{"jid": entry["jid"], "atoms": entry["atoms"]} for entry in mineral_entries()[:N_CRYSTALS]]
    (tmp_path / "mine.json").write_text(json.dumps(entries))
    of_atoms = {"structures": "mine.json", "model": "chgnet", "per": "atom"}
    entry = {"atoms": of_atoms, "crystals": of_atoms | {"per": "crystal"}, "trunk": {"structures": "mine.json"}}
    entry["trunk"]["model"] = str(MODEL)
    targets = [f"results/embeddings/{name}.parquet" for name in entry]
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump({"embeddings": entry}))
    asked = (*targets, "--configfile", str(config), "--cores", "1", "--resources", "gpu=0")
    done = snakemake(tmp_path, *asked)
    assert done.returncode == 0, done.stdout
    atoms, crystals, trunk = (pd.read_parquet(tmp_path / target) for target in targets)
    assert crystals["id"].tolist() == trunk["id"].tolist() == [one["jid"] for one in entries]
    assert len(atoms) == sum(len(one["atoms"]["elements"]) for one in entries)
    mean = atoms.groupby("id", sort=False)[[name for name in atoms if name.startswith("feature_")]].mean()
    np.testing.assert_allclose(crystals.filter(like="mean_").to_numpy(), mean.to_numpy(), rtol=1e-4, atol=1e-4)
    assert trunk.shape[1] != crystals.shape[1], "the model's own features, not those of the potential"
    assert np.isfinite(trunk.drop(columns=["id", "formula"]).to_numpy()).all()

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
