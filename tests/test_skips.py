"""The line that says what a run skipped, and why."""

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
    (tmp_path / "test_it.py").write_text(SKIPS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[-2] == "2 skipped: 2 no GPU"
    result = subprocess.run([*command, "-k", "0"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "skipped:" not in result.stdout
