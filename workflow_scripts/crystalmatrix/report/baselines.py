"""Published models beside ours on the same crystals: one panel a property, the paired differences, the full test sets.

In: Inputs.  Out: what baselines.html.j2 shows.
"""

from typing import Any

from markupsafe import Markup

from crystalmatrix.contracts.comparison import FullTest
from crystalmatrix.evaluation.comparison import CONSTANT, Board
from crystalmatrix.evaluation.published import full_test
from crystalmatrix.report import text
from crystalmatrix.report.answer import row_decimals
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.svg import Drawing, Scale

_LABEL, _PLOT, _ROW = 128, 190, 15


def baselines(inputs: Inputs) -> dict[str, Any]:
    """A ranking a property, a table of paired differences, and the published errors on the full test sets."""
    boards = inputs.boards
    return {
        "panels": [
            {
                "label": board.quantity.label,
                "unit": board.quantity.unit,
                "n": text.count(board.common.n),
                "of": text.count(board.n) if board.common.n < board.n else None,
                "chart": _ranking(board.common),
            }
            for board in boards.values()
        ],
        "has_published": any(board.published for board in boards.values()),
        "partial": any(board.common.n < board.n for board in boards.values()),
        "differences": [row for board in boards.values() for row in _differences(board)],
        "full_test": [_full_test(board, row) for board in boards.values() if (row := full_test(board.quantity))],
    }


def _ranking(board: Board) -> Markup:
    """Every model from best to worst, with the interval of its MAE; the best constant as a line."""
    keys = sorted([*board.ours, *board.complete, CONSTANT], key=board.mae)
    intervals = {key: board.mae_interval(key) for key in keys}
    low = min(bounds[0] for bounds in intervals.values())
    high = max(max(bounds[1] for bounds in intervals.values()) * 1.02, low * 1.5)
    high = min(high, 2.2 * board.mae(CONSTANT))  # one model gone wild does not squeeze the others
    height = _ROW * len(keys) + 22
    places = row_decimals(board)
    drawing = Drawing(_LABEL + _PLOT + 62, height, f"{board.quantity.label}: models ranked by mean absolute error")
    scale = Scale(max(low * 0.95, 1e-6), high, _LABEL + 6, _LABEL + _PLOT, log=True)
    drawing.x_axis(scale, height - 18, top=0)
    if scale.low < board.mae(CONSTANT) < scale.high:
        drawing.line(scale(board.mae(CONSTANT)), 0, scale(board.mae(CONSTANT)), height - 18, "constant")
    for row, key in enumerate(keys):
        _rank(drawing, board, key, scale, _ROW * row + 8, intervals[key], places)
    return drawing.markup()


def _rank(
    drawing: Drawing, board: Board, key: str, scale: Scale, y: float, bounds: tuple[float, float], places: int
) -> None:
    kind = "ours" if key in board.ours else "neutral" if key == CONSTANT else "published"
    strong = " strong" if key == board.recommended else ""
    drawing.text(_LABEL, y + 3.5, board.label(key), f"name {kind}-text{strong}", "end")
    drawing.line(scale(bounds[0]), y, scale(bounds[1]), y, f"{kind} bar")
    title = f"{board.label(key)}: {text.interval(*bounds, places)} {board.quantity.unit}, n = {board.n_predicted(key)}"
    if kind == "published":
        drawing.diamond(scale(board.mae(key)), y, 4, kind, title)
    else:
        drawing.circle(scale(board.mae(key)), y, 3.5, kind, title)
    drawing.text(_LABEL + _PLOT + 6, y + 3.5, text.number(board.mae(key), places), f"value{strong}")


def _differences(board: Board) -> list[dict[str, Any]]:
    """The recommended model against each published one."""
    places = row_decimals(board) + 1
    rows = []
    for key in sorted(board.published, key=board.mae):
        difference = board.difference(board.recommended, key)
        rows.append(
            {
                "property": board.quantity.label,
                "unit": board.quantity.unit,
                "ours": board.label(board.recommended),
                "reference": board.label(key),
                "reference_mae": text.number(board.mae(key), places),
                "n": difference.n,
                "mean": text.number(difference.mean, places),
                "interval": text.interval(difference.low, difference.high, places),
                "relative": difference.mean / board.mae(key),
                "percent": text.percent(difference.mean / board.mae(key)),
                "verdict": difference.verdict,
                "mark": text.VERDICT_MARKS[difference.verdict],
            }
        )
    return rows


def _full_test(board: Board, row: FullTest) -> dict[str, Any]:
    return {
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        "n": text.count(row.n_test),
        "n_train": text.count(row.n_train),
        "constant": f"{row.constant:g}",
        "cgcnn": f"{row.cgcnn:g}",
        "alignn": f"{row.alignn:g}",
        "best": f"{row.best:g}",
        "best_model": row.best_model,
    }
