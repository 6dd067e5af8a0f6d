"""The name of a view: one for everything that features depend on, and for nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from crystalmatrix import config
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.view import View
from crystalmatrix.tiers import TierConfig

ROOT = Path(__file__).parents[2]
TIERS = config.load(ROOT / "config.yaml").tiers
LITE = TIERS["lite"].model


def name(graph: GraphConfig = GraphConfig(), model=LITE, **changes: object) -> str:  # noqa: B008
    return View.of(graph, model.model_copy(update=changes)).name


def test_the_name_says_what_is_seen() -> None:
    assert re.fullmatch(r"k16-a3x6-[0-9a-f]{8}", name())
    assert re.fullmatch(r"k24-[0-9a-f]{8}", name(neighbours=24, angle_radial=0))
    assert re.fullmatch(r"kall-a2x6-[0-9a-f]{8}", name(neighbours=None, angle_radial=2))


@pytest.mark.parametrize("changes", [{"neighbours": 17}, {"angle_radial": 2}, {"angle_angular": 5}])
def test_what_features_depend_on_changes_the_name(changes: dict) -> None:
    assert name(**changes) != name()


@pytest.mark.parametrize("changes", [{"cutoff": 4.5}, {"three_body_cutoff": 3.5}, {"max_neighbours": 50}])
def test_other_graphs_are_another_view(changes: dict) -> None:
    assert name(GraphConfig(**changes)) != name()


def test_nothing_else_does() -> None:
    assert name(GraphConfig(shards=3), channels=99, layers=5, dropout=0.1) == name()
    without_angles = TierConfig.parse({"model": {"architecture": "equivariant", "neighbours": 16, "angle_radial": 0}})
    assert name(model=without_angles.model) == name(model=TIERS["cgcnn"].model)


def test_a_view_survives_the_command_line() -> None:
    view = View.of(GraphConfig(), LITE)
    assert View.from_json(view.to_json()) == view
    assert "shards" not in view.to_json()


def test_the_snakefile_names_views_without_numba_or_torch() -> None:
    code = "import sys, crystalmatrix.contracts.view; print(sorted({'numba', 'torch', 'pandas'} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow_scripts", capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
