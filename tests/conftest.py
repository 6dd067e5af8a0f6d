"""Settings of the whole suite, and what it skipped in one line."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import settings

# No deadline: on a busy machine one slow example is not a failure. The same examples each time.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


def skips_in_a_line(reasons: Iterable[str]) -> str:
    """`12 skipped: 9 no GPU on this machine; 3 pymatgen is not installed`, the most frequent reason first."""
    counts = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    return f"{counts.total()} skipped: " + "; ".join(f"{count} {reason}" for reason, count in counts.most_common())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that run Snakemake first: they take longest, and workers shall end together."""
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The line at the end of a run that skipped something."""
    if skipped := terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(skips_in_a_line(report.longrepr[2] for report in skipped))
