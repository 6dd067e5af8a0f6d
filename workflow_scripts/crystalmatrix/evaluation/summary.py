"""comparison.json and comparison.csv: what the page says, for machines.

In: boards (see comparison.py) and the metrics of each model.  Out: plain dictionaries and a long table.
"""

from typing import Any

import pandas as pd

from crystalmatrix.contracts import columns as c
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.evaluation.bootstrap import Difference
from crystalmatrix.evaluation.breakdown import KINDS, SYSTEMS, by_element, by_group, describe, worst
from crystalmatrix.evaluation.comparison import COMPOSITION, CONSTANT, Board
from crystalmatrix.evaluation.published import full_test

Metrics = dict[tuple[str, str], dict[str, Any]]  # by (tier, task): metrics.json


def comparison_json(boards: dict[str, Board], metrics: Metrics, records: pd.DataFrame) -> dict[str, Any]:
    """Everything by property: models with intervals and ratios, paired differences, the recommendation.

    `records` (see breakdown.describe) tells where the errors sit.
    """
    return {"properties": {name: _property(name, board, metrics, records) for name, board in boards.items()}}


def _property(name: str, board: Board, metrics: Metrics, records: pd.DataFrame) -> dict[str, Any]:
    common = board.common
    about = describe(records, board.jid)
    return {
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        "n_test": board.n,
        "constant": {"value": board.constant, "mae": board.mae(CONSTANT)},
        "recommended": board.recommended,
        "lowest_test_mae": board.lowest,
        "n_common": common.n,  # crystals that the published models cover: what `published` is about
        "best_published": common.best_published,
        "models": {key: {**_model(key, board, metrics), **_where(key, board, about)} for key in board.ours},
        "published": {key: _entry(key, common) for key in common.published},
        "published_full_test": vars(published) if (published := full_test(board.quantity)) else None,
        "differences": differences(board),
    }


def _model(key: str, board: Board, metrics: Metrics) -> dict[str, Any]:
    scores = property_metrics(key, board, metrics)
    return {**_entry(key, board), **{k: v for k, v in scores.items() if k not in ("mae", "mae_low", "mae_high")}}


def _where(key: str, board: Board, about: pd.DataFrame) -> dict[str, Any]:
    """MAE and number of crystals by element, crystal system and metal or not; the ten worst crystals."""
    error, fold = board.errors[key], board.ours[key]
    return {
        "by_element": {SYMBOLS[z]: row for z, row in by_element(error, list(about[c.SPECIES])).items()},
        "by_crystal_system": by_group(error, list(about["system"]), SYSTEMS),
        "by_kind": by_group(error, list(about["kind"]), KINDS),
        "worst": [
            {
                "id": str(fold.jid[i]),
                "formula": about[c.FORMULA].iloc[i],
                "target": float(fold.target[i]),
                "prediction": float(fold.prediction[i]),
            }
            for i in worst(error)
        ],
    }


def property_metrics(key: str, board: Board, metrics: Metrics) -> dict[str, Any]:
    """The part of metrics.json that belongs to one column and property."""
    tier, _, task = key.partition("/")
    return metrics[tier, task or board.quantity.name]["properties"][board.quantity.name]


def _entry(key: str, board: Board) -> dict[str, Any]:
    low, high = board.mae_interval(key)
    mae = board.mae(key)
    common = board.common
    best = common.best_published
    return {
        "label": board.label(key),
        "n": board.n_covered(key),
        "mae": mae,
        "mae_low": low,
        "mae_high": high,
        "ratio_to_constant": mae / board.mae(CONSTANT),
        "ratio_to_best_published": common.mae(key) / common.mae(best) if best else None,
    }


def differences(board: Board) -> list[dict[str, Any]]:
    """The comparisons that the page speaks of, each with its paired bootstrap interval.

    `against`: published (the recommended model against each), constant and composition (each network against it),
    task (multi-task against single, in a tier), tier (each tier's single model against every other's), best (each model
    against the recommended one).
    """
    chosen = board.recommended
    pairs = [("published", chosen, key) for key in board.published]
    pairs += [("constant", key, CONSTANT) for key in board.ours]
    if COMPOSITION in board.ours:
        pairs += [("composition", key, COMPOSITION) for key in board.networks]
    single = [key for key in board.networks if "/" not in key]
    pairs += [("task", f"{tier}/multitask", tier) for tier in single if f"{tier}/multitask" in board.ours]
    pairs += [("tier", a, b) for i, b in enumerate(single) for a in single[i + 1 :]]
    pairs += [("best", key, chosen) for key in board.ours if key != chosen]
    return [{"against": kind, "a": a, "b": b, **as_dict(board.difference(a, b))} for kind, a, b in pairs]


def as_dict(difference: Difference) -> dict[str, Any]:
    """A difference for JSON."""
    return {**vars(difference), "verdict": difference.verdict}


def comparison_table(boards: dict[str, Board], metrics: Metrics) -> pd.DataFrame:
    """One row per property and model, ours and published, in the order of the page."""
    rows = []
    for name, board in boards.items():
        for key in [*board.ours, *board.published, CONSTANT]:
            scores = property_metrics(key, board, metrics) if key in board.ours else {}
            entry = _entry(key, board.common if key in board.published else board)
            rows.append(
                {
                    "property": name,
                    "unit": board.quantity.unit,
                    "model": key,
                    "kind": "ours" if key in board.ours else "constant" if key == CONSTANT else "published",
                    **{k: v for k, v in entry.items() if k != "label"},
                    **{k: scores.get(k) for k in _COLUMNS},
                }
            )
    return pd.DataFrame(rows)


_COLUMNS = (
    "n_train",
    "n_val",
    "val_mae",
    "median_ae",
    "rmse",
    "bias",
    "n_twins",
    "mae_without_twins",
    "interval_coverage",
    "interval_width",
)
