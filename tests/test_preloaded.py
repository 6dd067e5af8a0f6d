"""A fork of preloaded.py ends, says and sees what a start of Python does, and hands nothing on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import preloaded

PRELOAD = ("json",)


@pytest.mark.parametrize(
    "code",
    [
        "import sys; print(sys.argv, sys.path[0], __name__); print('to stderr', file=sys.stderr)",
        "import os; print(os.getcwd(), os.environ['GIVEN'], 'HOME' in os.environ)",
        "import atexit; atexit.register(print, 'at the end'); print('first')",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('a thread'))).start()",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('said')",
        "import sys; sys.exit()",
        "import os; print('lost: nobody flushed it'); os.kill(os.getpid(), 9)",
        "import os, sys; print('flushed', flush=True); os.abort()",
    ],
)
@pytest.mark.parametrize("merged", [False, True])
def test_as_a_start_of_its_own(tmp_path: Path, code: str, merged: bool) -> None:
    command = [sys.executable, "-c", code, "one", "two words"]
    environment = {name: os.environ[name] for name in os.environ if name.startswith(("PYTHON", "OMP_"))}
    environment |= {"GIVEN": "from the caller"}
    found = preloaded.run(command, preload=PRELOAD, cwd=tmp_path, environment=environment, merged=merged)
    stderr = subprocess.STDOUT if merged else subprocess.PIPE
    expected = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    assert (found.returncode, found.stdout, found.stderr) == (
        expected.returncode,
        expected.stdout,
        expected.stderr or "",
    )


def test_a_defect_keeps_its_traceback() -> None:
    found = preloaded.run([sys.executable, "-c", "1 / 0"], preload=PRELOAD)
    assert found.returncode == 1
    assert found.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_scripts_and_modules(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("HERE = 1")
    (tmp_path / "script.py").write_text("import sys, beside; print(__name__, sys.argv[1:], beside.HERE)")
    for command, cwd in (([tmp_path / "script.py"], Path("/")), (["-m", "script"], tmp_path)):
        found = preloaded.run([sys.executable, *command, "x"], preload=PRELOAD, cwd=cwd)
        assert found.stdout == "__main__ ['x'] 1\n", found.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
def test_nothing_is_handed_on() -> None:
    """What is imported beforehand is there, what a call did to it is not."""
    code = "import sys; json = sys.modules['json']; print(getattr(json, 'mark', 'none')); json.mark = 'left behind'"
    for _ in range(2):
        assert preloaded.run([sys.executable, "-c", code], preload=PRELOAD).stdout == "none\n"
