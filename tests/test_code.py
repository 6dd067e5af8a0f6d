"""The code behind a script: all of its modules, none of another's; its digest moves with every one of them."""

import re
from pathlib import Path

import pytest

from crystalmatrix.code import digest, files_behind

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow_scripts"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """run.py imports a.b, which imports c inside a function; d is nobody's."""
    files = {
        "run.py": "from crystalmatrix.a import b\n",
        "crystalmatrix/a/__init__.py": "",
        "crystalmatrix/a/b.py": "import numpy\ndef f():\n    try:\n        pass\n    except OSError:\n"
        "        from crystalmatrix.c import value\n",
        "crystalmatrix/c.py": "value = 1\n",
        "crystalmatrix/d.py": "value = 2\n",
        "page.j2": "text",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_files_behind_a_script(scripts: Path) -> None:
    names = [path.relative_to(scripts).as_posix() for path in files_behind(scripts / "run.py")]
    assert names == ["run.py", "crystalmatrix/a/__init__.py", "crystalmatrix/a/b.py", "crystalmatrix/c.py"]


@pytest.mark.parametrize(
    ("changed", "moves"),
    [("run.py", True), ("crystalmatrix/c.py", True), ("page.j2", True), ("crystalmatrix/d.py", False)],
)
def test_digest_moves_with_the_files_behind_and_with_no_other(scripts: Path, changed: str, moves: bool) -> None:
    before = digest(scripts / "run.py", scripts / "page.j2")
    (scripts / changed).touch()
    assert digest(scripts / "run.py", scripts / "page.j2") == before, "a touch changes no code"
    (scripts / changed).write_text((scripts / changed).read_text() + "\n")
    assert (digest(scripts / "run.py", scripts / "page.j2") != before) == moves


def test_every_rule_watches_its_code_or_has_a_version() -> None:
    rules = re.split(r"\n\s*rule ", "".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk"))))[1:]
    scripts = {re.match(r"\w+", rule)[0]: rule for rule in rules if '"$SCRIPTS"' in rule}  # type: ignore[index]
    assert len(scripts) >= 12
    unwatched = {name for name, rule in scripts.items() if not re.search(r"\b(version|code)=", rule)}
    assert not unwatched


def test_every_script_is_run_by_a_rule_or_by_make() -> None:
    callers = "".join(path.read_text() for path in [*(ROOT / "rules").glob("*.smk"), ROOT / "Makefile"])
    assert {path.name for path in SCRIPTS.glob("*.py") if path.name not in callers} == set()
