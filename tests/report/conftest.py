"""A synthetic run of two tiers, scored and compared once for the whole session."""

import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_results import write_results

ROOT = Path(__file__).parents[2]
N_TEST = {"formation_energy": 60, "band_gap": 60, "piezoelectric": 30}


def compare_command(results: Path, *options: str) -> list[str]:
    """The command line of compare.py for a run in `results`."""
    data = results / "data"
    return [
        *("--metrics", *map(str, sorted(results.glob("*/*.metrics.json")))),
        *("--predictions", *map(str, sorted(results.glob("*/*.predictions.parquet")))),
        *("--records", str(data / "records.parquet"), "--splits", str(data / "splits.parquet")),
        *("--quality", str(data / "quality.json"), "--coverage", str(data / "coverage.json")),
        *("--leakage", str(data / "leakage.parquet"), "--dropped", str(data / "dropped.parquet")),
        *("--outliers", str(data / "outliers.csv"), "--out-dir", str(results / "report")),
        *options,
    ]


def run_script(name: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a script of the workflow as the Snakefile does."""
    command = [sys.executable, str(ROOT / "workflow_scripts" / f"{name}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run: predictions, metrics and report/."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder, n_test=N_TEST, tiers=("lite", "cgcnn"))
    data = folder / "data"
    common = ["--records", str(data / "records.parquet"), "--splits", str(data / "splits.parquet")]
    common += ["--leakage", str(data / "leakage.parquet"), "--settings", '{"bootstrap": 200}']
    for path in sorted(folder.glob("*/*.predictions.parquet")):
        out = path.with_name(path.name.replace(".predictions.parquet", ".metrics.json"))
        evaluated = run_script("evaluate", "--predictions", str(path), *common, "--out", str(out))
        assert evaluated.returncode == 0, evaluated.stderr
    compared = run_script("compare", *compare_command(folder, "--settings", '{"bootstrap": 200}'))
    assert compared.returncode == 0, compared.stderr
    return folder
