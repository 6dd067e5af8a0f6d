"""Checkpoints and states: a flipped bit is noticed, foreign files are one line, and no file runs code."""

import os
import pickle
import random
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from crystalmatrix.errors import DataError
from crystalmatrix.trained.checkpoint import load_checkpoint
from crystalmatrix.trained.torch_file import read_torch_file
from crystalmatrix.training.state import LOG, PREVIOUS, STATE, load_state, save_state

N_FLIPS = 100
CONTENT = {"digest": "a", "weights": [torch.arange(600.0), torch.ones(7)], "step": 12}


def flipped(content: bytes, *, bit: int) -> bytes:
    """With one bit turned around."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(a, b) for a, b in zip(one["weights"], other["weights"], strict=True))
    assert (one["digest"], one["step"]) == (other["digest"], other["step"])


def complaint(path: Path) -> str | None:
    """Why the file is refused; None for one that holds what was written."""
    try:
        content = read_torch_file(path)
    except DataError as error:
        return str(error)
    assert_same(content, CONTENT)
    return None


def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "content.pt"
    torch.save(CONTENT, path)
    sound = path.read_bytes()
    numbers = sound.index(CONTENT["weights"][0].numpy().tobytes()) * 8
    chosen = random.Random(0)
    spread = [chosen.randrange(8 * len(sound)) for _ in range(N_FLIPS)]
    inside = [numbers + chosen.randrange(8 * 4 * 600) for _ in range(20)]
    noticed = 0
    for bit in spread + inside:
        path.write_bytes(flipped(sound, bit=bit))
        said = complaint(path)
        if said is None:
            continue
        assert said.startswith(f"{path}: ")
        assert "\n" not in said
        noticed += 1
    assert noticed >= len(inside)


def test_torch_itself_notices_nothing(tmp_path: Path) -> None:
    """The control: without the check of the checksums, a flipped bit is another weight."""
    path = tmp_path / "content.pt"
    torch.save(CONTENT, path)
    sound = path.read_bytes()
    path.write_bytes(flipped(sound, bit=8 * sound.index(CONTENT["weights"][0].numpy().tobytes()) + 8 * 100 + 6))
    assert not torch.equal(torch.load(path, weights_only=True)["weights"][0], CONTENT["weights"][0])
    with pytest.raises(DataError, match="checksum of content/data/0"):
        read_torch_file(path)


def test_a_damaged_state_gives_way_to_the_one_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_state(tmp_path, CONTENT)
    save_state(tmp_path, CONTENT | {"step": 13})
    sound = (tmp_path / STATE).read_bytes()
    weights = sound.index(CONTENT["weights"][0].numpy().tobytes())
    (tmp_path / STATE).write_bytes(flipped(sound, bit=8 * weights + 99))
    found = load_state(tmp_path, digest="a")
    assert found is not None
    assert_same(found, CONTENT)
    assert f"{tmp_path / STATE}: damaged" in capsys.readouterr().out
    save_state(tmp_path, CONTENT | {"step": 14})
    (tmp_path / STATE).unlink()
    found = load_state(tmp_path, digest="a")
    assert found is not None, "the damaged one has not become the one before"
    assert_same(found, CONTENT)


@pytest.mark.parametrize("name", [STATE, PREVIOUS, LOG])
def test_a_folder_in_the_place_of_a_file_of_a_training_makes_place(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save_state(tmp_path, CONTENT)
    save_state(tmp_path, CONTENT | {"step": 13})
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    with pytest.raises(OSError, match="directory"):  # the control
        (tmp_path / name).write_bytes(b"")
    assert load_state(tmp_path, digest="a") is not None
    assert f"{name}: a folder; kept as {name}.damaged" in capsys.readouterr().out
    assert (tmp_path / f"{name}.damaged").is_dir()
    save_state(tmp_path, CONTENT | {"step": 14})
    found = load_state(tmp_path, digest="a")
    assert found is not None
    assert_same(found, CONTENT | {"step": 14})


class Malice:
    """What a pickle may ask for: a call of anything."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / "model.pt", tmp_path / "created"
    content = {"header": "{}", "members": Malice(target)}
    if kind == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert not target.exists()
    (tmp_path / STATE).write_bytes(path.read_bytes())
    assert load_state(tmp_path, digest="a") is None
    assert not target.exists()
    if kind == "torch":  # the control: the file does run code where it is let
        torch.load(path, weights_only=False)
        assert target.exists()


def test_archives_that_torch_does_not_write_are_refused(tmp_path: Path) -> None:
    """A compressed one may unpack to anything; a name twice, or a path out of the folder, is never torch's."""
    good, path = tmp_path / "good.pt", tmp_path / "model.pt"
    torch.save(CONTENT, good)
    with zipfile.ZipFile(good) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    cases = {
        "compressed": ([("model/data.pkl", b"\0" * (64 << 20))], zipfile.ZIP_DEFLATED),
        "a name twice": ([*members, members[0]], zipfile.ZIP_STORED),
        "a name outside": ([*members, ("../../outside", b"x")], zipfile.ZIP_STORED),
    }
    for said, (content, compression) in cases.items():
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
            warnings.simplefilter("ignore")  # Duplicate name
            for name, data in content:
                archive.writestr(name, data)
        with pytest.raises(DataError, match=said):
            read_torch_file(path)
    assert not (tmp_path.parent.parent / "outside").exists()


def test_a_header_of_ten_gigabytes_is_refused(tmp_path: Path) -> None:
    """A member that claims more bytes than the file has: nothing is allocated for it."""
    path = tmp_path / "model.pt"
    torch.save(CONTENT, path)
    with zipfile.ZipFile(path) as archive:
        info = archive.infolist()[0]
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\1\2")
    assert int.from_bytes(content[central + 24 : central + 28], "little") == info.file_size
    content[central + 20 : central + 28] = (0xF0000000).to_bytes(4, "little") * 2
    path.write_bytes(content)
    with pytest.raises(DataError, match="larger than the file"):
        read_torch_file(path)


def test_one_bit_that_makes_a_tensor_a_folder_is_refused(tmp_path: Path) -> None:
    """torch reads nothing of a folder and takes what is in memory: no checksum of the data can tell."""
    path = tmp_path / "model.pt"
    torch.save({"values": torch.arange(1000.0)}, path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        name = next(info.filename for info in archive.infolist() if info.filename.endswith("data/0")).encode()
    central = content.rindex(b"PK\1\2", 0, content.rindex(name))
    content[central + 38] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(DataError, match="a folder in the archive"):
        read_torch_file(path)
    read = torch.load(path, weights_only=True)["values"]  # the control: torch itself says nothing
    assert len(read) == 1000
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None  # nor do the checksums
