"""Singular and plural, and that no log line of ours has a number before a plural that may be one."""

import re
from pathlib import Path

import pytest

from crystalmatrix.words import counted

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"
COUNT_BEFORE_PLURAL = re.compile(r"print\(.*\{[^{}]*:,\} (?!of )\w+s\b")


@pytest.mark.parametrize(
    ("n", "nouns", "text"),
    [
        (0, ("crystal",), "0 crystals"),
        (1, ("crystal",), "1 crystal"),
        (2000, ("crystal",), "2,000 crystals"),
        (1, ("property", "properties"), "1 property"),
        (2, ("property", "properties"), "2 properties"),
    ],
)
def test_one_and_many(n: int, nouns: tuple[str, ...], text: str) -> None:
    assert counted(n, *nouns) == text


def test_scripts_count_with_it() -> None:
    assert COUNT_BEFORE_PLURAL.search('print(f"{out}: {n:,} crystals in 2 s")')  # the control
    lines = [line for path in SCRIPTS.glob("*.py") for line in path.read_text().splitlines()]
    assert [line for line in lines if COUNT_BEFORE_PLURAL.search(line)] == []
