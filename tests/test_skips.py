"""The line that says what a run skipped, and why."""

from .conftest import skips_in_a_line


def test_skips_are_counted_by_reason_in_one_line() -> None:
    reasons = ["Skipped: no GPU", "no wheel", "Skipped: no wheel"]
    assert skips_in_a_line(reasons) == "3 skipped: 2 no wheel; 1 no GPU"
