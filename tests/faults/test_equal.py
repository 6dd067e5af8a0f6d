"""equal.py does a million; here some hundred."""

from pathlib import Path

import pytest

from .equal import run, write_source


def test_equal_crystals_are_read_and_put_into_folds_and_each_has_its_twin(tmp_path: Path) -> None:
    assert [name for name, *_ in run(tmp_path, 300)] == ["fetch", "records", "splits"]


def test_the_stages_stop_at_what_is_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what a stage says is looked at."""
    monkeypatch.setattr("tests.faults.equal.write_source", lambda path, n: path.write_text("[]"))
    with pytest.raises(AssertionError, match="error: "):
        run(tmp_path, 300)
    write_source(tmp_path / "a.json", 2)
    assert (tmp_path / "a.json").read_text().count("jid") == 2
