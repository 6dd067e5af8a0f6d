"""The first screen: which model for which property, how good it is, against whom, on which crystals.

In: Inputs.  Out: what answer.html.j2 shows.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from crystalmatrix.evaluation.bootstrap import FEWEST
from crystalmatrix.evaluation.comparison import COMPOSITION, CONSTANT, Board, model_label
from crystalmatrix.report import text
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.svg import Drawing, Scale, tick_label
from crystalmatrix.words import counted

_WIDTH, _HEIGHT = 230, 26
_TICKS = 4


def answer(inputs: Inputs) -> dict[str, Any]:
    """Rows of the answer, the scale of their charts, and the sentences around them."""
    scale = _scale(list(inputs.boards.values()))
    verdicts = _count_verdicts(inputs)
    return {
        "rows": [_row(inputs, name, board, scale) for name, board in inputs.boards.items()],
        "axis": _axis(scale),
        "lines": lines_of(scale),
        "verdicts": verdicts,
        "reference": "the best published model" if verdicts["n"] else "the best constant",
        "source": Path(inputs.source.source).name,
        "fewest": FEWEST,
        "ids_note": _ids_note(inputs),
        "training_note": _training_note(inputs),
        "ehull_median": _odd_hull(inputs),
        "n_networks": counted(sum(model.tier != COMPOSITION for model in inputs.models), "network"),
    }


def _row(inputs: Inputs, name: str, board: Board, scale: Scale) -> dict[str, Any]:
    key = board.recommended
    low, high = board.mae_interval(key)
    places = row_decimals(board)
    common = board.common
    best = common.best_published
    baselines = {"constant": board.difference(key, CONSTANT)}
    if COMPOSITION in board.ours and key != COMPOSITION:
        baselines["composition"] = board.difference(key, COMPOSITION)
    against = common.difference(key, best) if best else baselines["constant"]
    path = key if "/" in key else f"{key}/{name}"
    return {
        "name": name,
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        "model": model_label(key),
        "path": f"results/{path}.pt",
        "beyond": any(m.tier == key.partition("/")[0] and m.model.potentials for m in inputs.models),
        "anchor": path.replace("/", "-"),
        "mae": text.number(board.mae(key), places),
        "interval": text.interval(low, high, places),
        "strip": _strip(board, scale),
        "claim": {
            "verdict": against.verdict,
            "mark": text.VERDICT_MARKS[against.verdict],
            "word": text.verdict(against),
            "published": best is not None,
            "size": text.size(against, places),
        },
        "references": _references(board, places),
        "unbeaten": " or ".join(name for name, found in baselines.items() if found.verdict != "better"),
        "ids": text.count(board.n),
        "official": text.count(inputs.n_official(name)) if inputs.n_official(name) else None,
        "complete": inputs.n_official(name) == board.n,
    }


def _references(board: Board, places: int) -> str:
    """The errors of the best published model, the best constant and the composition, in one line."""
    common = board.common
    parts = []
    if best := common.best_published:
        few = f" ({counted(common.n, 'crystal')})" if common.n < board.n else ""
        parts.append(f"{board.label(best)} {text.number(common.mae(best), places)}{few}")
    parts.append(f"constant {text.number(board.mae(CONSTANT), places)}")
    if COMPOSITION in board.ours:
        parts.append(f"composition {text.number(board.mae(COMPOSITION), places)}")
    return ", ".join(parts)


def row_decimals(board: Board) -> int:
    """Decimals for every error of a property: three significant digits of its smallest."""
    return text.decimals([board.mae(key) for key in [*board.ours, *board.published]])


def _count_verdicts(inputs: Inputs) -> dict[str, int]:
    counts = {"better": 0, "tied": 0, "worse": 0}
    for board in inputs.boards.values():
        common = board.common
        if common.best_published:
            counts[common.difference(board.recommended, common.best_published).verdict] += 1
    return {**counts, "n": sum(counts.values())}


def _ids_note(inputs: Inputs) -> str:
    """On which crystals the errors are, and whether they are the official benchmark's numbers."""
    official = {name: inputs.n_official(name) for name in inputs.boards}
    shares = [inputs.boards[name].n / n for name, n in official.items() if n]
    if len(shares) < len(official):
        return f"Every error is on the test fold of this run ({inputs.splits.scheme}), not on the official one."
    if min(shares) == 1:
        return "Every error is on the whole official test fold."
    return (
        f"Every error is on the test ids held here, {_range(shares)} of the official test folds, "
        f"so none of them is a number of the official benchmark."
    )


def _odd_hull(inputs: Inputs) -> str | None:
    """The median energy above hull, where it is far from what a distance to a convex hull looks like."""
    entry = inputs.quality.properties.get("ehull")
    median = entry.median if entry else None
    return text.number(median, 2) if "ehull" in inputs.boards and median is not None and median > 0.5 else None


def _training_note(inputs: Inputs) -> str | None:
    """How many crystals the published models were trained on, where ours had fewer."""
    shares = []
    for name in inputs.boards:
        official = inputs.coverage.official(name)
        if official and official.train:
            shares.append(inputs.coverage.properties[name].held.train / official.train)
    if not shares or min(shares) > 0.98:
        return None
    return (
        f"This source holds {_range(shares)} of the official training crystals; "
        f"the published models were trained on all of them."
    )


def _range(shares: list[float]) -> str:
    """`10 % to 25 %`, or `33 %` where both ends print alike."""
    low, high = (text.percent(share, 1 if share < 0.01 else 0) for share in (min(shares), max(shares)))
    return low if low == high else f"{low} to {high}"


def _scale(boards: list[Board]) -> Scale:
    """Share of the best constant's error, one logarithmic scale for all properties."""
    low, high = 0.5, 1.2
    for board in boards:
        constant = board.mae(CONSTANT)
        bound = board.mae_interval(board.recommended)[0]
        low = min(low, *(mae / constant for mae in (bound, *map(board.mae, board.ours))))
        common = board.common
        if best := common.best_published:
            low = min(low, common.mae(best) / common.mae(CONSTANT))
        high = max(high, board.mae_interval(board.recommended)[1] / constant)
    return Scale(max(low * 0.9, 1e-3), min(high * 1.1, 4.0), 6, _WIDTH - 6, log=True)


def _strip(board: Board, scale: Scale) -> Markup:
    """Our models as ticks, the recommended one as a dot with its interval, the best published one as a diamond."""
    constant, key, common = board.mae(CONSTANT), board.recommended, board.common
    label = f"MAE of {model_label(key)} is {text.percent(board.mae(key) / constant)} of the best constant's"
    drawing = Drawing(_WIDTH, _HEIGHT, label)
    middle = _HEIGHT / 2
    for value in scale.ticks(_TICKS):
        drawing.line(scale(value), 0, scale(value), _HEIGHT, "grid")
    drawing.line(scale(1), 0, scale(1), _HEIGHT, "constant")
    for other in board.ours:
        x = scale(board.mae(other) / constant)
        drawing.line(x, middle - 5, x, middle + 5, "tickmark")
    low, high = (scale(bound / constant) for bound in board.mae_interval(key))
    drawing.line(low, middle, high, middle, "ours bar")
    if best := common.best_published:
        share = common.mae(best) / common.mae(CONSTANT)
        drawing.diamond(scale(share), middle, 5, "published", board.label(best))
    drawing.circle(scale(board.mae(key) / constant), middle, 4.5, "ours", f"{model_label(key)}")
    return drawing.markup("chart strip")


def _axis(scale: Scale) -> Markup:
    drawing = Drawing(_WIDTH, 16, "scale: share of the best constant's error")
    for value in scale.ticks(_TICKS):
        drawing.text(scale(value), 12, f"{tick_label(100 * value)}\N{NO-BREAK SPACE}%", "tick", "middle")
    return drawing.markup("chart strip")


def lines_of(scale: Scale) -> str:
    """What the lines of the charts stand for, where no axis is drawn: `3, 10, 30 and 100 % of the error of ...`."""
    *others, last = (tick_label(100 * value) for value in scale.ticks(_TICKS))
    values = f"{', '.join(others)} and {last}" if others else last
    return f"lines: {values}\N{NO-BREAK SPACE}% of the error of the best constant"
