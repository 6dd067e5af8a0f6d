"""Ablations: multi-task against single, tier against tier, networks against baselines; paired, on the same crystals.

In: Inputs.  Out: what ablation.html.j2 shows: differences in percent of the second model's MAE.
"""

from typing import Any

from crystalmatrix.evaluation.bootstrap import FEWEST, Difference
from crystalmatrix.evaluation.comparison import COMPOSITION, CONSTANT, Board, model_label
from crystalmatrix.report import text
from crystalmatrix.report.inputs import Inputs

_WORDS = {"better": "{first} better", "worse": "{second} better", "tied": "no clear difference"}


def ablation(inputs: Inputs) -> dict[str, Any]:
    """Two tables: universal against specialist, and each tier's specialist against the others and the baselines."""
    tiers = [key for key in inputs.columns if "/" not in key and key != COMPOSITION]
    both = [(f"{tier}/multitask", tier) for tier in tiers if f"{tier}/multitask" in inputs.columns]
    ladder = [(a, b) for i, b in enumerate(tiers) for a in tiers[i + 1 :]]
    known = [baseline for baseline in (COMPOSITION, CONSTANT) if baseline in [*inputs.columns, CONSTANT]]
    against = [(tier, baseline) for baseline in known for tier in tiers]
    tables = [
        ("multi", "One model for all, or one for each", both),
        ("tiers", "Tier against tier, single-task models", ladder),
        ("baselines", "Networks against the baselines, single-task models", against),
    ]
    return {"fewest": FEWEST, "tables": [_table(inputs, *table) for table in tables if table[2]]}


def _table(inputs: Inputs, name: str, title: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "columns": [{"first": model_label(a), "second": model_label(b)} for a, b in pairs],
        "rows": [
            {"label": board.quantity.label, "n": board.n, "cells": [_cell(board, a, b) for a, b in pairs]}
            for board in inputs.boards.values()
        ],
    }


def _short(key: str) -> str:
    """The model's name within a sentence; the constant and the composition are called by what they are."""
    return {CONSTANT: "the constant", COMPOSITION: "composition"}.get(key, model_label(key))


def _words(difference: Difference, first: str, second: str) -> str:
    """Which of the two is better; of too few crystals that they are too few."""
    if difference.n < FEWEST:
        return text.TOO_FEW
    return _WORDS[difference.verdict].format(first=_short(first), second=_short(second))


def _cell(board: Board, first: str, second: str) -> dict[str, Any] | None:
    if first not in board.errors or second not in board.errors or board.mae(second) == 0:
        return None
    difference = board.difference(first, second)
    reference = board.mae(second)
    low, high = 100 * difference.low / reference, 100 * difference.high / reference
    places = 1 if max(abs(low), abs(high)) < 10 else 0
    return {
        "percent": ("+" if difference.mean > 0 else "") + text.percent(difference.mean / reference, places),
        "interval": text.interval(low, high, places),
        "verdict": difference.verdict,
        "words": _words(difference, first, second),
        "mark": text.VERDICT_MARKS[difference.verdict],
        "sort": difference.mean / reference,
    }
