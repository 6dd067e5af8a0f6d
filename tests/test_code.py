"""The code behind a script: all of its modules, none of another's; its digest moves with every one of them."""

import ast
import re
from pathlib import Path

import pytest

from crystalmatrix.code import digest, files_behind, imported

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


def test_imports_read_as_text_are_those_of_the_parser() -> None:
    """Of all of our files; a docstring may hold a line like one, but that leads to no file."""
    files = [*SCRIPTS.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    parsed = {path: imports_of(path) for path in files}
    assert sum(map(len, parsed.values())) > 1000
    assert {path: names - set(imported(path)) for path, names in parsed.items() if names - set(imported(path))} == {}
    added = {name for path in SCRIPTS.rglob("*.py") for name in set(imported(path)) - parsed[path]}
    assert [name for name in added if (SCRIPTS / f"{name.replace('.', '/')}.py").exists()] == []


def imports_of(path: Path) -> set[str]:
    """The slow way. Imports relative to a package, which only tests have, are left out."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


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
