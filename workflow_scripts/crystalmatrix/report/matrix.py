"""The matrix: a row a property, a column a model; error, interval, ratios, and which models tie with the best.

In: Inputs.  Out: what matrix.html.j2 shows. A colour is a share between 0 (as bad as the reference) and 1 (a thirtieth
of its error), negative where it is worse than the reference; each cell also carries its numbers as text.
"""

import math
from typing import Any

from crystalmatrix.contracts.descriptors import beyond
from crystalmatrix.evaluation.comparison import COMPOSITION, CONSTANT, Board, model_label
from crystalmatrix.evaluation.summary import property_metrics
from crystalmatrix.report import text
from crystalmatrix.report.answer import row_decimals
from crystalmatrix.report.inputs import Inputs


def matrix(inputs: Inputs) -> dict[str, Any]:
    """Columns grouped by tier, those with data beyond the source last; one row of cells a property."""
    potentials = {model.tier: model.model.potentials for model in inputs.models if model.model.potentials}
    columns = sorted(inputs.columns, key=lambda key: _tier(key) in potentials)
    n_beyond = sum(_tier(key) in potentials for key in columns)
    return {
        "tracks": [
            {"name": "this data set alone", "span": len(columns) - n_beyond},
            {"name": "with a pretrained potential", "span": n_beyond},
        ]
        if n_beyond
        else [],
        "beyond": beyond(sorted({name for read in potentials.values() for name in read})),
        "groups": _groups(columns),
        "columns": [{"key": key, "label": _short(key), "name": model_label(key)} for key in columns],
        "rows": [_row(inputs, name, board, columns) for name, board in inputs.boards.items()],
        "has_published": any(board.common.best_published for board in inputs.boards.values()),
    }


def _tier(key: str) -> str:
    return key.partition("/")[0]


def _groups(columns: list[str]) -> list[dict[str, Any]]:
    tiers: dict[str, int] = {}
    for key in columns:
        tier = "baseline" if key == COMPOSITION else _tier(key)
        tiers[tier] = tiers.get(tier, 0) + 1
    return [{"name": tier, "span": span} for tier, span in tiers.items()]


def _short(key: str) -> str:
    if key == COMPOSITION:
        return "composition"
    return "multi" if "/" in key else "single"


def _row(inputs: Inputs, name: str, board: Board, columns: list[str]) -> dict[str, Any]:
    places = row_decimals(board)
    common = board.common
    best = common.best_published
    return {
        "name": name,
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        "n": board.n,
        "official": inputs.n_official(name),
        "cells": [_cell(inputs, board, key, places) if key in board.ours else None for key in columns],
        "constant": {"mae": text.number(board.mae(CONSTANT), places), "sort": 1.0},
        "published": {
            "mae": text.number(common.mae(best), places),
            "name": board.label(best),
            "n": text.count(common.n) if common.n < board.n else None,
            "sort": common.mae(best) / common.mae(CONSTANT),
        }
        if best
        else None,
    }


def _cell(inputs: Inputs, board: Board, key: str, places: int) -> dict[str, Any]:
    mae, constant, common = board.mae(key), board.mae(CONSTANT), board.common
    best = common.best_published
    low, high = board.mae_interval(key)
    scores = property_metrics(key, board, inputs.metrics)
    to_best = common.mae(key) / common.mae(best) if best else None
    return {
        "mae": text.number(mae, places),
        "interval": f"{text.number(low, places)}\N{EN DASH}{text.number(high, places)}",
        "median": text.number(scores.median_ae, text.decimals([scores.median_ae])),
        "to_constant": text.number(mae / constant, 2 if mae / constant >= 0.1 else 3),
        "to_best": text.number(to_best, 2) if to_best is not None else text.EM_DASH,
        "mark": _mark(board, key),
        "colour": _colour(mae / constant, 30),
        "colour_best": _colour(to_best, 3) if to_best is not None else 0.0,
        "sort": {
            "mae": mae / constant,
            "constant": mae / constant,
            "best": to_best if to_best is not None else mae / constant,
            "median": scores.median_ae / constant,
        },
        "n_train": text.count(scores.n_train),
    }


def _mark(board: Board, key: str) -> str:
    """`best`: the lowest test error; `tied`: not distinguishable from it; empty: worse than it."""
    if key == board.lowest:
        return "best"
    return "tied" if board.difference(key, board.lowest).verdict == "tied" else ""


def _colour(ratio: float, span: float) -> float:
    """1 at a `span`th of the reference, 0 at the reference, -1 at `span` times it; logarithmic between."""
    share = -math.log(max(ratio, 1e-9)) / math.log(span)
    return round(min(1.0, max(-1.0, share)), 3)
