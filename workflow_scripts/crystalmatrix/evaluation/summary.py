"""comparison.json and comparison.csv: what the page says, for machines.

In: boards (see comparison.py) and the scores of each model.  Out: Comparison and a long table.
"""

import pandas as pd

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.comparison import (
    Comparison,
    Constant,
    Entry,
    OurEntry,
    PairedDifference,
    PropertyComparison,
    WorstCrystal,
)
from crystalmatrix.contracts.scores import ModelScores, PropertyScores
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.evaluation.breakdown import KINDS, SYSTEMS, by_element, by_group, describe, worst
from crystalmatrix.evaluation.comparison import COMPOSITION, CONSTANT, Board
from crystalmatrix.evaluation.published import full_test

Metrics = dict[tuple[str, str], ModelScores]  # by (tier, task)


def compare(boards: dict[str, Board], metrics: Metrics, records: pd.DataFrame) -> Comparison:
    """Everything by property: models with intervals and ratios, paired differences, the recommendation.

    `records` (see breakdown.describe) tells where the errors sit.
    """
    return Comparison(properties={name: _property(board, metrics, records) for name, board in boards.items()})


def _property(board: Board, metrics: Metrics, records: pd.DataFrame) -> PropertyComparison:
    common = board.common
    about = describe(records, board.jid)
    return PropertyComparison(
        label=board.quantity.label,
        unit=board.quantity.unit,
        n_test=board.n,
        constant=Constant(value=board.constant, mae=board.mae(CONSTANT)),
        recommended=board.recommended,
        lowest_test_mae=board.lowest,
        n_common=common.n,
        best_published=common.best_published,
        models={key: _ours(key, board, metrics, about) for key in board.ours},
        published={key: _entry(key, common) for key in common.published},
        published_full_test=full_test(board.quantity),
        differences=tuple(differences(board)),
    )


def _ours(key: str, board: Board, metrics: Metrics, about: pd.DataFrame) -> OurEntry:
    error, fold = board.errors[key], board.ours[key]
    scores = property_metrics(key, board, metrics)
    return OurEntry(
        **(scores.model_dump() | _entry(key, board).model_dump()),
        by_element={SYMBOLS[z]: row for z, row in by_element(error, list(about[c.SPECIES])).items()},
        by_crystal_system=by_group(error, list(about["system"]), SYSTEMS),
        by_kind=by_group(error, list(about["kind"]), KINDS),
        worst=tuple(
            WorstCrystal(
                id=str(fold.jid[i]),
                formula=about[c.FORMULA].iloc[i],
                target=float(fold.target[i]),
                prediction=float(fold.prediction[i]),
            )
            for i in worst(error)
        ),
    )


def property_metrics(key: str, board: Board, metrics: Metrics) -> PropertyScores:
    """The part of metrics.json that belongs to one column and property."""
    return model_metrics(key, board, metrics).properties[board.quantity.name]


def model_metrics(key: str, board: Board, metrics: Metrics) -> ModelScores:
    """The metrics.json behind one column of a property's row."""
    tier, _, task = key.partition("/")
    return metrics[tier, task or board.quantity.name]


def _entry(key: str, board: Board) -> Entry:
    low, high = board.mae_interval(key)
    mae = board.mae(key)
    common = board.common
    best = common.best_published
    return Entry(
        label=board.label(key),
        n=board.n_predicted(key),
        mae=mae,
        mae_low=low,
        mae_high=high,
        ratio_to_constant=mae / board.mae(CONSTANT),
        ratio_to_best_published=common.mae(key) / common.mae(best) if best else None,
    )


def differences(board: Board) -> list[PairedDifference]:
    """The comparisons that the page speaks of, each with its paired bootstrap confidence interval.

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
    return [_difference(board, *pair) for pair in pairs]


def _difference(board: Board, against: str, a: str, b: str) -> PairedDifference:
    found = board.difference(a, b)
    return PairedDifference(
        against=against, a=a, b=b, n=found.n, mean=found.mean, low=found.low, high=found.high, verdict=found.verdict
    )


def comparison_table(boards: dict[str, Board], metrics: Metrics) -> pd.DataFrame:
    """One row per property and model, ours and published, in the order of the page."""
    rows = []
    for name, board in boards.items():
        for key in [*board.ours, *board.published, CONSTANT]:
            scores = property_metrics(key, board, metrics) if key in board.ours else None
            entry = _entry(key, board.common if key in board.published else board)
            rows.append(
                {
                    "property": name,
                    "unit": board.quantity.unit,
                    "model": key,
                    "kind": "ours" if key in board.ours else "constant" if key == CONSTANT else "published",
                    **entry.model_dump(exclude={"label"}),
                    **{column: getattr(scores, column, None) for column in _COLUMNS},
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
