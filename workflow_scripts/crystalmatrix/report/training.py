"""How the models learned, and what they cost.

In: Inputs.  Out: what training.html.j2 shows: validation curves, and a table of time, memory and size.
"""

import math
from typing import Any

from markupsafe import Markup

from crystalmatrix.evaluation.comparison import COMPOSITION, CONSTANT, Board, column_key, model_label
from crystalmatrix.evaluation.predictions import ModelPredictions
from crystalmatrix.report import text
from crystalmatrix.report.inputs import Inputs
from crystalmatrix.report.svg import Drawing, Scale

BASELINE = "cgcnn"
_BLUES = (0, 1, 2, 4, 5)  # series of style.css in the order of the tiers
_ROUND_TIMES = (1, 10, 60, 600, 3600, 36000, 360000)  # s
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 320, 190, 44, 26


def training(inputs: Inputs) -> dict[str, Any]:
    """Learning curves by property, costs by model, and the trade of time against error."""
    tiers = _tiers(inputs)
    return {
        "curves": [
            {"label": board.quantity.label, "unit": board.quantity.unit, "chart": chart}
            for name, board in inputs.boards.items()
            if (chart := _curves(inputs, name, tiers)) is not None
        ],
        "legend": [
            {"key": key, "label": model_label(key), "style": line_style(key, tiers)}
            for key in inputs.columns
            if key != COMPOSITION
        ],
        "has_energy": any(model.model.energy_joules is not None for model in inputs.models),
        "costs": [_cost(inputs, model) for model in inputs.models],
        "trade": _trade(inputs, tiers),
    }


def _tiers(inputs: Inputs) -> list[str]:
    return [key for key in dict.fromkeys(key.partition("/")[0] for key in inputs.columns) if key != COMPOSITION]


def line_style(key: str, tiers: list[str]) -> str:
    """CSS classes of a model's line: a colour by tier, orange for the baseline; dashes for the multi-task model."""
    tier, _, multitask = key.partition("/")
    others = [name for name in tiers if name != BASELINE]
    number = 3 if tier == BASELINE else _BLUES[others.index(tier) % len(_BLUES)]
    return f"series-{number}" + (" dashed" if multitask else "")


def _curves(inputs: Inputs, name: str, tiers: list[str]) -> Markup | None:
    """Validation MAE against epochs, both logarithmic."""
    lines = {}
    for model in inputs.models:
        points = [(entry.epoch, entry.val_mae[name]) for entry in model.model.history if entry.val_mae.get(name)]
        if points:
            lines[column_key(model)] = points
    if not lines:
        return None
    values = sorted(value for points in lines.values() for _, value in points)
    # the first epochs of a network that has not learned yet would flatten everything else
    top = min(values[-1], 6 * values[0])
    x = Scale(1, max(max(e for e, _ in points) for points in lines.values()) + 1e-9, _LEFT, _WIDTH - 8, log=True)
    y = Scale(values[0] * 0.95, max(top, values[0] * 1.1), _HEIGHT - _BOTTOM, 8, log=True)
    drawing = Drawing(_WIDTH, _HEIGHT, f"{inputs.boards[name].quantity.label}: validation error against epoch")
    drawing.y_axis(y, _LEFT, right=_WIDTH - 8)
    drawing.x_axis(x, _HEIGHT - _BOTTOM, top=8)
    drawing.text((_LEFT + _WIDTH) / 2, _HEIGHT - 2, "epoch", "tick", "middle")
    for key, points in lines.items():
        shown = _thin([point for point in points if point[1] <= top])
        style = f"line {line_style(key, tiers)}"
        drawing.path([(x(epoch), y(value)) for epoch, value in shown], style, model_label(key))
    return drawing.markup()


def _thin(points: list[tuple[float, float]], most: int = 80) -> list[tuple[float, float]]:
    """At most so many points, evenly spaced on the logarithmic axis, the last one kept."""
    if len(points) <= most:
        return points
    picked = {round(math.exp(i * math.log(len(points)) / (most - 1))) - 1 for i in range(most)}
    return [points[i] for i in sorted(picked | {len(points) - 1}) if i < len(points)]


def _cost(inputs: Inputs, model: ModelPredictions) -> dict[str, Any]:
    facts = model.model
    energy = facts.energy_joules
    return {
        "tier": model.tier,
        "path": f"{model.tier}/{model.task}",
        "files": _files(model),
        "task": "all properties" if model.is_multitask else inputs.boards[model.task].quantity.label,
        "architecture": facts.architecture,
        "parameters": facts.n_parameters,
        "seconds": facts.train_seconds,
        "time": text.duration(facts.train_seconds),
        "memory": facts.peak_memory_mb,
        "rate": facts.crystals_per_second,
        "energy": energy / text.JOULES_PER_KWH if energy is not None else None,
        "epochs": facts.epochs,
        "seeds": facts.seeds,
        "device": facts.device,
        "ratio": _mean_ratio(inputs, model),
    }


def _files(model: ModelPredictions) -> dict[str, str]:
    """What lies around the page for a model, by its address from there; the composition baseline is no file."""
    path = f"{model.tier}/{model.task}"
    if model.tier == COMPOSITION:
        return {"log": f"../logs/{path}.log", "metrics": f"../{path}.metrics.json"}
    return {"card": f"../{path}.md", "log": f"../logs/train/{path}.log", "metrics": f"../{path}.metrics.json"}


def _mean_ratio(inputs: Inputs, model: ModelPredictions) -> float:
    """Geometric mean over the model's properties of MAE over the best constant's MAE."""
    key = column_key(model)
    logs = [math.log(board.mae(key) / board.mae(CONSTANT)) for board in _boards(inputs, model) if board.mae(key) > 0]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


def _boards(inputs: Inputs, model: ModelPredictions) -> list[Board]:
    return [inputs.boards[name] for name in model.properties]


def _trade(inputs: Inputs, tiers: list[str]) -> Markup | None:
    """Training time of a whole column of the matrix against its mean error relative to the best constant."""
    points = {}
    for key in inputs.columns:
        models = [model for model in inputs.models if column_key(model) == key and model.tier != COMPOSITION]
        seconds = sum(model.model.train_seconds for model in models)
        boards = [board for board in inputs.boards.values() if key in board.ours]
        if seconds > 0 and len(boards) == len(inputs.boards):
            logs = [math.log(max(board.mae(key), 1e-12) / board.mae(CONSTANT)) for board in boards]
            points[key] = (seconds, math.exp(sum(logs) / len(logs)))
    if len(points) < 2:
        return None
    width, height = 420, 250
    times, ratios = zip(*points.values(), strict=True)
    x = Scale(min(times) * 0.6, max(times) * 2.6, 52, width - 10, log=True)
    y = Scale(min(ratios) * 0.85, max(ratios) * 1.12, height - 36, 10, log=True)
    drawing = Drawing(width, height, "training time of all properties against mean error relative to the constant")
    drawing.y_axis(y, 52, right=width - 10, n=6)
    for value in (value for value in _ROUND_TIMES if x.low <= value <= x.high):
        drawing.line(x(value), 10, x(value), height - 36, "grid")
        drawing.text(x(value), height - 24, text.duration(value), "tick", "middle")
    drawing.text((52 + width) / 2, height - 6, "training time, all properties", "tick", "middle")
    for key, (seconds, ratio) in points.items():
        drawing.circle(x(seconds), y(ratio), 5, f"dot {line_style(key, tiers)}", f"{model_label(key)}: {ratio:.3g}")
        drawing.text(x(seconds) + 9, y(ratio) + 3.5, model_label(key), "name")
    return drawing.markup()
