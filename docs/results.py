"""The tables of docs/results.md that are generated: from a run's result files to docs/data/*.json to the page.

In: a results folder with <tier>/<task>.metrics.json; docs/data/<name>.json.
Out: docs/data/<name>.json; docs/results.md with the tables between its marks `<!-- <name> -->` and `<!-- end -->`.

    python docs/results.py keep part/results --name lite-part --machine "..." --command "..." --commit fd05eee
    python docs/results.py write

A file of rows of `benchmarks/ablation.py --json`, kept as docs/data/<name>.json, is a table of ablations.
What few crystals give, from benchmarks/learning_curve.py, is drawn by docs/curves.py.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.errors import DataError, run
from crystalmatrix.properties import MULTITASK, PROPERTIES

DOCS = Path(__file__).parent
KEPT = ("unit", "n_train", "n_test", "mae", "mae_low", "mae_high", "median_ae", "constant_mae")
MARK = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

Cells = dict[str, dict[str, Any]]  # "tier task-or-single": scores, of one property


def keep(results: Path, *, about: dict[str, str]) -> dict[str, Any]:
    """What docs/data holds of a run: of each model and property the numbers of KEPT, and how they were made."""
    paths = sorted(results.glob("*/*.metrics.json"))
    if not paths:
        raise DataError(f"{results}: found no <tier>/<task>.metrics.json, expected a run's results folder")
    properties: dict[str, Cells] = {}
    for scores in map(ModelScores.read, paths):
        kind = f"{scores.tier} multi" if scores.task == MULTITASK else scores.tier
        for name, row in scores.properties.items():
            content = row.model_dump(include=set(KEPT))
            properties.setdefault(name, {})[kind] = {
                key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in content.items()
            }
    return {"about": about, "confidence": 0.95, "properties": {n: properties[n] for n in PROPERTIES if n in properties}}


def table(content: dict[str, Any]) -> str:
    """Markdown: a row a property, a column a kind of model, the lowest error of a row in bold."""
    properties: dict[str, Cells] = content["properties"]
    kinds = sorted(
        {kind for cells in properties.values() for kind in cells}, key=lambda kind: (kind != "composition", kind)
    )
    lines = [_row(["property", "unit", "n", "constant", *kinds]), _row(["---"] * (4 + len(kinds)))]
    for name, cells in properties.items():
        first = next(iter(cells.values()))
        best = min(row["mae"] for row in cells.values())
        start = [name, first["unit"], f"{first['n_test']}", f"{first['constant_mae']:.4g}"]
        lines.append(_row([*start, *(_cell(cells.get(kind), best) for kind in kinds)]))
    about = content["about"]
    lines += ["", f"{about['machine']}, commit {about['commit']}:", "", "```bash", about["command"], "```", ""]
    return "\n".join(lines)


def ablation(rows: list[dict[str, Any]]) -> str:
    """Markdown of benchmarks/ablation.py --json: a row a variant, a column a property; bold: not by chance."""
    properties = list(dict.fromkeys(row["property"] for row in rows))
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    cells = {(row["variant"], row["property"]): row for row in rows}
    n = {name: next(row["n"] for row in rows if row["property"] == name) for name in properties}
    lines = [_row(["variant", *(f"{name}, {n[name]}" for name in properties), "seconds a training"])]
    lines.append(_row(["---"] * (len(properties) + 2)))
    for variant in variants:
        found = [cells.get((variant, name)) for name in properties]
        seconds = [f"{row['seconds']:.0f}" for row in found if row]
        lines.append(_row([variant, *map(_change, found), ", ".join(seconds)]))
    dates = sorted({row["date"] for row in rows})
    settings = sorted({f"{row['tier']}, {row['fold']} fold, {row['seeds']} seeds" for row in rows})
    places = [*sorted({row["machine"] for row in rows}), f"commit {', '.join(sorted({row['commit'] for row in rows}))}"]
    lines += ["", f"{'; '.join(settings)}; {dates[0]} to {dates[-1]}, {', '.join(places)}.", ""]
    return "\n".join(lines)


def _change(row: dict[str, Any] | None) -> str:
    """MAE; of a variant with the paired difference to the tier as it is, in percent of that, and its interval."""
    if row is None:
        return ""
    if row["difference"] == row["low"] == row["high"] == 0:
        return f"{row['mae']:.4g} [{min(row['of_seeds']):.4g}, {max(row['of_seeds']):.4g}]"
    reference = (row["mae"] - row["difference"]) / 100
    change, low, high = (row[key] / reference for key in ("difference", "low", "high"))
    mae = f"{row['mae']:.4g}" if row["verdict"] == "tied" else f"**{row['mae']:.4g}**"
    return f"{mae} {change:+.1f} % [{low:+.1f}, {high:+.1f}]"


def _cell(row: dict[str, Any] | None, best: float) -> str:
    if row is None:
        return ""
    mae = f"{row['mae']:.4g}"
    return f"{f'**{mae}**' if row['mae'] == best else mae} [{row['mae_low']:.4g}, {row['mae_high']:.4g}]"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def filled(page: str, folder: Path) -> str:
    """The page with every marked table written anew. Raises DataError for a mark without its file."""

    def replaced(mark: re.Match[str]) -> str:
        path = folder / f"{mark['name']}.json"
        if not path.exists():
            known = ", ".join(sorted(found.stem for found in folder.glob("*.json")))
            raise DataError(f"docs/results.md: found the mark {mark['name']!r}, expected one of: {known}")
        content = json.loads(path.read_text())
        return f"{mark[1]}{ablation(content['rows']) if 'rows' in content else table(content)}{mark[3]}"

    return MARK.sub(replaced, page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    keeper = actions.add_parser("keep", help="write docs/data/<name>.json from a results folder")
    keeper.add_argument("results", type=Path)
    for name in ("name", "machine", "command", "commit"):
        keeper.add_argument(f"--{name}", required=True)
    actions.add_parser("write", help="write the marked tables of docs/results.md")
    arguments = parser.parse_args()
    if arguments.action == "keep":
        about = {name: getattr(arguments, name) for name in ("machine", "command", "commit")}
        path = DOCS / "data" / f"{arguments.name}.json"
        path.write_text(json.dumps(keep(arguments.results, about=about), indent=1) + "\n")
        return
    page = DOCS / "results.md"
    page.write_text(filled(page.read_text("utf-8"), DOCS / "data"), "utf-8")


if __name__ == "__main__":
    run(main)
