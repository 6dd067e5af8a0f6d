"""The line that says what a run skipped, and why."""

import os
import subprocess
import sys
from pathlib import Path

from .conftest import skips_in_a_line

ROOT = Path(__file__).parents[1]
SKIPS = """
import pytest

@pytest.mark.parametrize("k", range(3))
def test(k):
    if k:
        pytest.skip("no GPU")
"""


def test_skips_are_counted_by_reason_in_one_line() -> None:
    reasons = ["Skipped: no GPU", "no wheel", "Skipped: no wheel"]
    assert skips_in_a_line(reasons) == "3 skipped: 2 no wheel; 1 no GPU"


def test_a_run_ends_with_it(tmp_path: Path) -> None:
    """A run with nothing skipped does not say so."""
    path = tmp_path / "test_it.py"
    path.write_text(SKIPS)
    assert lines_of_a_run(str(path))[-2] == "2 skipped: 2 no GPU"
    assert not [line for line in lines_of_a_run(f"{path}::test[0]") if "skipped:" in line]


def lines_of_a_run(what: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", what]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()


def test_a_cluster_that_must_be_there_is_no_skip(tmp_path: Path) -> None:
    """On a machine without Slurm's commands."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "slurm", "-k", "default_partition", "tests/slurm"]
    for required, code, said in (("", 0, "1 skipped"), ("1", 1, "1 error")):
        environment = {**os.environ, "PATH": str(tmp_path), "SLURM_REQUIRED": required}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout
        assert said in done.stdout
