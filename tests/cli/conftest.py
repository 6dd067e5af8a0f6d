"""The command as a user types it, in a folder of its own, with a small trained model where a test wants one."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from crystalmatrix.cli.main import main

from ..inference.conftest import Trained
from ..inference.conftest import trained as trained
from ..inference.test_predictor import to_ase


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("models", "lite/band_gap")`; nothing that is an object of Python ever reaches the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("crystalmatrix.shipped.PROJECT", tmp_path / "project")  # ships nothing

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ended(int(str(ended.value.code)), said.out, said.err)

    return run


@pytest.fixture
def crystals(trained: Trained, tmp_path: Path) -> Path:
    """Three crystals as files."""
    folder = tmp_path / "crystals"
    folder.mkdir()
    for entry in trained.entries[:3]:
        to_ase(entry).write(folder / f"{entry['jid']}.vasp", format="vasp", direct=True)
    return folder
