"""Can the uncertainty be trusted: coverage and width of the prediction intervals, error against the ensemble's spread.

In: Inputs.  Out: what calibration.html.j2 shows.
"""

from typing import Any

from markupsafe import Markup

from crystalmatrix.contracts.scores import SpreadBin
from crystalmatrix.evaluation.comparison import Board, model_label
from crystalmatrix.evaluation.summary import model_metrics, property_metrics
from crystalmatrix.report import text
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.svg import Drawing, Scale
from crystalmatrix.words import counted

_SIZE, _LEFT, _BOTTOM = 200, 46, 30


def calibration(inputs: Inputs) -> dict[str, Any]:
    """Interval coverage of the recommended models and of all; a chart a property whose models give a spread."""
    chosen: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    charts = []
    for board in inputs.boards.values():
        found = {key: row for key in board.ours if (row := _row(inputs, board, key)) is not None}
        rows += found.values()
        chosen += [found[key] for key in (board.recommended,) if key in found]
        key = next((key for key in [board.recommended, *board.ours] if _bins(inputs, board, key)), None)
        if key is not None:
            chart = _chart(_bins(inputs, board, key), board)
            charts.append({"label": board.quantity.label, "model": model_label(key), "chart": chart})
    return {"chosen": chosen, "rows": rows, "charts": charts}


def _bins(inputs: Inputs, board: Board, key: str) -> list[SpreadBin]:
    bins = property_metrics(key, board, inputs.metrics).error_by_spread or ()
    return [entry for entry in bins if entry.spread > 0 and entry.mae > 0]


def _row(inputs: Inputs, board: Board, key: str) -> dict[str, Any] | None:
    scores = property_metrics(key, board, inputs.metrics)
    covered, width = scores.interval_coverage, scores.interval_width
    if covered is None or width is None:
        return None
    nominal = model_metrics(key, board, inputs.metrics).model.interval_level
    # the share of n crystals that an honest interval covers scatters by so much (binomial, two standard deviations)
    slack = 2 * (nominal * (1 - nominal) / board.n) ** 0.5
    return {
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        "model": model_label(key),
        "n": board.n,
        "nominal": text.percent(nominal),
        "coverage": text.percent(covered, 1),
        "sort": covered,
        "verdict": "tied" if abs(covered - nominal) <= slack else "worse" if covered < nominal else "better",
        "word": "as stated" if abs(covered - nominal) <= slack else "too narrow" if covered < nominal else "too wide",
        "width": text.significant(width),
        "relative": text.number(width / scores.mae, 1) if scores.mae else text.EM_DASH,
        "correlation": text.number(scores.spread_correlation, 2),
    }


def _chart(bins: list[SpreadBin], board: Board) -> Markup:
    """MAE of crystals in bins of rising spread, both axes logarithmic."""
    drawing = Drawing(_SIZE + 30, _SIZE, f"{board.quantity.label}: error against spread of the ensemble")
    spreads, errors = [b.spread for b in bins], [b.mae for b in bins]
    right = _SIZE + 22
    x = Scale(min(spreads) * 0.8, max(spreads) * 1.25, _LEFT, right, log=True)
    y = Scale(min(errors) * 0.8, max(errors) * 1.25, _SIZE - _BOTTOM, 8, log=True)
    drawing.y_axis(y, _LEFT, right=right)
    drawing.x_axis(x, _SIZE - _BOTTOM, top=8, n=3)
    unit = "" if board.quantity.unit == "1" else f" ({board.quantity.unit})"
    drawing.text((_LEFT + right) / 2, _SIZE - 4, f"spread{unit}", "tick", "middle")
    drawing.path([(x(a), y(b)) for a, b in zip(spreads, errors, strict=True)], "line series-1")
    for entry in bins:
        title = f"spread {entry.spread:.3g}, MAE {entry.mae:.3g}, {counted(entry.n, 'crystal')}"
        drawing.circle(x(entry.spread), y(entry.mae), 3, "dot series-1", title)
    return drawing.markup()
