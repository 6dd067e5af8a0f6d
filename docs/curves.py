"""What a few crystals give, for people: the table that the page draws, a figure, and a table of docs/results.md.

In: the rows of benchmarks/learning_curve.py.  Out: learning_curves.json of the report, which comes with the package;
docs/learning_curve.svg; docs/data/learning-curve.json, the table that docs/results.py writes.

    python docs/curves.py learning_curve.json && python docs/results.py write
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from crystalmatrix.contracts.curves import CurvePoint, LearningCurves
from crystalmatrix.errors import DataError, run
from crystalmatrix.properties import PROPERTIES
from crystalmatrix.report.expected import FILE

DOCS = Path(__file__).parent
TABLE = DOCS.parent / "workflow_scripts/crystalmatrix/report" / FILE
FIGURE = DOCS / "learning_curve.svg"
KEPT = DOCS / "data/learning-curve.json"
COMMAND = (
    "python benchmarks/learning_curve.py --results part/results --out curve.json --seeds {seeds} --properties {names} "
    "--sizes {sizes}"
)
STYLE: Any = {
    "svg.hashsalt": "crystalmatrix",
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
COLOURS = ("#0b5394", "#c75b12", "#2e7d5b")  # of the page, by tier
GREY = "#7f7f7f"


def curves(rows: list[dict[str, Any]]) -> LearningCurves:
    """Raises DataError for no rows, or rows of other settings than the last of their kind."""
    if not rows:
        raise DataError("found no rows, expected those of benchmarks/learning_curve.py")
    latest = {(row["property"], row["tier"], row["n"]): row for row in rows}
    kept = [latest[key] for key in sorted(latest, key=lambda key: (list(PROPERTIES).index(key[0]), key[1], key[2]))]
    dates = sorted(row["date"] for row in kept)
    return LearningCurves(
        machine=", ".join(dict.fromkeys(row["machine"] for row in kept)),
        dates=(dates[0], dates[-1]),
        commits=tuple(sorted({row["commit"] for row in kept})),
        confidence=kept[0]["confidence"],
        points=tuple(
            CurvePoint(**{name: row[name] for name in CurvePoint.model_fields} | _rounded(row)) for row in kept
        ),
    )


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: float(f"{row[name]:.4g}") for name in ("mae", "low", "high", "constant_mae")}
    return numbers | {"of_seeds": tuple(float(f"{value:.4g}") for value in row["of_seeds"])}


def table(found: LearningCurves) -> dict[str, Any]:
    """What docs/data holds: a row a property and size, a column a tier."""
    tiers = list(dict.fromkeys(point.tier for point in found.points))
    cells = {(point.property, point.n, point.tier): point for point in found.points}
    rows = []
    for name, n in dict.fromkeys((point.property, point.n) for point in sorted(found.points, key=_place)):
        mine = [cells.get((name, n, tier)) for tier in tiers]
        known = next(point for point in mine if point)
        said = [f"{p.mae:.4g} [{p.low:.4g}, {p.high:.4g}]" if p else None for p in mine]
        rows.append([f"{name}, {known.unit}", n, len(known.of_seeds), *said, known.constant_mae])
    about = {
        "machine": f"{' to '.join(dict.fromkeys(found.dates))}, {found.machine}",
        "command": "\n".join(_commands(found)),
        "commit": ", ".join(found.commits),
    }
    return {"about": about, "columns": ["property", "n", "seeds", *tiers, "median"], "rows": rows}


def _commands(found: LearningCurves) -> Iterator[str]:
    """One for each number of seeds."""
    for seeds in sorted({len(point.of_seeds) for point in found.points}, reverse=True):
        mine = [point for point in found.points if len(point.of_seeds) == seeds]
        names, sizes = dict.fromkeys(point.property for point in mine), sorted({point.n for point in mine})
        yield COMMAND.format(seeds=seeds, names=" ".join(names), sizes=" ".join(map(str, sizes)))


def _place(point: CurvePoint) -> tuple[int, int]:
    return list(PROPERTIES).index(point.property), point.n


def draw(found: LearningCurves) -> Figure:
    """A panel a property, a line a tier, both axes logarithmic; bars: the interval over the test crystals."""
    names = list(dict.fromkeys(point.property for point in found.points))
    tiers = list(dict.fromkeys(point.tier for point in found.points))
    figure = Figure(figsize=(2.7 * len(names) + 0.5, 2.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for tier, colour in zip(tiers, COLOURS, strict=False):
            mine = [point for point in found.points if (point.property, point.tier) == (name, tier)]
            below, above = [p.mae - p.low for p in mine], [p.high - p.mae for p in mine]
            sizes, errors = [p.n for p in mine], [p.mae for p in mine]
            axes.errorbar(sizes, errors, yerr=[below, above], color=colour, marker="o", markersize=3.5, label=tier)
        of_name = [point for point in found.points if point.property == name]
        axes.axhline(of_name[0].constant_mae, color=GREY, linestyle="--", linewidth=0.8)
        sizes = sorted({point.n for point in of_name})
        axes.set(xscale="log", yscale="log", title=PROPERTIES[name].label, xlabel="labelled crystals")
        axes.set_ylabel(f"MAE ({of_name[0].unit})")
        axes.set_xticks(sizes, [f"{n:,}" for n in sizes], minor=False, rotation=45 if len(sizes) > 5 else 0)
        axes.set_xticks([], minor=True)
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5, 7)))  # all nine would lie upon each other
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.legend(frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """The same bytes for the same figure."""
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, help="JSON of benchmarks/learning_curve.py")
    arguments = parser.parse_args()
    found = curves(json.loads(arguments.rows.read_text("utf-8"))["rows"])
    found.write(TABLE)
    with mpl.rc_context(STYLE):
        save(draw(found), FIGURE)
    KEPT.write_text(json.dumps(table(found), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    run(main)
