"""A JSON list is entered where a part begins: what a part decodes does not grow with what is before it."""

import json
import zipfile
from pathlib import Path

import pytest

from crystalmatrix.contracts.screening import BEGIN, PartPlan
from crystalmatrix.crystals import json_entries, survey
from crystalmatrix.crystals.crystal import Failure
from crystalmatrix.crystals.files import read_file, structure_files
from crystalmatrix.inference.reading import Reading

from .test_json_entries import entry


def text_of(n: int) -> str:
    """A list of n entries of differing length; one of them no crystal, one with letters of several bytes."""
    entries: list[object] = [entry(f"x-{k}", props=["y"] * (k % 7)) for k in range(n)]
    entries[n // 2] = None
    entries[n // 3] = entry("Å-δ")
    return json.dumps(entries, ensure_ascii=False, indent=1)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "GRAIN", 3)
    monkeypatch.setattr(json_entries, "_READ_AT_LEAST", 1)
    monkeypatch.setattr("crystalmatrix.crystals.text.CHUNK", 400)


@pytest.mark.parametrize("packed", [False, True])
def test_parts_of_a_list_are_the_list(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.json"
    path.write_text(text_of(40), encoding="utf-8")
    if packed:
        with zipfile.ZipFile(tmp_path / "a.json.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
        path = tmp_path / "a.json.zip"
    files = structure_files([path])
    whole = list(read_file(path, "a"))
    assert len(whole) == 40
    assert sum(isinstance(one, Failure) for one in whole) == 1
    parts = survey.cut(files, 7)
    assert sum(part.n_crystals for part in parts) == 40
    assert all(part.start.place for part in parts[1:])
    for stretch in survey.survey(path):
        if stretch.start != BEGIN:
            rest = list(read_file(path, "a", stretch.start))
            assert [one.id for one in rest] == [one.id for one in whole[stretch.start.crystal :]]
    assert read_in_parts(files, parts) == [item.id for item in Reading(files)]


def read_in_parts(files: list[tuple[str, Path]], parts: tuple[PartPlan, ...]) -> list[str]:
    ends = [*parts[1:], None]
    return [item.id for part, end in zip(parts, ends, strict=True) for item in Reading(files, part=part, end=end)]


def test_all_parts_decode_each_entry_about_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = [0]
    value = json_entries._Buffer.value

    def counted(buffer: json_entries._Buffer, *, count: int) -> object:
        decoded[0] += 1
        return value(buffer, count=count)

    path = tmp_path / "a.json"
    monkeypatch.setattr(json_entries._Buffer, "value", counted)
    for n in (40, 80, 160):
        path.write_text(text_of(n), encoding="utf-8")
        files = structure_files([path])
        decoded[0] = 0
        parts = survey.cut(files, n // 10)
        assert decoded[0] == n
        read_in_parts(files, parts)
        assert n <= decoded[0] - n <= n + len(parts)


def test_a_list_that_breaks_off_loses_what_is_behind_the_break(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text_of(40)[:-30], encoding="utf-8")
    files = structure_files([path])
    assert read_in_parts(files, survey.cut(files, 4)) == [item.id for item in Reading(files)]
