"""Predicting and training import and run where the system is not Unix: Windows has no fcntl, resource, pwd, grp.

Each test is a process of its own, in which those modules cannot be imported and Unix's functions are gone from `os`.
"""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import crystalmatrix

LIBRARIES = "import torch, filelock, psutil\n"  # they know which system they are on; ours must not need to
BLOCK = """
import os, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("getuid", "geteuid", "sched_getaffinity", "fork", "sysconf", "getpgid", "killpg"):
    if hasattr(os, name):
        delattr(os, name)
"""
ROOT = Path(__file__).parents[1]
SCRIPTS = Path(crystalmatrix.__file__).parents[1]
# A back-end and potentials, whose packages the set-up does not need.
OPTIONAL = {
    "crystalmatrix.graphs.torch_cluster",
    "crystalmatrix.descriptors.chgnet",
    "crystalmatrix.descriptors.sevennet",
}


def python(code: str, libraries: str = LIBRARIES) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", libraries + BLOCK + code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [SCRIPTS, ROOT])), "USERNAME": "curie"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("statement", ["import fcntl", "import resource", "import os; os.getuid()"])
def test_what_is_blocked_is_missed(statement: str) -> None:
    """The control: the processes of this file do fail where a Unix module is needed."""
    assert python(statement, libraries="").returncode != 0


def test_locks_memory_and_cores_without_unix(tmp_path: Path) -> None:
    result = python(f"""
from pathlib import Path
import crystalmatrix.machine as machine
from crystalmatrix.data.parallel import available_cores
from crystalmatrix.files import write_text
from crystalmatrix.training.state import run_lock
from crystalmatrix.training.stop import StopRequest

assert machine.resource is None
assert 1 < machine.peak_memory_mb() < 100_000, machine.peak_memory_mb()
assert machine.user() == "curie"  # what Windows calls USERNAME
assert available_cores() >= 1
with run_lock(Path({str(tmp_path)!r})), StopRequest().listening():
    write_text(Path({str(tmp_path)!r}) / "a.txt", "written")
""")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "a.txt").read_text() == "written"


def test_every_module_imports_and_a_model_trains_and_predicts(tmp_path: Path) -> None:
    names = [
        module.name
        for module in pkgutil.walk_packages(crystalmatrix.__path__, "crystalmatrix.")
        if module.name not in OPTIONAL
    ]
    assert len(names) > 50
    result = python(f"""
import {", ".join(names)}
from pathlib import Path
import torch
from ase.build import bulk
from crystalmatrix import Predictor
from crystalmatrix.trained.checkpoint import save_checkpoint
from crystalmatrix.training.device import claim_device
from crystalmatrix.training.run import train
from tests.training.cases import SETTINGS, training_data

folder = Path({str(tmp_path)!r})
device, _ = claim_device("cpu")
model = train(training_data(["formation_energy"]), tier="lite", task="formation_energy", settings=SETTINGS,
              run=folder / "run", device=device)
save_checkpoint(folder / "model.pt", model)
table = Predictor(folder / "model.pt", device="cpu").predict([bulk("NaCl", "rocksalt", a=5.6)])
assert table["formation_energy"].notna().all(), table
""")
    assert result.returncode == 0, result.stderr
