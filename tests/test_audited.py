"""What make check says of pinned packages, without a network: a vulnerable pin stops it; nothing looked at is said."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AUDITED = runpy.run_path(str(ROOT / "envs/audited.py"))
PINS = ["jinja2==2.10", "numpy==2.0"]


def found(**vulnerable: list[str]) -> dict:
    """As pip-audit writes it."""
    pairs = [pin.split("==") for pin in PINS]
    return {
        "dependencies": [
            {"name": name, "version": version, "vulns": [{"id": one} for one in vulnerable.get(name, [])]}
            for name, version in pairs
        ],
        "fixes": [],
    }


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "constraints.txt").write_text("Jinja2==2.10\nnumpy==2.0\n")  # as pip freeze writes names
    return {"constraints": tmp_path / "constraints.txt", "kept": tmp_path / "audited.json"}


def test_a_vulnerable_pin_stops_the_check(files: dict[str, Path]) -> None:
    AUDITED["keep"](found(jinja2=["PYSEC-2019-217"]), **files)
    well, said = AUDITED["check"](**files)
    assert not well
    assert "jinja2==2.10: PYSEC-2019-217" in said
    assert "numpy" not in said
    files["constraints"].write_text("jinja2==3.1\nnumpy==2.0\n")
    well, said = AUDITED["check"](**files)
    assert well
    assert "1 pins are later than that" in said


def test_an_audit_that_looked_at_nothing_is_none(files: dict[str, Path]) -> None:
    """pip-audit calls it well where the registry does not say which versions are vulnerable: it skips the package."""
    skipped = {"dependencies": [{"name": "jinja2", "skip_reason": "not found"}, found()["dependencies"][1]]}
    with pytest.raises(ValueError, match=r"not audited: jinja2==2\.10"):
        AUDITED["keep"](skipped, **files)
    assert not files["kept"].exists()
    well, said = AUDITED["check"](**files)
    assert well
    assert "never audited" in said


def test_the_pins_of_the_project_are_not_known_to_be_vulnerable() -> None:
    ended = subprocess.run([sys.executable, ROOT / "envs/audited.py"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    kept = ROOT / "envs/audited.json"
    assert ("never audited" in ended.stdout) == (not kept.exists())
    if kept.exists():
        assert set(json.loads(kept.read_text())["audited"])
