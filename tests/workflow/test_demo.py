"""How `make demo` ends: the table, crystals that the shipped models predict, the page's path, three next commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crystalmatrix.contracts.scores import ModelScores
from tests.contracts.cases import summary
from tests.report.test_card import SCORES

from .running import ROOT, jobs, snakemake

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def end(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What stands on the screen after the training, with the results of two tiers."""
    results = tmp_path_factory.mktemp("demo") / "results"
    for tier, mae in (("lite", 0.1), ("cgcnn", 0.7)):
        score = SCORES.model_copy(update={"mae": mae, "constant_mae": 0.5})
        scores = ModelScores(
            tier=tier,
            task="ehull",
            confidence=0.95,
            bootstrap=200,
            model=summary(tier=tier, task="ehull"),
            properties={"ehull": score},
        )
        (results / tier).mkdir(parents=True)
        scores.write(results / tier / "ehull.metrics.json")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    planned = subprocess.run(["make", "-n", "demo"], cwd=ROOT, env=outside, capture_output=True, text=True, check=True)
    lines = planned.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if "summary.py" in line)
    assert any("snakemake --directory demo" in line for line in lines[:first]), "the control: before that it trains"
    commands = "\n".join(lines[first:]).replace("demo/results\n", f"{results}\n")
    commands = commands.replace(".venv/bin/python", sys.executable)
    done = subprocess.run(["sh", "-ec", commands], cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_ends_with_the_table_the_page_and_three_commands(end: str) -> None:
    table, _, rest = end.partition("* below the best constant")
    assert table.splitlines()[0].split() == ["property", "unit", "test", "constant", "cgcnn", "lite"]
    assert table.splitlines()[1].split() == ["ehull", "eV/atom", "10", "0.5", "0.7", "0.1*"]
    assert "SrTiO3" in rest
    assert f"The page: {ROOT}/demo/results/report/comparison.html" in rest
    following = [line.split() for line in rest.partition("Next")[2].splitlines()[1:]]
    assert [words[0] for words in following] == ["crystalmatrix", "snakemake", "snakemake"]


def test_the_second_command_is_a_page_of_counts(end: str, tmp_path: Path) -> None:
    (line,) = [line.strip() for line in end.splitlines() if line.strip().startswith("snakemake -n")]
    command = line.partition("   ")[0]
    assert f"`{command.replace(' --resources gpu=1', '')}`" in (ROOT / "README.md").read_text("utf-8")
    said = snakemake(tmp_path, *command.split()[1:]).stdout
    assert jobs(said)["train"] == 50
    assert "Reason:" not in said
    assert len(said.splitlines()) < 100, said
