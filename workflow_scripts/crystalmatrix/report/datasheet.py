"""What the models were trained and tested on: source, coverage of the official folds, twins, labels, dropped rows.

In: Inputs.  Out: what datasheet.html.j2 shows.
"""

from typing import Any

from markupsafe import Markup

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.coverage import PropertyCoverage
from crystalmatrix.contracts.quality import Histogram, PropertyQuality
from crystalmatrix.evaluation.comparison import Board, model_label
from crystalmatrix.evaluation.summary import property_metrics
from crystalmatrix.report import text
from crystalmatrix.report.answer import row_decimals
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.svg import Drawing, Scale, tick_label

_WIDTH, _HEIGHT = 250, 92


def datasheet(inputs: Inputs) -> dict[str, Any]:
    """Tables of coverage, twins, label quality and extremes, and a histogram a property."""
    quality = inputs.quality
    return {
        "n_raw": text.count(quality.n_raw),
        "n_kept": text.count(quality.n_kept),
        "reasons": [{"reason": key, "n": text.count(n)} for key, n in sorted(quality.dropped.items())],
        "dropped": inputs.dropped.head(20).fillna("").to_dict("records"),
        "n_dropped": len(inputs.dropped),
        "notes": quality.notes[:20],
        "n_notes": quality.n_notes,
        "defects": quality.known_defects,
        "scheme": inputs.splits.scheme,
        "coverage": [
            _coverage(board, held)
            for name, board in inputs.boards.items()
            if (held := inputs.coverage.properties.get(name))
        ],
        "has_official": any(entry.official for entry in inputs.coverage.properties.values()),
        "twins": [row for board in inputs.boards.values() if (row := _twins(inputs, board)) is not None],
        "has_twins": any(property_metrics(b.recommended, b, inputs.metrics).n_twins for b in inputs.boards.values()),
        "labels": [_labels(board, entry) for board, entry in _qualities(inputs)],
        "histograms": [
            {
                "label": board.quantity.label,
                "unit": board.quantity.unit,
                "chart": _histogram(board, entry.histogram),
            }
            for board, entry in _qualities(inputs)
            if entry.histogram
        ],
        "outliers": _outliers(inputs),
        "n_outliers": len(inputs.outliers),
    }


def _qualities(inputs: Inputs) -> list[tuple[Board, PropertyQuality]]:
    """Quality of the compared properties, in the order of the page."""
    known = inputs.quality.properties
    return [(board, known[name]) for name, board in inputs.boards.items() if name in known]


def _coverage(board: Board, entry: PropertyCoverage) -> dict[str, Any]:
    folds = []
    for fold in (c.TRAIN, c.VAL, c.TEST):
        held = getattr(entry.held, fold)
        of = getattr(entry.official, fold) if entry.official else None
        folds.append({"held": text.count(held), "official": text.count(of), "share": held / of if of else None})
    return {"label": board.quantity.label, "folds": folds, "strict": text.count(entry.strict_train)}


def _twins(inputs: Inputs, board: Board) -> dict[str, Any] | None:
    """The recommended model's MAE with and without the test crystals that have a twin in training."""
    key, places = board.recommended, row_decimals(board)
    scores = property_metrics(key, board, inputs.metrics)
    without = scores.mae_without_twins
    return {
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        "model": model_label(key),
        "n": text.count(scores.n_twins),
        "share": text.percent(scores.n_twins / board.n, 1),
        "all": text.number(board.mae(key), places),
        "without": text.number(without, places),
        "change": text.percent(without / board.mae(key) - 1, 1) if without and board.mae(key) else text.EM_DASH,
    }


def _labels(board: Board, entry: PropertyQuality) -> dict[str, Any]:
    return {
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        **{key: text.count(getattr(entry, key)) for key in ("count", "zeros", "negatives", "out_of_range")},
        **{key: text.significant(getattr(entry, key)) for key in ("min", "median", "max")},
        "repeats": ", ".join(
            f"{text.significant(repeat.value)} ({repeat.count} times)" for repeat in entry.repeats[:3]
        ),
        "against_symmetry": entry.nonzero_against_symmetry,
    }


def _histogram(board: Board, histogram: Histogram) -> Markup:
    edges, counts = histogram.edges, histogram.counts
    drawing = Drawing(_WIDTH, _HEIGHT, f"{board.quantity.label}: histogram of {sum(counts)} values")
    x = Scale(edges[0], edges[-1], 4, _WIDTH - 4)
    y = Scale(0, max(max(counts), 1) ** 0.5, _HEIGHT - 16, 4)
    for low, high, times in zip(edges, edges[1:], counts, strict=False):
        height = y(0) - y(times**0.5)  # square root, so that the tail beside a peak at zero can be seen
        title = f"{low:.3g} to {high:.3g}: {times}"
        drawing.rect(x(low), y(0) - height, max(x(high) - x(low) - 0.6, 0.5), height, "histogram", title)
    for value in x.ticks(4):
        drawing.text(min(max(x(value), 10), _WIDTH - 12), _HEIGHT - 4, tick_label(value), "tick", "middle")
    return drawing.markup()


def _outliers(inputs: Inputs) -> list[dict[str, Any]]:
    """The most extreme training labels, at most three a property."""
    rows = []
    for name, board in inputs.boards.items():
        extreme = inputs.outliers[inputs.outliers["property"] == name].nlargest(3, "score")
        for row in extreme.to_dict("records"):
            rows.append(
                {
                    "id": str(row["id"]),
                    "label": board.quantity.label,
                    "value": text.with_unit(text.significant(row["value"], 4), board.quantity.unit),
                    "score": text.number(row["score"], 1),
                }
            )
    return rows
