"""The examples that fuzz.py starts from are read by its parsers; the cases that it found stay mended."""

from pathlib import Path

import pytest

from .fuzz import add, table
from .parsers import PARSERS

# (parser, input) that once broke it.
FOUND: list[tuple[str, bytes]] = []


@pytest.mark.parametrize("parser", PARSERS)
def test_an_example_is_read(parser: str, tmp_path: Path) -> None:
    held = PARSERS[parser]
    held.write(tmp_path / held.file, held.example())
    assert held.read(tmp_path / held.file)


@pytest.mark.parametrize(("parser", "content"), FOUND)
def test_a_case_that_was_found_is_mended(parser: str, content: bytes, tmp_path: Path) -> None:
    held = PARSERS[parser]
    held.write(tmp_path / held.file, content)
    held.read(tmp_path / held.file)


def test_counts_add_up(tmp_path: Path) -> None:
    counts = tmp_path / "counts.json"
    add(counts, "cif", n_inputs=1000, seconds=90, broken=False)
    add(counts, "xyz", n_inputs=5, seconds=60, broken=False)
    add(counts, "cif", n_inputs=234, seconds=60, broken=True)
    assert table(counts).split("\n")[2:] == ["| cif | 1,234 | 2 | 1 |", "| xyz | 5 | 1 | 0 |"]
