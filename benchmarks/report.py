"""Time, memory and size of the comparison page for a matrix of four tiers, on the full official test folds.

In: nothing; synthetic predictions of the right number.  Out: a table, and one JSON object as the last line.

    python benchmarks/report.py [--keep FOLDER]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crystalmatrix.evaluation.published import FULL_TEST

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/report"))

from report_run import compare_options, evaluate  # noqa: E402  (the tests' own runner)
from synthetic_results import write_results  # noqa: E402  (likewise)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder to write to, and to leave for looking at")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        measure(arguments.keep or Path(temporary))


def measure(folder: Path) -> None:
    """Write a run into `folder`, evaluate and compare it, and print what that took."""
    write_results(folder, n_test={name: row.n_test for name, row in FULL_TEST.items()})
    predictions = sorted(folder.glob("*/*.predictions.parquet"))
    start = time.perf_counter()
    for path in predictions:
        evaluate(folder, path, settings="{}")
    evaluation = time.perf_counter() - start
    out = folder / "report"
    script = str(ROOT / "workflow_scripts/compare.py")
    start = time.perf_counter()
    subprocess.run([sys.executable, script, *compare_options(folder, out, settings="{}")], check=True)
    comparison = time.perf_counter() - start
    result = {
        "models": len([path for path in predictions if path.parent.name != "composition"]),
        "test_rows": sum(row.n_test for row in FULL_TEST.values()),
        "evaluate_seconds_per_model": round(evaluation / len(predictions), 3),
        "compare_seconds": round(comparison, 2),
        "compare_peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "page_mb": round((out / "comparison.html").stat().st_size / 1e6, 2),
        "figures_mb": round(sum(path.stat().st_size for path in (out / "figures").iterdir()) / 1e6, 2),
    }
    for name, value in result.items():
        print(f"{name:28} {value:>10}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
