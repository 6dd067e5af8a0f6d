"""The examples that fuzz.py starts from are read by its parsers; the cases that it found stay mended."""

from pathlib import Path

import pytest

from .fuzz import PARSERS

# (parser, input) that once broke it.
FOUND: list[tuple[str, bytes]] = []


@pytest.mark.parametrize("parser", PARSERS)
def test_an_example_is_read(parser: str, tmp_path: Path) -> None:
    name, example, read = PARSERS[parser]
    (tmp_path / name).write_text(example)
    read(tmp_path / name)


@pytest.mark.parametrize(("parser", "content"), FOUND)
def test_a_case_that_was_found_is_mended(parser: str, content: bytes, tmp_path: Path) -> None:
    name, _, read = PARSERS[parser]
    (tmp_path / name).write_bytes(content)
    read(tmp_path / name)
