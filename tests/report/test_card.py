"""The model card: what the model says of itself and nothing of what does not concern it."""

import json

import pytest
from tests.contracts.cases import summary

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.scores import ModelScores, PropertyScores
from crystalmatrix.report.card import model_card
from crystalmatrix.targets.target import Target
from crystalmatrix.targets.transform import Transform
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import Checkpoint

TRAINING = {"sampling": "uniform", "hold_out": "masked", "init": "multitask", "learning_rate": 0.004}
SETTINGS = TierConfig.parse({"model": {"architecture": "cgcnn"}, "training": TRAINING})
SCORES = PropertyScores(
    unit="eV/atom", n_train=100, n_val=9, n_test=10, mae=0.1, mae_low=0.05, mae_high=0.2, median_ae=0.1, rmse=0.2,
    bias=-0.1, val_mae=0.1, constant=1.0, constant_mae=0.5, n_twins=0, mae_without_twins=0.1, interval_coverage=0.87,
    interval_width=0.4, spread_correlation=None, error_by_spread=None,
    error_by_distance=None, far_to_near=None,
)  # fmt: skip


def card(task: str, **changes: object) -> str:
    model = summary(tier="pro", task=task).model_copy(
        update={"n_train": {"ehull": 100}, "versions": {"crystalmatrix": "0", "torch": "2"}, **changes}
    )
    identity = Transform(kind="identity", scale=1.0, low=0.0, high=1.0)
    target = Target(name="ehull", unit="eV/atom", steps=(identity,), median=0.5, deviation=0.2, n_train=100)
    checkpoint = Checkpoint(
        settings=SETTINGS, graph=GraphConfig(), targets=[target], properties=["ehull"], elements=[8, 12], members=[{}],
        calibration={}, summary=model, domain=None, seen={},
    )  # fmt: skip
    metrics = ModelScores(
        tier="pro", task=task, confidence=0.95, bootstrap=200, model=model, properties={"ehull": SCORES}
    )
    return model_card(checkpoint, metrics, n_bytes=1_000_000, digest="f" * 64, path="models/ehull.pt")


def shown(text: str) -> dict:
    line = next(line for line in text.splitlines() if line.strip().startswith('{"model"'))
    return json.loads(line)["training"]


def test_the_settings_are_the_users_and_concern_the_task() -> None:
    """`uniform` is what the user wrote: shown for the multi-task model, and never as the default for another."""
    universal, single = shown(card("multitask")), shown(card("ehull"))
    assert (universal["sampling"], universal["hold_out"]) == ("uniform", "masked")
    assert "init" not in universal
    assert (single["init"], single["learning_rate"]) == ("multitask", 0.004)
    assert "sampling" not in single
    assert "balanced" not in card("ehull")


@pytest.mark.parametrize("joules", [None, 3.6e6])
def test_energy_carries_its_caveat(joules: float | None) -> None:
    text = card("ehull", energy_joules=joules)
    assert ("About 1.0 kWh of the GPU alone" in text) == (joules is not None)
    assert ("kWh" in text) == (joules is not None)


def test_the_interval_coverage_stands_with_its_stated_level() -> None:
    text = card("ehull", interval_level=0.8)
    assert "80\N{NO-BREAK SPACE}% prediction interval" in text
    assert "| 87\N{NO-BREAK SPACE}% |" in text
