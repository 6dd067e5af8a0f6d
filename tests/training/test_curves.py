"""Logs of runs become TensorBoard events, where TensorBoard is installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "workflow_scripts" / "curves.py"


def convert(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True)


def test_curves(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    run = tmp_path / "runs" / "lite" / "ehull" / "seed-0"
    run.mkdir(parents=True)
    entries = [
        {"epoch": e, "train_loss": 1 / e, "val_mae": {"ehull": 2 / e}, "val_score": 3 / e, "learning_rate": 1e-3,
         "crystals_per_second": 100.0, "seconds": e, "joules": None}
        for e in (1, 2)
    ]  # fmt: skip
    (run / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    done = convert(tmp_path / "runs", "--out", tmp_path / "events")
    assert done.returncode == 0, done.stderr
    events = accumulator.EventAccumulator(str(tmp_path / "events" / "lite" / "ehull" / "seed-0"))
    events.Reload()
    assert [event.value for event in events.Scalars("val_mae/ehull")] == [2.0, 1.0]


def test_no_runs_is_one_line(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    done = convert(tmp_path, "--out", tmp_path / "events")
    assert done.returncode == 2
    assert "found no log.jsonl" in done.stderr
    assert "Traceback" not in done.stderr
