"""What a run says, from Snakemake itself: in a file, on a terminal, in a dry run, and where a job fails."""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_logger_plugin_matrix.run import Job

from .. import preloaded

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
SNAKEFILE = """
rule all:
    input: "good.txt", "bad.txt"

rule good:
    output: "good.txt"
    log: "good.log"
    message: "Training good (a line an epoch: {log})"
    shell: "echo 'epoch 3/9  val_mae 0.1 eV  eta 2 min' > {log}; sleep 1.5; touch {output}"

rule bad:
    output: "bad.txt"
    log: "bad.log"
    message: "Training bad"
    shell: "echo 'error: found 3, expected 4' > {log}; exit 1"
"""


def command(folder: Path, *arguments: str) -> dict:
    (folder / "Snakefile").write_text(SNAKEFILE)
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PYTHONPATH", "")])
    options = ["--cores", "2", "--keep-going", "--show-failed-logs", "--logger", "matrix", *arguments]
    return {
        "args": [sys.executable, "-m", "snakemake", *options],
        "cwd": folder,
        "env": os.environ | {"PYTHONPATH": path, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
    }


def piped(folder: Path, *arguments: str) -> str:
    call = command(folder, *arguments)
    kept = {"cwd": call["cwd"], "environment": call["env"]}
    return preloaded.run(call["args"], preload=preloaded.SNAKEMAKE, merged=True, **kept).stdout


def test_in_a_file_a_job_is_two_short_lines_and_a_failure_has_its_log(tmp_path: Path) -> None:
    said = piped(tmp_path)
    assert "Reason" not in said
    assert re.search(r"^\d\d:\d\d:\d\d  Training good$", said, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d  1 of 2 done: Training good, \d s$", said, re.MULTILINE)
    assert "error: found 3, expected 4" in said
    assert "Error in rule bad:" in said
    assert "check log file(s)" in said
    for command in ("RuleException", "CalledProcessError", "exit 1", "shell:"):
        assert command not in said
    for chatter in ("Select jobs", "Execute 1 jobs", "Finished jobid", "\x1b"):
        assert chatter not in said


def test_of_a_failure_without_a_log_the_command_is_said(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(
        SNAKEFILE.replace('    log: "bad.log"\n', "").replace("> {log}; exit 1", "; exit 1")
    )
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PYTHONPATH", "")])
    said = preloaded.run(
        [sys.executable, "-m", "snakemake", "bad.txt", "--cores", "1", "--logger", "matrix"],
        preload=preloaded.SNAKEMAKE,
        merged=True,
        cwd=tmp_path,
        environment=os.environ | {"PYTHONPATH": path},
    ).stdout
    assert "echo 'error: found 3, expected 4' ; exit 1" in said
    assert "RuleException" not in said


def test_commands_are_said_where_they_are_asked_for(tmp_path: Path) -> None:
    said = piped(tmp_path, "--printshellcmds")
    assert "CalledProcessError" in said
    assert "echo 'error: found 3, expected 4' > bad.log; exit 1" in said


@pytest.mark.parametrize("option", ["--dry-run", "--printshellcmds"])
def test_reasons_are_said_where_they_are_asked_for(tmp_path: Path, option: str) -> None:
    assert "Missing output files: good.txt" in piped(tmp_path, option)


def test_on_a_terminal_there_are_bars_and_what_the_training_says(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    said = on_terminal(tmp_path)
    assert re.search(r"good +\S*━\S* +0/1", said)
    assert re.search(r"all jobs +\S*━\S* +1/2", said)
    assert re.search(r"Training good\s+epoch 3/9  val_mae 0\.1 eV  eta 2 min", said)
    assert "failed: Training bad" in said
    assert "error: found 3, expected 4" in said
    assert "Reason" not in said


def on_terminal(folder: Path) -> str:
    """What a run writes to a terminal, without colours and movements."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(**command(folder), stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = io.BytesIO()
        try:
            while chunk := os.read(ours, 1 << 16):
                text.write(chunk)
        except OSError:  # the other end is closed
            pass
        process.wait()
    os.close(ours)
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text.getvalue().decode())


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", ""), (b"one\ntwo\n\n", "two"), (b"10 %\r20 %\r", "20 %"), (b"\xff\xfe\n", "��"), (b"x" * 9000, "x" * 4096)],
)
def test_a_job_says_the_last_line_of_its_log(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.log").write_bytes(content)
    assert Job("train", "Training", tmp_path / "a.log", 0.0).says == says


def test_a_job_without_a_log_says_nothing(tmp_path: Path) -> None:
    assert Job("train", "Training", tmp_path / "none.log", 0.0).says == ""
    assert Job("train", "Training", None, 0.0).says == ""
