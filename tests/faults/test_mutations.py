"""A few hundred damaged artefacts, each read by its own reader: refused in one line, or harmless. See mutations.py."""

import random
from collections import Counter
from pathlib import Path

import pytest

from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.data.archive import write_entries
from crystalmatrix.errors import DataError
from crystalmatrix.files import read_json, write_json

from ..data.entries import rock_salt
from . import mutations
from .artefacts import build


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return build(tmp_path_factory.mktemp("made"))


def test_damaged_artefacts_are_refused_or_harmless(sound: dict[str, bytes], tmp_path: Path) -> None:
    counts, wrong = mutations.run(tmp_path, sound, count=352, seed=1)
    assert not wrong, "\n".join(wrong)
    assert sum(counts.values()) == 352
    for name in sound:
        assert counts[name, mutations.REFUSED] > counts[name, mutations.HARMLESS]


def test_a_reader_that_checks_nothing_is_found_out(
    sound: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setitem(mutations.READERS, "model.metrics.json", lambda path: path.read_bytes())
    only = {name: sound[name] for name in ("model.metrics.json", "state.pt")}
    counts, wrong = mutations.run(tmp_path, only, count=20, seed=0)
    assert counts["model.metrics.json", "another content, without a word"] > 5
    assert wrong


def test_every_flipped_bit_of_a_footer_is_noticed(sound: dict[str, bytes], tmp_path: Path) -> None:
    """Except in the words that say that there is a seal: then it is a file without one, of the same content."""
    path = tmp_path / "model.predictions.parquet"
    content = sound[path.name]
    read = mutations.READERS[path.name]
    path.write_bytes(content)
    expected = mutations.content_digest(read(path))
    length = int.from_bytes(content[-8:-4], "little")
    draw = random.Random(0)
    found: Counter = Counter()
    for _ in range(200):
        bit = 8 * (len(content) - 8 - length) + draw.randrange(8 * length)
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        found[mutations.outcome(mutations.Artefact(path, read), expected)] += 1
    assert set(found) <= {mutations.REFUSED, mutations.HARMLESS}, found
    assert found[mutations.REFUSED] > 190


def test_every_bit_of_an_archives_directory(tmp_path: Path) -> None:
    """One of 2,000 mutations made it an archive of a later version, which was a traceback."""
    path = tmp_path / "raw.json.zip"
    write_entries(path, [rock_salt("JVASP-1")])
    content = path.read_bytes()
    read = mutations.READERS[path.name]
    expected = mutations.content_digest(read(path))
    directory = content.rindex(b"PK\1\2")
    found: Counter = Counter()
    for bit in [*range(8 * 60), *range(8 * directory, 8 * len(content))]:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        found[mutations.outcome(mutations.Artefact(path, read), expected)] += 1
    assert set(found) <= {mutations.REFUSED, mutations.HARMLESS}, found


def test_a_number_changed_by_hand_is_noticed(sound: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "model.metrics.json"
    path.write_bytes(sound[path.name])
    ModelScores.read(path)
    content = read_json(path)
    content["properties"]["formation_energy"]["mae"] *= 1.0000001
    write_json(path, content)
    expected = f"{path}: damaged or edited (checksum); delete it and run again"
    with pytest.raises(DataError, match="damaged or edited") as caught:
        ModelScores.read(path)
    assert str(caught.value) == expected
