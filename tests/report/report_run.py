"""Run the report's scripts in this process, as the Snakefile runs them in their own.

In: the folder of a run (see synthetic_results.py).  Out: exit codes, and the files that the scripts write.
"""

import runpy
import sys
from pathlib import Path

from crystalmatrix.config import load

ROOT = Path(__file__).parents[2]
N_TEST = {"formation_energy": 60, "band_gap": 60, "piezoelectric": 30}
SETTINGS = '{"bootstrap": 200, "published": "%s"}'
CONFIG = load(ROOT / "config.yaml", {"matrix": {"tiers": ["lite", "cgcnn"]}}).to_json("matrix", "tiers")
HOSTILE = "<img src=x onerror=alert(1)>"  # a folder name that a page must not believe


def run_script(name: str, *arguments: str) -> int:
    """Run a script of the workflow in this process, as the Snakefile does; its exit code."""
    before = sys.argv
    sys.argv = [name, *arguments]
    try:
        runpy.run_path(str(ROOT / "workflow_scripts" / f"{name}.py"), run_name="__main__")
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
        if "torch" in sys.modules:  # train.py and predict.py flush denormals in their process, which here is the tests'
            sys.modules["torch"].set_flush_denormal(False)
    return 0


def evaluate(results: Path, predictions: Path, *, settings: str = '{"bootstrap": 200}') -> int:
    """Run evaluate.py on one predictions file of a run."""
    data = results / "data"
    out = predictions.with_name(predictions.name.replace(".predictions.parquet", ".metrics.json"))
    options = ["--predictions", str(predictions), "--records", str(data / "records.parquet")]
    options += ["--splits", str(data / "splits.parquet"), "--leakage", str(data / "leakage.parquet")]
    return run_script("evaluate", *options, "--settings", settings, "--out", str(out))


def compare(results: Path, out: Path, *, settings: str = '{"bootstrap": 200}', models: str = "*/*") -> int:
    """Run compare.py on a run; `models` is a glob of tier/task."""
    return run_script("compare", *compare_options(results, out, settings=settings, models=models))


def compare_options(results: Path, out: Path, *, settings: str, models: str = "*/*") -> list[str]:
    """The command line of compare.py for a run."""
    data = results / "data"
    return [
        *("--settings", settings, "--out-dir", str(out)),
        *("--metrics", *map(str, sorted(results.glob(f"{models}.metrics.json")))),
        *("--predictions", *map(str, sorted(results.glob(f"{models}.predictions.parquet")))),
        *("--records", str(data / "records.parquet"), "--splits", str(data / "splits.parquet")),
        *("--quality", str(data / "quality.json"), "--coverage", str(data / "coverage.json")),
        *("--leakage", str(data / "leakage.parquet"), "--dropped", str(data / "dropped.parquet")),
        *("--outliers", str(data / "outliers.csv"), "--graphs", str(results / "graphs/statistics.json")),
        *("--config-json", CONFIG),
    ]
