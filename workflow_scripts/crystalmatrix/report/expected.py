"""What to expect of few crystals: test error against the number of labelled ones, measured once, with the package.

In: learning_curves.json beside this file.  Out: what expected.html.j2 shows.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from crystalmatrix.contracts.curves import CurvePoint, LearningCurves
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.report import text
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.svg import Drawing, Scale

FILE = "learning_curves.json"
FEW = 300  # crystals, of which the sentence speaks, or of the size next to it
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 320, 190, 48, 26


def expected(_inputs: Inputs) -> dict[str, Any]:
    """A chart and a sentence a property; nothing of it is of this run."""
    curves = shipped_curves()
    tiers = list(dict.fromkeys(point.tier for point in curves.points))
    names = list(dict.fromkeys(point.property for point in curves.points))
    styles = {tier: f"series-{place}" for place, tier in enumerate(tiers)}
    return {
        "legend": [{"label": tier, "style": styles[tier]} for tier in tiers],
        "panels": [_panel([point for point in curves.points if point.property == name], styles) for name in names],
        "machine": curves.machine,
        "dates": " to ".join(dict.fromkeys(curves.dates)),
        "confidence": text.percent(curves.confidence),
    }


def shipped_curves() -> LearningCurves:
    """Raises DataError for a damaged file."""
    return LearningCurves.read(Path(__file__).with_name(FILE))


def _panel(points: list[CurvePoint], styles: dict[str, str]) -> dict[str, Any]:
    first = points[0]
    return {
        "label": PROPERTIES[first.property].label,
        "unit": first.unit,
        "n_test": first.n_test,
        "sentence": sentence(points),
        "chart": _chart(points, styles),
    }


def sentence(points: list[CurvePoint]) -> str:
    """Of the size next to FEW, each tier's error beside that of a guess."""
    n = min({point.n for point in points}, key=lambda size: abs(size - FEW))
    chosen = [point for point in points if point.n == n]
    errors = ", ".join(f"{point.tier} {text.with_unit(text.significant(point.mae), point.unit)}" for point in chosen)
    guess = text.with_unit(text.significant(chosen[0].constant_mae), chosen[0].unit)
    return f"{text.count(n)} crystals: {errors}; guessing the median: {guess}."


def _chart(points: list[CurvePoint], styles: dict[str, str]) -> Markup:
    """A line a tier with the interval of each point, both axes logarithmic; the guess as a dashed line."""
    drawing = Drawing(_WIDTH, _HEIGHT, f"{PROPERTIES[points[0].property].label}: error against labelled crystals")
    guess = points[0].constant_mae
    sizes = sorted({point.n for point in points})
    x = Scale(sizes[0] / 1.2, sizes[-1] * 1.2, _LEFT, _WIDTH - 6, log=True)
    low, high = min(point.low for point in points), max(guess, *(point.high for point in points))
    y = Scale(low * 0.9, high * 1.1, _HEIGHT - _BOTTOM, 8, log=True)
    drawing.y_axis(y, _LEFT, right=_WIDTH - 6)
    drawing.x_axis(x, _HEIGHT - _BOTTOM, top=8, values=sizes)
    drawing.text((_LEFT + _WIDTH) / 2, _HEIGHT - 3, "labelled crystals", "tick", "middle")
    drawing.line(_LEFT, y(guess), _WIDTH - 6, y(guess), "constant")
    for tier, style in styles.items():
        mine = sorted((point for point in points if point.tier == tier), key=lambda point: point.n)
        for point in mine:
            drawing.line(x(point.n), y(point.low), x(point.n), y(point.high), f"{style} line")
        drawing.path([(x(point.n), y(point.mae)) for point in mine], f"line {style}")
        for point in mine:
            title = f"{tier}, {point.n:,} crystals: {point.mae:.3g} [{point.low:.3g}, {point.high:.3g}] {point.unit}"
            drawing.circle(x(point.n), y(point.mae), 3, f"dot {style}", title)
    return drawing.markup()
