"""The command as a whole: help that comes at once, completion that knows what the help knows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crystalmatrix.cli.completion import subcommands
from crystalmatrix.cli.main import COMMANDS, build_parser
from crystalmatrix.properties import MULTITASK, PROPERTIES

from ..workflow.running import ROOT
from .conftest import Run

HEAVY = ("torch", "pandas", "pyarrow", "numpy", "ase", "pydantic")


def loaded_by(*arguments: str) -> set[str]:
    """Heavy packages that a command loads, in a process of its own."""
    code = (
        "import sys, atexit; from crystalmatrix.cli.main import main\n"
        f"atexit.register(lambda: print('LOADED', *[name for name in {HEAVY} if name in sys.modules]))\n"
        f"main({list(arguments)})"
    )
    here = {**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=here)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_loads_nothing_heavy_and_the_list_no_torch() -> None:
    assert loaded_by("--help") == set()
    assert loaded_by("init", "--help") == set()
    assert loaded_by("models") <= {"numpy", "pyarrow", "pydantic"}  # which come with the types of its cards
    assert loaded_by("plan", "nonsense")  # the control: what is loaded is noticed


@pytest.mark.parametrize(
    "arguments", [("plan",), ("plan", "lite"), ("init", "mine", "--from", "t.csv", "--structures", "s")]
)
def test_a_wheel_lacks_what_plan_and_init_read(run: Run, arguments: tuple[str, ...]) -> None:
    """As after `pip install .`: neither config.yaml nor Snakefile is where the package lies."""
    ended = run(*arguments)
    assert ended.code == 2
    assert ended.err.startswith("error: this command needs the project's folder: found no ")
    assert ended.err.endswith("install it in place: pip install -e .\n")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_has_examples_that_parse(run: Run, name: str) -> None:
    ended = run(name, "--help")
    assert ended.code == 0
    assert f"crystalmatrix {name}" in ended.out.partition("examples:")[2]
    parser = build_parser()
    for command in COMMANDS:
        for line in command.examples.splitlines():
            if line.startswith("crystalmatrix "):
                parser.parse_args(line.split()[1:])


def test_completion_knows_every_command_option_and_choice(run: Run) -> None:
    script = run("completion", "bash").out
    for name, command in subcommands(build_parser()).items():
        assert name in script
        for flag in command._option_string_actions:
            assert flag in script or not flag.startswith("--")
    assert 'predict:--device) words="auto cpu cuda"' in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pre", ["predict"]),
        ("predict --mo", ["--model"]),
        ("predict --device c", ["cpu", "cuda"]),
        ("x", []),
        ("predict a.cif --properties ba", ["band_gap", "band_gap_mbj"]),
        ("predict a.cif --properties ehull bu", ["bulk_modulus"]),
        ("predict a.cif --properties ehull --o", ["--out"]),
        ("predict a.cif --model mod", ["models/spillage"]),
        ("features a.cif --model ch", ["chgnet"]),
        ("features a.cif --model l", ["lite/ehull"]),
        ("models st", ["std/band_gap"]),
        ("models zz", []),
        ("plan li", ["lite", *(f"lite/{name}" for name in (*PROPERTIES, MULTITASK))]),
        ("plan std/band_gap pro/mu", ["pro/multitask"]),
    ],
)
def test_bash_completes(run: Run, typed: str, offered: list[str]) -> None:
    for model in ("project/models/spillage", "results/lite/ehull", "results/release/std/band_gap"):
        Path(model).parent.mkdir(parents=True)
        Path(f"{model}.pt").touch()
    script = run("completion", "bash").out
    words = ["crystalmatrix", *typed.split()]
    script += f"\nCOMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _crystalmatrix\n"
    done = subprocess.run(
        ["bash", "-c", f"{script}\necho ${{COMPREPLY[@]}}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == offered
