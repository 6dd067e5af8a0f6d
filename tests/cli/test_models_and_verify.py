"""`crystalmatrix models` and `verify`: what is here, and whether it is whole."""

import json
import shutil
from pathlib import Path

import pytest

from crystalmatrix.contracts import columns
from crystalmatrix.contracts.card import CardScore, ModelCard
from crystalmatrix.files import sha256, write_table

from ..features.cases import ORIGIN
from ..inference.conftest import Trained
from .conftest import Run


@pytest.fixture
def shipped(run: Run, trained: Trained) -> Path:
    """A model with its card, as the project ships them, in the folder where `run` runs."""
    models = Path("models")
    models.mkdir()
    path = models / "formation_energy.pt"
    shutil.copy(trained.model, path)
    scores = {"formation_energy": CardScore(mae=0.0412, unit="eV/atom")}
    ModelCard(tier="std", sha256=sha256(path), properties=scores).write(path.with_suffix(".json"))
    return path


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def test_the_list_names_each_with_its_error_and_state(run: Run, trained: Trained, shipped: Path) -> None:
    results = Path("results/lite")
    results.mkdir(parents=True)
    shutil.copy(trained.model, results / "multitask.pt")
    line, other = run("models").out.splitlines()[2:]
    assert line.split()[:4] == ["models/formation_energy", "shipped", "formation_energy", "std"]
    assert "0.0412 eV/atom" in line
    assert line.endswith("ok")
    assert other.split()[:4] == ["lite/multitask", "trained", "multitask", "lite"]
    flip_a_byte(shipped)
    assert run("models").out.splitlines()[2].endswith("DAMAGED")


def test_a_card_is_printed_by_name(run: Run, shipped: Path) -> None:
    ended = run("models", "models/formation_energy")
    assert json.loads(ended.out)["tier"] == "std"
    shipped.with_suffix(".md").write_text("# Model card\n")
    assert run("models", "formation_energy").out == "# Model card\n"


def test_an_unknown_name_gets_the_nearest(run: Run, shipped: Path) -> None:
    ended = run("models", "models/formation_enrgy")
    assert ended.code == 2
    assert "did you mean 'models/formation_energy'?" in ended.err


def test_no_models_is_no_mistake(run: Run) -> None:
    ended = run("models")
    assert ended.code == 0
    assert "snakemake" in ended.out


def test_whole_files_pass_and_each_damaged_one_is_a_line(run: Run, trained: Trained, shipped: Path) -> None:
    results = Path("results")
    shutil.copytree(trained.model.parent, results / "data", ignore=shutil.ignore_patterns("multitask.pt"))
    graphs = results / "graphs"
    graphs.mkdir()
    (results / "data/shard.parquet").rename(graphs / "shard-0.parquet")
    whole = run("verify")
    assert whole.code == 0, whole.out
    n_files = int(whole.out.split()[0])
    features = next(results.rglob("*.arrow"))
    state = next(results.rglob("state.pt"))
    model = shutil.copy(trained.model, results / "data/other.pt")
    assert run("verify", model).code == 0
    damaged = [Path(model), shipped, results / "data/records.parquet", graphs / "shard-0.parquet", features, state]
    for path in damaged:
        flip_a_byte(path)
    ended = run("verify")
    assert ended.code == 1
    *lines, last = ended.out.splitlines()
    assert {line.split(": ")[0] for line in lines} == {str(path) for path in damaged}
    assert len(lines) == len(damaged)
    assert last == f"{n_files + 1} files read, {len(damaged)} damaged"


def test_the_digest_of_a_card_is_compared(run: Run, trained: Trained, shipped: Path) -> None:
    """A whole checkpoint that is another one than the card describes."""
    card = shipped.with_suffix(".json")
    ModelCard.read(card).model_copy(update={"sha256": "0" * 64}).write(card)
    ended = run("verify", shipped)
    assert ended.code == 1
    assert "expected 000000000000..." in ended.out


def test_another_version_is_named(run: Run, trained: Trained) -> None:
    folder = Path("results/data")
    folder.mkdir(parents=True)
    table = columns.RECORDS.empty_table()
    newer = columns.RECORDS_VERSION + 1
    metadata = {**ORIGIN.to_dict(), "version": newer}
    write_table(folder / "records.parquet", table, version=newer, metadata=metadata)
    ended = run("verify", folder)
    assert ended.code == 1
    assert "this version reads" in ended.out


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["none"], "none: not found"),
        (["empty"], "empty: found no file"),
        ([], "found neither models/ nor results/"),
        (["NaCl.cif"], "NaCl.cif: not a kind of file that can be verified (*.pt, *.parquet"),
    ],
)
def test_nothing_to_verify_is_a_mistake(run: Run, tmp_path: Path, paths: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "NaCl.cif").write_text("data_NaCl\n")
    ended = run("verify", *paths)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert said in ended.err
