"""Figures for papers, as SVG: parity plots and the table of errors as a chart.

In: boards.  Out: figures/parity-{property}.svg and figures/errors.svg, the same bytes for the same input.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from crystalmatrix.evaluation.comparison import CONSTANT, Board, model_label
from crystalmatrix.files import atomic

_STYLE: Any = {
    "svg.hashsalt": "crystalmatrix",  # ids in the file do not depend on the run
    "svg.fonttype": "none",  # text stays text
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_BLUE, _ORANGE, _GREY = "#0b5394", "#c75b12", "#7f7f7f"


def write_figures(folder: Path, boards: dict[str, Board]) -> None:
    """Write every figure into `folder`."""
    for name, board in boards.items():
        with _saved(folder / f"parity-{name}.svg", width=3.3, height=3.2) as figure:
            _parity(figure, board)
    with _saved(folder / "errors.svg", width=6.6, height=0.55 + 0.42 * len(boards)) as figure:
        _errors(figure, boards)


@contextmanager
def _saved(path: Path, *, width: float, height: float) -> Iterator[Figure]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with atomic(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def _parity(figure: Figure, board: Board) -> None:
    key = board.recommended
    fold = board.ours[key]
    unit = "" if board.quantity.unit == "1" else f" ({board.quantity.unit})"
    axes = figure.add_subplot()
    low = float(min(fold.target.min(), fold.prediction.min()))
    high = float(max(fold.target.max(), fold.prediction.max()))
    axes.plot([low, high], [low, high], color=_GREY, linewidth=0.8, zorder=0)
    # one raster layer: five thousand points as vectors are a slow figure
    axes.scatter(fold.target, fold.prediction, s=6, color=_BLUE, alpha=0.5, linewidths=0, rasterized=board.n > 1000)
    axes.set(xlabel=f"DFT{unit}", ylabel=f"{model_label(key)}{unit}", title=board.quantity.label)
    axes.text(0.04, 0.96, f"MAE {board.mae(key):.3g}, n = {board.n}", transform=axes.transAxes, va="top", color=_GREY)


def _errors(figure: Figure, boards: dict[str, Board]) -> None:
    axes = figure.add_subplot()
    names = list(boards)[::-1]
    for row, name in enumerate(names):
        board = boards[name]
        constant = board.mae(CONSTANT)
        low, high = np.array(board.mae_interval(board.recommended)) / constant
        axes.plot([low, high], [row, row], color=_BLUE, linewidth=1.6)
        axes.plot(board.mae(board.recommended) / constant, row, "o", color=_BLUE, markersize=4, label="ours")
        common = board.common
        if best := common.best_published:
            share = common.mae(best) / common.mae(CONSTANT)
            axes.plot(share, row, "D", color=_ORANGE, markersize=4, label="best published")
    axes.axvline(1, color=_GREY, linewidth=0.8)
    axes.set_yticks(range(len(names)), [f"{boards[name].quantity.label} (n = {boards[name].n})" for name in names])
    axes.set(xlabel="MAE relative to the best constant", xscale="log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), frameon=False, loc="lower left", fontsize=7)
