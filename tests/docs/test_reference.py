"""Pages that repeat the code are what docs/reference.py writes, and its parts read the code as it is."""

from typing import Any

import pytest

from crystalmatrix import config
from crystalmatrix.contracts import columns

from .modules import DOCS, load


@pytest.fixture(scope="module")
def reference() -> Any:
    return load("reference")


@pytest.mark.parametrize("name", ["keys.md", "columns.md", "commands.md"])
def test_the_page_is_what_the_code_gives(reference: Any, name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == reference.PAGES[name](), "run: python docs/reference.py"


def test_a_key_has_its_default_values_and_comment(reference: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {row[0]: row[1:] for row in reference.key_rows(config.GraphConfig)}
    assert rows["`cutoff`"] == ["`5.0`", "float > 0 ≤ 12", "Å"]
    assert rows["`max_neighbours`"][:2] == ["`null`", "int or null"]
    page = reference.keys_page()
    monkeypatch.setattr(config.GraphConfig.model_fields["cutoff"], "default", 6.0)
    assert reference.keys_page() != page, "the control: another default is another page"


def test_every_key_is_there(reference: Any) -> None:
    page = reference.keys_page()
    sections = [
        *reference.NETWORKS,
        config.DataConfig,
        config.ExtraConfig,
        config.ReportConfig,
        config.SubmissionConfig,
    ]
    keys = {key for section in sections for key in section.model_fields} - {"architecture", "submission"}
    assert {key for key in keys if f"| `{key}` |" not in page} == set()


def test_every_key_has_a_meaning(reference: Any) -> None:
    rows = [line for line in reference.keys_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 90
    assert [row for row in rows if row.endswith("|  |")] == []


def test_comments_are_those_beside_and_above(reference: Any) -> None:
    source = "# not this\na = 1\n# above\nb = [  # beside\n    2,  # inside\n]\nc = 3  # not this\n"
    assert reference.comments(source, 4, 6) == "above beside inside"
    assert reference.comments(source, 2, 2) == "not this"


def test_every_column_is_there_with_what_the_code_says_of_it(reference: Any) -> None:
    found = reference.field_comments(columns, "RECORDS")
    assert list(found) == columns.RECORDS.names
    assert found["volume"] == "Å3"
    assert found["band_gap"].startswith("in the unit of")
