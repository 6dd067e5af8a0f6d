"""Far from what was trained on, errors are larger: the MAE in quarters of the test crystals by their distance from it.

In: Inputs.  Out: what distance.html.j2 shows, of the model to use for each property; None where no model tells.
"""

from typing import Any

from markupsafe import Markup

from crystalmatrix.contracts.scores import DistanceBin
from crystalmatrix.evaluation.comparison import Board, model_label
from crystalmatrix.evaluation.summary import property_metrics
from crystalmatrix.report import text
from crystalmatrix.report.answer import row_decimals
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.svg import Drawing, Scale
from crystalmatrix.words import counted

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 236, 150, 46, 20
_NAMES = ("nearest", "near", "far", "farthest")


def distance(inputs: Inputs) -> dict[str, Any] | None:
    """A chart and a line a property."""
    panels = [panel for board in inputs.boards.values() if (panel := _panel(inputs, board)) is not None]
    return {"panels": panels} if panels else None


def _panel(inputs: Inputs, board: Board) -> dict[str, Any] | None:
    key = board.recommended
    scores = property_metrics(key, board, inputs.metrics)
    bins = scores.error_by_distance
    if bins is None:
        return None
    return {
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        "model": model_label(key),
        "chart": _chart(bins, board),
        "ratio": _ratio(scores.far_to_near),
        "rows": [
            {
                "name": name,
                "range": f"{_novelty(part.nearest)} to {_novelty(part.farthest)}",
                "n": part.n,
                "mae": text.number(part.mae, row_decimals(board)),
                "interval": text.interval(part.mae_low, part.mae_high, row_decimals(board)),
            }
            for name, part in zip(_NAMES, bins, strict=True)
        ],
    }


def _ratio(found: tuple[float, float, float] | None) -> dict[str, Any] | None:
    """The farthest quarter beside the nearest one, and whether that could be chance."""
    if found is None:
        return None
    ratio, low, high = found
    verdict = "worse" if low > 1 else "better" if high < 1 else "tied"
    words = {"worse": "larger errors far away", "better": "smaller errors far away", "tied": "no clear difference"}
    return {
        "times": text.number(ratio, 1),
        "interval": text.interval(low, high, 1),
        "verdict": verdict,
        "words": words[verdict],
    }


def _novelty(value: float | None) -> str:
    return "unseen element" if value is None else f"{value:.2f}"


def _chart(bins: tuple[DistanceBin, ...], board: Board) -> Markup:
    """A dot and an interval a quarter, from the nearest to the farthest; the MAE over all as a line."""
    drawing = Drawing(_WIDTH, _HEIGHT, f"{board.quantity.label}: mean absolute error from the nearest to the farthest")
    y = Scale(0, 1.05 * max(part.mae_high for part in bins), _HEIGHT - _BOTTOM, 8)
    step = (_WIDTH - _LEFT) / len(bins)
    drawing.y_axis(y, _LEFT, right=_WIDTH)
    mae = board.mae(board.recommended)
    drawing.line(_LEFT, y(mae), _WIDTH, y(mae), "constant")
    for place, (name, part) in enumerate(zip(_NAMES, bins, strict=True)):
        x = _LEFT + (place + 0.5) * step
        title = f"{name}: MAE {part.mae:.3g}, {counted(part.n, 'crystal')}, novelty to {_novelty(part.farthest)}"
        drawing.line(x, y(part.mae_low), x, y(part.mae_high), "ours bar")
        drawing.circle(x, y(part.mae), 3.5, "ours", title)
        drawing.text(x, _HEIGHT - 6, name, "tick", "middle")
    return drawing.markup()
