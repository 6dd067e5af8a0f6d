"""docs/tutorial.ipynb runs from its first cell to its last, and its cells show what the words above them say.

Without Jupyter: a cell is Python, and a line that begins with `!` a command of the shell, as there.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from .running import ROOT

pytestmark = pytest.mark.workflow

NOTEBOOK = json.loads((ROOT / "docs/tutorial.ipynb").read_text("utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def shell(line: str, names: dict[str, Any]) -> None:
    """Run `! ...`, with {NAME} filled in; AssertionError where it fails."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "workflow_scripts"),
    }
    command = line.removeprefix("!").format(**names)
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """The value of the last line, as Jupyter shows it; None where there is none."""
    if source.startswith("!"):
        shell(source, names)
        return None
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, type_ignores=[]), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


def test_cells_are_run_as_jupyter_runs_them() -> None:
    names: dict[str, Any] = {"N": 2}
    assert run_cell("M = N + 1\nM * 2", names) == 6
    assert run_cell("N = 5", names) is None
    run_cell("!test {N} = 5", names)
    with pytest.raises(AssertionError, match="test 5 = 4"):
        run_cell("!test {N} = 4", names)


def test_nothing_is_kept_that_goes_stale() -> None:
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """What each cell shows; with fewer crystals than the reader trains on."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("tutorial"))
    names: dict[str, Any] = {}
    try:
        yield [run_cell(source.replace("N = 120", "N = 60"), names) for source in CODE]
    finally:
        os.chdir(before)


def test_every_cell_shows_what_it_promises(shown: list[Any]) -> None:
    assert sum(value is not None for value in shown) == 5
    table, score, one, warned, errors = (value for value in shown if value is not None)
    assert list(table.columns) == ["file", "K"]
    assert score["mae_low"] <= score["mae"] <= score["mae_high"]
    assert one["bulk_modulus_lower"][0] <= one["bulk_modulus"][0] <= one["bulk_modulus_upper"][0]
    assert warned["novelty"][1] > 1 > warned["novelty"][0], "squeezed, it is outside the domain"
    assert "Pu" in warned["error"][2]
    assert pd.isna(warned["bulk_modulus"][2])
    assert errors["mine"] == pytest.approx(score["mae"])
