"""What a command may not read or write is one line, before any work is done; root is held to the rights as well."""

import shutil
from pathlib import Path

import pytest

from ..rights import rights_hold
from .conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def places(tmp_path: Path, crystals: Path) -> Path:
    """Beside the crystals: a folder that nothing can be written into, files and a folder that cannot be read."""
    (tmp_path / "table.csv").write_text("file,band_gap\nJVASP-100.vasp,1\n")
    (tmp_path / "locked").mkdir(mode=0o555)
    for name in ("secret.csv", "secret.yaml", "secret.pt", "secret.vasp", "secret.json"):
        (tmp_path / name).write_text("{}")
        (tmp_path / name).chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "project").mkdir()  # as far as `init` and `plan` look
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, tmp_path / "project")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("predict crystals --out locked/t.csv", "nothing can be written in locked (Permission denied); choose another"),
        ("predict crystals --out locked/new/t.json", "nothing can be written in locked/new (Permission denied)"),
        ("predict crystals --model secret.pt --device cpu", "secret.pt: cannot be read"),
        ("predict closed", "closed: cannot be read"),
        ("features crystals --out locked/t.parquet", "nothing can be written in locked (Permission denied)"),
        ("features closed --out t.csv", "closed: cannot be read"),
        ("init locked/mine --from table.csv --structures crystals", "locked/mine: cannot be made there (Permission"),
        (
            "init mine --from secret.csv --structures crystals",
            "secret.csv: the system does not let it be read: Permission denied",
        ),
        ("init mine --from table.csv --structures closed", "closed: cannot be read"),
        ("plan lite --configfile secret.yaml", "secret.yaml: cannot be read"),
        ("models secret.pt", "no model 'secret.pt' here"),
        ("verify closed", "closed: cannot be read"),
    ],
)
def test_one_line(run: Run, places: Path, arguments: str, said: str) -> None:
    with rights_hold():
        ended = run(*arguments.split())
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert len(ended.err.splitlines()) == 1, ended.err
    assert said in ended.err, ended.err
    assert not (places / "mine").exists()


def test_verify_goes_on_after_a_file_that_cannot_be_read(run: Run, places: Path) -> None:
    (places / "whole.json").write_text("{}")
    with rights_hold():
        ended = run("verify", "secret.json", "whole.json")
    assert ended.code == 1
    assert ended.out.splitlines()[0].startswith("secret.json: cannot be read (Permission denied)")
    assert ended.out.splitlines()[-1] == "2 files read, 1 damaged"


def test_a_structure_that_cannot_be_read_is_a_row_with_its_reason(run: Run, places: Path) -> None:
    with rights_hold():
        ended = run("features", "crystals", "secret.vasp", "--out", "t.csv", "--model", "chgnet", "--device", "cpu")
    assert ended.code == 0, ended.err
    assert "secret.vasp: unreadable: the system does not let it be read: Permission denied" in ended.err
    assert "3 crystals, 1 without" in ended.err


def test_without_the_context_root_reads_everything(run: Run, places: Path) -> None:
    """The control: it is the rights, and not the content, that the lines above are about."""
    for path in places.iterdir():
        path.chmod(0o755)
    assert run("verify", "secret.json").code == 0
    assert run("features", "crystals", "--out", "locked/t.csv", "--model", "chgnet", "--device", "cpu").code == 0
