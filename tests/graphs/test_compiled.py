"""Compiled functions are kept on disk where that is possible, and work where it is not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crystalmatrix.graphs.compiled import compiled

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
COMPILES = re.compile(r"^@compiled$|= compiled\(", re.MULTILINE)


def double(x: int) -> int:
    return 2 * x


def test_compiled_functions_are_cached() -> None:
    function = compiled(double)
    assert function(21) == 42
    assert function.stats.cache_path


def test_there_is_one_way_to_compile() -> None:
    users = [path.name for path in SCRIPTS.rglob("*.py") if re.search("^(import|from) numba", path.read_text(), re.M)]
    assert users == ["compiled.py"]


@pytest.fixture(scope="module")
def unwritable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A copy of the package beside which no cache can be written, and an environment that offers no other place.

    Files stand where the folders would be made, which stops the superuser too.
    """
    folder = tmp_path_factory.mktemp("read only")
    shutil.copytree(SCRIPTS / "crystalmatrix", folder / "crystalmatrix", ignore=shutil.ignore_patterns("__pycache__"))
    for package in [path for path in folder.rglob("*") if path.is_dir()]:
        (package / "__pycache__").touch()
    (folder / "file").touch()
    nowhere = str(folder / "file" / "cache")
    hidden = {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": nowhere, "HOME": nowhere, "XDG_CACHE_HOME": nowhere}
    return folder, {**os.environ, **hidden, "PYTHONDONTWRITEBYTECODE": "1"}


def run(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_every_module_imports_where_no_cache_can_be_written(unwritable: tuple[Path, dict[str, str]]) -> None:
    folder, environment = unwritable
    found = [path for path in folder.rglob("*.py") if COMPILES.search(path.read_text())]
    modules = [".".join(path.relative_to(folder).with_suffix("").parts) for path in found]
    assert {"crystalmatrix.features.dense", "crystalmatrix.graphs.neighbours"} <= set(modules)
    code = f"import {', '.join(modules)}\nfrom crystalmatrix.graphs.edge_key import steps\nprint(steps(2.5))"
    done = run(code, environment)
    assert (done.returncode, done.stdout) == (0, "2500000\n"), done.stderr


def test_the_control_cannot_be_cached_there(unwritable: tuple[Path, dict[str, str]]) -> None:
    folder, environment = unwritable
    (folder / "control.py").write_text("import numba\n\n@numba.njit(cache=True)\ndef double(x):\n    return 2 * x\n")
    (folder / "__pycache__").touch()
    assert "no locator available" in run("import control", environment).stderr
