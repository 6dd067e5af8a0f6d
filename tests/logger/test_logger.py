"""What a run says, from Snakemake itself: in a file, on a terminal, in a dry run, and where a job fails."""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def command(folder: Path, *arguments: str, snakefile: str = SNAKEFILE, cores: int = 2, lines: int = 40) -> dict:
    (folder / "Snakefile").write_text(snakefile)
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PYTHONPATH", "")])
    options = ["--cores", f"{cores}", "--keep-going", "--show-failed-logs", "--logger", "matrix", *arguments]
    return {
        "args": [sys.executable, "-m", "snakemake", *options],
        "cwd": folder,
        "env": os.environ | {"PYTHONPATH": path, "TERM": "xterm", "COLUMNS": "120", "LINES": f"{lines}"},
    }


def piped(folder: Path, *arguments: str, **kind: Any) -> str:
    call = command(folder, *arguments, **kind)
    kept = {"cwd": call["cwd"], "environment": call["env"]}
    return preloaded.run(call["args"], preload=preloaded.SNAKEMAKE, merged=True, **kept).stdout


def test_in_a_file_a_job_is_two_short_lines_and_a_failure_has_its_log(tmp_path: Path) -> None:
    said = piped(tmp_path)
    assert "Reason" not in said
    assert re.search(r"^\d\d:\d\d:\d\d  Training good$", said, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d  1 of 2 done: Training good, \d s$", said, re.MULTILINE)
    assert said.count("error: found 3, expected 4") == 1
    assert "Error in rule bad:" in said
    for command in ("exit 1", "CalledProcessError", "message: None"):
        assert command not in said
    for chatter in ("Select jobs", "Execute 1 jobs", "Finished jobid", "\x1b"):
        assert chatter not in said


def test_a_failure_without_a_log_has_its_command(tmp_path: Path) -> None:
    """The control; and Snakemake's own log always has it."""
    without = SNAKEFILE.replace('    log: "bad.log"\n', "").replace("{log}; exit 1", "/dev/null; exit 1")
    assert "exit 1" in piped(tmp_path, snakefile=without)
    piped(tmp_path)
    newest = max((tmp_path / ".snakemake/log").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert "exit 1" in newest.read_text()


def test_commands_are_said_where_they_are_asked_for(tmp_path: Path) -> None:
    said = piped(tmp_path, "--printshellcmds")
    assert "CalledProcessError" in said
    assert "echo 'error: found 3, expected 4' > bad.log; exit 1" in said


@pytest.mark.parametrize("option", ["--dry-run", "--printshellcmds"])
def test_reasons_are_said_where_they_are_asked_for(tmp_path: Path, option: str) -> None:
    assert "Missing output files: good.txt" in piped(tmp_path, option)


def test_on_a_terminal_there_are_bars_and_what_the_training_says(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    said = _plain(on_terminal(tmp_path))
    assert re.search(r"good +\S*━\S* +0/1", said)
    assert re.search(r"all jobs +\S*━\S* +1/2", said)
    assert re.search(r"Training good\s+epoch 3/9  val_mae 0\.1 eV  eta 2 min", said)
    assert "failed: Training bad" in said
    assert "error: found 3, expected 4" in said
    assert "Reason" not in said


MANY = """
RULES = [f"stage{k:02}" for k in range(14)]

rule all:
    input: expand("{rule}.txt", rule=RULES), expand("job{k}.txt", k=range(16))

for name in RULES:
    rule:
        name: name
        input: [] if name < "stage04" else "job2.txt"
        output: f"{name}.txt"
        priority: 9
        shell: "touch {output}"

rule many:
    output: "job{k}.txt"
    log: "job{k}.log"
    message: "Training model {wildcards.k}"
    shell: "echo 'epoch 1/9' > {log}; case {wildcards.k} in 0|1) sleep 1; exit 1;; esac; sleep 4; touch {output}"
"""
ANEW = re.compile(r"\r\x1b\[2K((?:\x1b\[1A\x1b\[2K)*)")  # back to the first line of the view


def test_a_small_terminal_holds_what_failed_and_as_many_jobs_as_fit(tmp_path: Path) -> None:
    """24 lines, 15 rules, 16 jobs of which two fail: what has no line is counted."""
    pytest.importorskip("rich")
    said = on_terminal(tmp_path, snakefile=MANY, cores=20, lines=24)
    assert max(moves.count("1A") for moves in ANEW.findall(said)) < 24
    states = [_plain(state).split("\r\n") for state in ANEW.split(said)[::2]]
    (state, *_) = (lines for lines in states if _count(lines, "failed: Training model ") == 2)
    assert _count(state, "done: stage00, stage01, stage02, stage03") == 1
    assert _count(state, "all jobs ") == 1
    hidden = re.search(r"^and (\d+) more at work$", "\n".join(state), re.MULTILINE)
    assert _count(state, "Training model ") + int(hidden[1] if hidden else 0) == 14
    assert _count(state, "Training model ") >= 7
    assert "…" not in "".join(state), "cut off by rich itself"


def _count(lines: list[str], start: str) -> int:
    return sum(line.startswith(start) for line in lines)


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)


def on_terminal(folder: Path, **kind: Any) -> str:
    """What a run writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(**command(folder, **kind), stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = io.BytesIO()
        try:
            while chunk := os.read(ours, 1 << 16):
                text.write(chunk)
        except OSError:  # the other end is closed
            pass
        process.wait()
    os.close(ours)
    return text.getvalue().decode()


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
