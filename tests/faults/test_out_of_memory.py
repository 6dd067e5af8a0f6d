"""Memory that runs out, by a limit that the system holds: one line, and what was computed stays."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from crystalmatrix.errors import or_exit

from ..workflow.running import ROOT

# A training with room for `argv[2]` MB more than it has when it starts.
TRAINING = """
import resource, sys
from pathlib import Path
import torch
from crystalmatrix.errors import run
from crystalmatrix.training.run import train
from tests.training.cases import training_data, with_training

torch.set_num_threads(1)
task, folder, cpu = "formation_energy", Path(sys.argv[1]), torch.device("cpu")
data = training_data([task])
train(data, tier="lite", task=task, settings=with_training(), run=folder / "before", device=cpu)  # all is imported
wide = with_training()
wide = wide.model_copy(update={"model": wide.model.model_copy(update={"channels": 2048, "edge_channels": 2048})})
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (int(sys.argv[2]) << 20),) * 2)
run(lambda: train(data, tier="lite", task=task, settings=wide, run=folder / "wide", device=cpu))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of addresses is Linux's")
def test_a_training_without_memory_is_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", TRAINING, str(tmp_path), "100"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2, ended.stderr[-2000:]
    assert ended.stderr.splitlines()[-1].startswith("error: out of memory; run again with smaller batches")
    assert "Traceback" not in ended.stderr


def raises(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_of_the_gpu_too(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        or_exit(raises, error)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("error: out of memory;")


def test_another_error_of_torch_keeps_its_traceback() -> None:
    """The control."""
    with pytest.raises(RuntimeError, match="sizes"):
        or_exit(raises, RuntimeError("sizes of tensors"))
