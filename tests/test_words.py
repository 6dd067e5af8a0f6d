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


# One meaning a word (docs/method.md, "Words"), and the field's own: what must not come back, and where a word is right.
NOT_OURS = re.compile(r"\brivals?\b|\bargs = parser\b|[Ww]hich (of the )?choices.* pay\b|\bstated coverage\b")
ONLY_THERE = {
    "fingerprint": ("features/", "models/", "contracts/view.py", "tiers.py"),  # of an edge's 3-body angles
    "signature": ("data/", "cli/", "logger"),  # of a structure; Python's own of a function
}


def test_a_word_has_one_meaning() -> None:
    root = SCRIPTS.parent
    paths = [
        *SCRIPTS.rglob("*.py"),
        *(root / "benchmarks").glob("*.py"),
        *(root / "docs").glob("*.md"),
        root / "README.md",
    ]
    assert NOT_OURS.search("args = parser.parse_args()")  # the control
    assert [str(path) for path in paths if NOT_OURS.search(path.read_text())] == []
    for word, places in ONLY_THERE.items():
        users = [
            path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.py") if word in path.read_text().lower()
        ]
        assert [user for user in users if not any(place in user for place in places)] == []
