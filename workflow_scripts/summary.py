"""The matrix as a small table on the terminal: MAE on the test fold beside the best constant.

In: a results folder with <tier>/<task>.metrics.json.  Out: text, one row a property, one column a kind of model.
"""

import argparse
from pathlib import Path

from crystalmatrix.contracts.scores import ModelScores, PropertyScores
from crystalmatrix.errors import DataError, run
from crystalmatrix.properties import MULTITASK, PROPERTIES


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the matrix of errors.")
    parser.add_argument("results", type=Path, help="folder with <tier>/<task>.metrics.json")
    results = parser.parse_args().results
    paths = sorted(results.glob("*/*.metrics.json"))
    if not paths:
        raise DataError(f"{results}: found no <tier>/<task>.metrics.json; run snakemake first")
    print(table([ModelScores.read(path) for path in paths]))


def table(metrics: list[ModelScores]) -> str:
    """Text of the matrix; a tier's single-property models share a column, its multi-task model has its own."""
    columns: dict[str, dict[str, PropertyScores]] = {}
    for content in metrics:
        title = f"{content.tier} multi" if content.task == MULTITASK else content.tier
        columns.setdefault(title, {}).update(content.properties)
    lines = [_line(["property", "unit", "test", "constant", *columns])]
    for name in PROPERTIES:
        scores = [scores.get(name) for scores in columns.values()]
        known = next((score for score in scores if score), None)
        if known is not None:
            start = [name, known.unit, str(known.n_test), f"{known.constant_mae:.3g}"]
            lines.append(_line([*start, *(_cell(score) for score in scores)]))
    return "\n".join([*lines, "* below the best constant, the median of the training fold"])


def _cell(score: PropertyScores | None) -> str:
    """`0.0512*` where the model beats the best constant, `0.0512 ` where it does not, empty where it has no value."""
    if score is None:
        return ""
    return f"{score.mae:.3g}{'*' if score.mae < score.constant_mae else ' '}"


def _line(cells: list[str]) -> str:
    name, unit, *numbers = cells
    return f"{name:<18}{unit:<8}" + "".join(f"{number:>15}" for number in numbers)


if __name__ == "__main__":
    run(main)
