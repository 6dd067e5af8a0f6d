"""The tables of docs/ that are generated: from result files to docs/data/<name>.json to the pages.

In: a results folder, a comparison.json, a folder of Snakemake's benchmarks, or a Markdown table that a program prints;
docs/data/<name>.json.
Out: docs/data/<name>.json; the pages of docs/ with the tables between `<!-- table: <name> -->` and `<!-- end -->`.

    python docs/results.py keep part/results --name lite-part --machine "..." --command "..." --commit fd05eee
    python docs/results.py keep part/results/report/comparison.json --name ... (the others likewise)
    python docs/results.py keep part/results/benchmarks/train/transfer --name ...
    python docs/results.py keep ablation.json --name ...   # of benchmarks/ablation.py --json
    python benchmarks/members.py ... | python docs/results.py keep - --name ...
    python docs/results.py write

A file can also be written by hand of a program: {"about": {"machine", "command", "commit"}, "columns": [names],
"rows": [a list a row, of texts, numbers or null]}.
"""

import argparse
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

from crystalmatrix.contracts.comparison import Comparison, PropertyComparison
from crystalmatrix.contracts.document import Part
from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.errors import DataError, run
from crystalmatrix.properties import MULTITASK, PROPERTIES

DOCS = Path(__file__).parent
KEPT = ("unit", "n_train", "n_test", "mae", "mae_low", "mae_high", "median_ae", "constant_mae")
MARK = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
MEDIAN = "median of published"

Cells = dict[str, dict[str, Any]]  # "tier task-or-single": scores, of one property


class About(Part):
    """How a table came about."""

    machine: str  # with the date
    command: str  # that anyone with the data can run
    commit: str


class Table(Part):
    """Any table; a number is shown with four digits."""

    about: About
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]


class Matrix(Part):
    """The scores of a run."""

    about: About
    confidence: float
    properties: dict[str, Cells]


def kept(source: str, *, about: About) -> Table | Matrix:
    """What docs/data holds of a results folder, a JSON file or, for `-`, a Markdown table. Raises DataError."""
    if source == "-":
        return of_markdown(sys.stdin.read(), about=about)
    path = Path(source)
    if path.is_file():
        content = json.loads(path.read_text("utf-8"))
        if "rows" in content:
            return of_ablation(content["rows"], about=about)
        return of_comparison(Comparison.read(path), about=about)
    return of_benchmarks(path, about=about) if any(path.glob("*.tsv")) else of_run(path, about=about)


def of_benchmarks(folder: Path, *, about: About) -> Table:
    """What the jobs of a tier took, a row a model."""
    rows = []
    for name in [*PROPERTIES, MULTITASK]:
        path = folder / f"{name}.tsv"
        if path.exists():
            took = next(csv.DictReader(path.read_text("utf-8").splitlines(), delimiter="\t"))
            rows.append((name, round(float(took["s"])), round(float(took["cpu_time"])), round(float(took["max_rss"]))))
    return Table(about=about, columns=("model", "seconds", "of the processor", "memory, MB"), rows=tuple(rows))


def of_run(results: Path, *, about: About) -> Matrix:
    """Of each model and property the numbers of KEPT, to six digits."""
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
    ordered = {name: properties[name] for name in PROPERTIES if name in properties}
    return Matrix(about=about, confidence=0.95, properties=ordered)


def of_comparison(found: Comparison, *, about: About) -> Table:
    """Of each property the model that validation recommends against the best published one, on the same crystals."""
    columns = ("property", "n", "ours", "MAE", "best published", "its MAE", "difference [95 %]", "verdict", MEDIAN)
    rows = [_against(name, found.properties[name]) for name in PROPERTIES if name in found.properties]
    return Table(about=about, columns=columns, rows=tuple(rows))


def _against(name: str, one: PropertyComparison) -> tuple[str | int | float | None, ...]:
    pairs = {(pair.a, pair.b): pair for pair in one.differences}
    pair = pairs.get((one.recommended, one.best_published or ""))
    median = one.published.get(MEDIAN)
    start = (name, one.n_test, one.recommended, _digits(one.models[one.recommended].mae))
    end = _digits(median.mae) if median else None
    if pair is None or one.best_published is None:
        return (*start, one.best_published, None, None, None, end)
    difference = f"{pair.mean:+.3g} [{pair.low:+.3g}, {pair.high:+.3g}]"
    return (*start, one.best_published, _digits(one.published[pair.b].mae), difference, pair.verdict, end)


def _digits(value: float) -> float:
    return float(f"{value:.4g}")


def of_ablation(rows: list[dict[str, Any]], *, about: About) -> Table:
    """A row a variant, a column a property; bold: the interval of the paired difference excludes zero."""
    properties = list(dict.fromkeys(row["property"] for row in rows))
    cells = {(row["variant"], row["property"]): row for row in rows}
    size = {row["property"]: row["n"] for row in rows}
    shown = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        found = [cells.get((variant, name)) for name in properties]
        seconds = ", ".join(f"{row['seconds']:.0f}" for row in found if row)
        shown.append((variant, *map(_change, found), seconds))
    columns = ("variant", *(f"{name}, {size[name]}" for name in properties), "seconds a training")
    return Table(about=about, columns=columns, rows=tuple(shown))


def _change(row: dict[str, Any] | None) -> str | None:
    """MAE, and in percent of that of the tier as it is the paired difference with its interval; of itself the seeds."""
    if row is None:
        return None
    if row["low"] == row["high"] == 0:
        return f"{row['mae']:.4g} [{min(row['of_seeds']):.4g}, {max(row['of_seeds']):.4g}]"
    reference = (row["mae"] - row["difference"]) / 100
    change, low, high = (row[key] / reference for key in ("difference", "low", "high"))
    mae = f"{row['mae']:.4g}" if row["verdict"] == "tied" else f"**{row['mae']:.4g}**"
    return f"{mae} {change:+.1f} % [{low:+.1f}, {high:+.1f}]"


def of_markdown(text: str, *, about: About) -> Table:
    """The one table in what a benchmark printed. Raises DataError."""
    lines = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.strip().startswith("|")
    ]
    if len(lines) < 3:
        raise DataError(f"standard input: found {len(lines)} lines that begin with |, expected a Markdown table")
    rows = [row for row in lines[1:] if set("".join(row)) - set("-: ")]
    return Table(about=about, columns=tuple(lines[0]), rows=tuple(map(tuple, rows)))


def read(path: Path) -> Table | Matrix:
    """Raises DataError for anything that is neither."""
    content = json.loads(path.read_text("utf-8"))
    kind: type[Table | Matrix] = Table if "rows" in content else Matrix
    found = kind.parse(content, where=str(path))
    if isinstance(found, Table):
        odd = next((row for row in found.rows if len(row) != len(found.columns)), None)
        if odd is not None:
            raise DataError(f"{path}: found a row of {len(odd)} cells, expected {len(found.columns)}: {odd}")
    return found


def text_of(found: Table | Matrix) -> str:
    """Markdown: the table, and below it how it came about."""
    lines = _plain(found) if isinstance(found, Table) else _matrix(found)
    about = found.about
    lines += ["", f"{about.machine}, commit {about.commit}:", "", "```bash", about.command, "```", ""]
    return "\n".join(lines)


def _plain(found: Table) -> list[str]:
    shown = [["" if c is None else f"{c:.4g}" if isinstance(c, float) else f"{c}" for c in row] for row in found.rows]
    return [_row(list(found.columns)), _row(["---"] * len(found.columns)), *map(_row, shown)]


def _matrix(found: Matrix) -> list[str]:
    """A row a property, a column a kind of model, the lowest error of a row in bold."""
    kinds = sorted(
        {kind for cells in found.properties.values() for kind in cells}, key=lambda kind: (kind != "composition", kind)
    )
    lines = [_row(["property", "unit", "n", "constant", *kinds]), _row(["---"] * (4 + len(kinds)))]
    for name, cells in found.properties.items():
        first = next(iter(cells.values()))
        best = min(row["mae"] for row in cells.values())
        start = [name, first["unit"], f"{first['n_test']}", f"{first['constant_mae']:.4g}"]
        lines.append(_row([*start, *(_cell(cells.get(kind), best) for kind in kinds)]))
    return lines


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
            raise DataError(f"a page of docs/: found the mark {mark['name']!r}, expected one of: {known}")
        return f"{mark[1]}{text_of(read(path))}{mark[3]}"

    return MARK.sub(replaced, page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    keeper = actions.add_parser("keep", help="write docs/data/<name>.json")
    keeper.add_argument("source", help="results folder, JSON, folder of *.tsv, or - (Markdown)")
    for name in ("name", "machine", "command", "commit"):
        keeper.add_argument(f"--{name}", required=True)
    actions.add_parser("write", help="write the marked tables of the pages")
    arguments = parser.parse_args()
    if arguments.action == "keep":
        about = About(machine=arguments.machine, command=arguments.command, commit=arguments.commit)
        content = kept(arguments.source, about=about).to_dict()
        (DOCS / "data" / f"{arguments.name}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        return
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text("utf-8"), DOCS / "data"), "utf-8")


if __name__ == "__main__":
    run(main)
