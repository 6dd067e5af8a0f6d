"""A few kills of a small part of the workflow; kills.py does as many as you like of all of it."""

from pathlib import Path

import pytest

from . import kills

pytestmark = pytest.mark.workflow

WANTED = ("results/data/splits.parquet", "results/graphs/shard-0.parquet")


def test_after_any_kill_the_same_command_ends_in_the_same_results(tmp_path: Path) -> None:
    killed = kills.run(tmp_path, count=2, seed=1, wanted=WANTED)
    assert not killed.wrong, "\n".join(killed.wrong)
    assert killed.hits.total() == 2


def test_what_is_made_again_or_differs_is_noticed(tmp_path: Path) -> None:
    """The control, of what is compared: a file written again, and one of other content."""
    made = tmp_path / "results/data/records.parquet"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"a")
    note = tmp_path / ".snakemake/metadata" / kills.noted("results/data/records.parquet")
    note.parent.mkdir(parents=True)
    note.touch()
    before, content = kills.finished(tmp_path), kills.results(tmp_path)
    assert before.keys() == {"results/data/records.parquet"}
    made.unlink()
    made.write_bytes(b"b")
    assert kills.finished(tmp_path) != before
    assert kills.results(tmp_path) != content
    (tmp_path / ".snakemake/incomplete").mkdir()
    (tmp_path / ".snakemake/incomplete" / kills.noted("results/elsewhere/records.parquet")).touch()
    assert kills.finished(tmp_path).keys() == {"results/data/records.parquet"}, "of another folder"
    (tmp_path / ".snakemake/incomplete" / kills.noted("results/data/quality.json")).touch()
    assert kills.finished(tmp_path) == {}, "a file of the same job is not finished"
