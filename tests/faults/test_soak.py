"""A minute of kills and damages of a small part of the workflow; soak.py does as long as you like of all of it."""

import os
import random
from collections import Counter
from itertools import chain, cycle
from pathlib import Path

import pytest

from crystalmatrix.files import SET_ASIDE

from . import kills, soak
from .results import results
from .test_kills import WANTED


@pytest.mark.workflow
@pytest.mark.skipif("SOAK" not in os.environ, reason="SOAK is not set: a soak takes minutes")
def test_after_any_damage_the_same_command_ends_in_the_same_results(tmp_path: Path) -> None:
    soaked = soak.run(tmp_path, minutes=1, seed=3, wanted=WANTED)
    assert not soaked.wrong, "\n".join(soaked.wrong)
    assert soaked.compared >= 1
    assert soaked.hits.total() + soaked.damages.total() > 0


def test_what_is_gone_is_asked_for_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "results/data").mkdir(parents=True)
    (tmp_path / "results/data/raw.json.zip").touch()
    expected = ["data/raw.json.zip", "graphs/shard-0.parquet", "report/comparison.html"]
    assert soak.not_made_again(tmp_path, expected) == ["results/graphs/shard-0.parquet"]


@pytest.mark.workflow
def test_finished_results_that_are_damaged_are_made_again(tmp_path: Path) -> None:
    """Each of the files of a part by another kind of damage; what nothing needs is asked for by its name."""
    place = kills.prepare(tmp_path / "run")
    assert kills.start(place, WANTED).wait() == 0
    sound = results(place)
    draw = random.Random(0)
    there = soak.artefacts(place)
    assert len(there) >= 8
    there[0].with_name(there[0].name + SET_ASIDE).mkdir()  # set aside before: it makes place, whatever it is
    there[1].with_name(there[1].name + SET_ASIDE).write_text("earlier")
    for path, kind in zip(there, chain(["empty", "folder"], cycle(soak.KINDS[1:])), strict=False):
        soak.damage(path, kind, others=[other for other in there if other != path], draw=draw)
    assert results(place, as_bytes=True) != sound, "the control"
    names = [str(path.relative_to(place)) for path in there]
    if kills.start(place, names).wait():  # of files asked for by name Snakemake may have looked at one before
        assert "existed before" in (place / "output.txt").read_text()
        assert kills.start(place, names).wait() == 0
    assert results(place) == sound


@pytest.mark.parametrize("kind", sorted({*soak.KINDS}))
def test_a_damage_changes_the_file(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "results/data/records.parquet", tmp_path / "results/data/splits.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a" * 100)
    other.write_bytes(b"b" * 50)
    assert soak.artefacts(tmp_path) == [path, other]
    soak.damage(path, kind, others=[other], draw=random.Random(0))
    assert not path.is_file() or path.read_bytes() != b"a" * 100
    assert other.read_bytes() == b"b" * 50
    damages: Counter = Counter()
    assert soak.hurt(tmp_path / "nothing", random.Random(0), damages) is None
    assert not damages
