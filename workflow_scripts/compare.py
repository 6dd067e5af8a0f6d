"""Compare all models: the page, the same for machines, and figures for papers.

In: metrics and predictions of every model, the data stage's tables.
Out: comparison.html, comparison.json, comparison.csv and figures/*.svg in --out-dir.
"""

import argparse
from pathlib import Path

from crystalmatrix.config import Config, ReportConfig
from crystalmatrix.errors import run
from crystalmatrix.evaluation.summary import compare, comparison_table
from crystalmatrix.files import sha256_of, write_text
from crystalmatrix.report.figures import write_figures
from crystalmatrix.report.inputs import read_inputs
from crystalmatrix.report.page import render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", default="{}", help="section `report` of the configuration, as JSON")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics.json of each model")
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="predictions of each model")
    parser.add_argument("--records", type=Path, required=True, help="records.parquet")
    parser.add_argument("--splits", type=Path, required=True, help="splits.parquet")
    parser.add_argument("--quality", type=Path, required=True, help="quality.json")
    parser.add_argument("--coverage", type=Path, required=True, help="coverage.json")
    parser.add_argument("--leakage", type=Path, required=True, help="leakage.parquet")
    parser.add_argument("--dropped", type=Path, required=True, help="dropped.parquet")
    parser.add_argument("--outliers", type=Path, required=True, help="outliers.csv")
    parser.add_argument("--graphs", type=Path, help="statistics.json of the graphs; without it that part is left out")
    parser.add_argument("--config-json", help="the configuration of the run, shown on the page")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder for the page, the tables and figures/")
    arguments = parser.parse_args()

    inputs = read_inputs(
        metrics=arguments.metrics,
        predictions=arguments.predictions,
        records=arguments.records,
        splits=arguments.splits,
        quality=arguments.quality,
        coverage=arguments.coverage,
        leakage=arguments.leakage,
        dropped=arguments.dropped,
        outliers=arguments.outliers,
        graphs=arguments.graphs,
        config=Config.from_json(arguments.config_json) if arguments.config_json else None,
        settings=ReportConfig.from_json(arguments.settings),
    )
    out: Path = arguments.out_dir
    write_text(out / "comparison.csv", comparison_table(inputs.boards, inputs.metrics).to_csv(index=False))
    write_figures(out / "figures", inputs.boards)
    write_text(out / "comparison.html", render(inputs))
    others = [out / "comparison.csv", out / "comparison.html", *sorted((out / "figures").iterdir())]
    content = compare(inputs.boards, inputs.metrics, inputs.records)
    listed = sha256_of(out, [path.relative_to(out).as_posix() for path in others])
    content.model_copy(update={"files": listed}).write(out / "comparison.json")


if __name__ == "__main__":
    run(main)
