"""Inline SVG: a drawing as text, with classes for colours so that it follows the page's theme.

In: shapes in pixels.  Out: `<svg>` markup; Scale maps values to pixels and knows its ticks.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from markupsafe import Markup


@dataclass(frozen=True)
class Scale:
    """Values [low, high] to pixels [start, end], linear or logarithmic; values outside are clamped."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low) if self.high > self.low else 0.5
        else:
            share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, n: int = 4) -> list[float]:
        """About `n` round values within the range; on a logarithmic scale as evenly spaced as round values are."""
        if self.high <= self.low:
            return [self.low]
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for multiples in ((1,), (1, 3), (1, 2, 5)):
                found = [m * 10.0**p for p in powers for m in multiples if self.low <= m * 10.0**p <= self.high]
                if len(found) >= min(n, 3) or (multiples == (1,) and len(found) > 2):
                    return found
        raw = (self.high - self.low) / max(1, n)
        base = 10.0 ** math.floor(math.log10(raw))
        step = next(m * base for m in (1, 2, 5, 10) if m * base >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def tick_label(value: float) -> str:
    """`0.03`, `1`, `2,000`."""
    return f"{value:,.6g}"


@dataclass
class Drawing:
    """Shapes collected in drawing order. `label` is what a screen reader says."""

    width: float
    height: float
    label: str
    shapes: list[str] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        self.shapes.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>')

    def circle(self, x: float, y: float, radius: float, style: str, title: str = "") -> None:
        self.shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{style}">{_title(title)}</circle>')

    def diamond(self, x: float, y: float, radius: float, style: str, title: str = "") -> None:
        path = f"M{x:.1f} {y - radius:.1f}l{radius:g} {radius:g}l-{radius:g} {radius:g}l-{radius:g}-{radius:g}z"
        self.shapes.append(f'<path d="{path}" class="{style}">{_title(title)}</path>')

    def rect(self, x: float, y: float, width: float, height: float, style: str, title: str = "") -> None:
        size = f'width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
        self.shapes.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} class="{style}">{_title(title)}</rect>')

    def path(self, points: Sequence[tuple[float, float]], style: str, title: str = "") -> None:
        if points:
            steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            self.shapes.append(f'<path d="M{steps}" class="{style}">{_title(title)}</path>')

    def text(self, x: float, y: float, content: str, style: str = "", anchor: str = "start") -> None:
        name = f' class="{style}"' if style else ""
        where = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.shapes.append(f'<text x="{x:.1f}" y="{y:.1f}"{name}{where}>{escape(content)}</text>')

    def x_axis(self, scale: Scale, y: float, *, top: float, n: int = 4, values: Iterable[float] | None = None) -> None:
        """Grid lines from `top` to `y` with labels below."""
        for value in scale.ticks(n) if values is None else values:
            x = scale(value)
            self.line(x, top, x, y, "grid")
            self.text(x, y + 11, tick_label(value), "tick", "middle")

    def y_axis(self, scale: Scale, x: float, *, right: float, n: int = 4) -> None:
        """Grid lines from `x` to `right` with labels on the left."""
        for value in scale.ticks(n):
            y = scale(value)
            self.line(x, y, right, y, "grid")
            self.text(x - 4, y + 3.5, tick_label(value), "tick", "end")

    def markup(self, style: str = "chart") -> Markup:
        """The finished `<svg>`, safe for a template: every text in it was escaped here."""
        size = f'viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" height="{self.height:g}"'
        head = f'<svg class="{style}" {size} role="img" aria-label="{escape(self.label)}">'
        return Markup(head + "".join(self.shapes) + "</svg>")


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
