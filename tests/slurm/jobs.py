"""Runs of the workflow on the cluster, watched from outside: the controller, its jobs and their trainers."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from ..workflow.running import ROOT
from .cluster import LONGEST, slurm, wait_until

# At the pace of a test: early looks, and threads that do not wait for each other on a busy machine.
PACE = ["--slurm-init-seconds-before-status-checks", "1", "--set-threads", "train=1"]


def profile(folder: Path, *, resources: str = "{}") -> list[str]:
    """Options that take profiles/slurm, filled in for the cluster of these tests; `resources` as in the file."""
    text = (ROOT / "profiles/slurm/profile.yaml").read_text()
    for empty, own in (("gpu_partition: null", "gpu_partition: gpu"), ("resources: {}", f"resources: {resources}")):
        assert text.count(f"  {empty}") == 1
        text = text.replace(f"  {empty}", f"  {own}")
    (folder / "profile").mkdir(exist_ok=True)
    (folder / "profile/profile.yaml").write_text(text)
    return ["--workflow-profile", str(folder / "profile"), *PACE]


class Controller:
    """`snakemake --workflow-profile` in a folder, and what it says. At the end nothing of it is left."""

    def __init__(self, folder: Path, *arguments: str, resources: str = "{}") -> None:
        self.folder = folder
        self._log = folder / f"controller-{len(list(folder.glob('controller-*')))}.log"
        options = ["--configfile", str(folder / "tiny.yaml"), "--directory", str(folder)]
        self._arguments = [*arguments, *options, *profile(folder, resources=resources)]

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "snakemake", *self._arguments], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.is_running():
            self.process.kill()
        self.process.wait()
        if error[0] is not None:  # a test that failed leaves nothing to the next one
            slurm("scancel", "--user=root")
            wait_until(lambda: not slurm("squeue", "--noheader"), "the jobs to end", LONGEST)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def ends(self) -> int:
        """Its exit status."""
        return self.process.wait(LONGEST)

    def trainer(self, task: str, *, after: int = 1) -> psutil.Process:
        """The trainer of a task, suspended once so many epochs are in its log."""
        log = self.folder / f"results/runs/cgcnn/{task}/seed-0/log.jsonl"

        def training() -> psutil.Process | None:
            assert self.process.is_running(), self.said
            return _trainer(self.folder, task)

        def has_learned() -> bool:
            return not found.is_running() or (log.exists() and log.read_text().count("\n") >= after)

        found = wait_until(training, f"the trainer of {task}", LONGEST)
        # From here on only the log is looked at, and often: its next epochs take a tenth of a second each.
        wait_until(has_learned, f"{after} epochs of {task}", LONGEST, every=0.005)
        found.suspend()
        return found


def _trainer(folder: Path, task: str) -> psutil.Process | None:
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if len(words) > 1 and words[1].endswith("train.py") and task in words:
            try:
                if Path(process.cwd()) == folder:
                    return process
            except psutil.Error:  # it has ended
                continue
    return None


def end_jobs_in(folder: Path) -> None:
    """Also what the scheduler has lost sight of, as on a node that was set down."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "SLURM_JOB_ID" in process.environ() and Path(process.cwd()) == folder:
                process.kill()


def tries(folder: Path, task: str) -> list[dict[str, str]]:
    """What Slurm knows of the jobs of a training, the oldest first: JobState, MinMemoryNode, TresPerJob, ..."""
    return [job for job in _jobs(folder) if job.get("Comment", "").endswith(task)]


def states(folder: Path, task: str) -> list[str]:
    """Of the jobs of a training."""
    return [job["JobState"] for job in tries(folder, task)]


def comments_of_jobs(folder: Path) -> list[str]:
    """Each names the rule or the group."""
    return [job.get("Comment", "") for job in _jobs(folder)]


def nothing_runs() -> bool:
    """Whether all of Slurm's steps have ended: a job that starts again before that is held."""
    return not any(process.info["name"].startswith("slurmstepd") for process in psutil.process_iter(["name"]))


def _jobs(folder: Path) -> list[dict[str, str]]:
    jobs = [line.split() for line in slurm("scontrol", "--oneliner", "show", "job").splitlines()]
    known = [dict(word.partition("=")[::2] for word in job) for job in jobs]
    mine = [job for job in known if job.get("WorkDir") == str(folder)]
    return sorted(mine, key=lambda job: int(job["JobId"]))


def state(folder: Path, task: str) -> Path:
    """What a training goes on from."""
    return folder / f"results/runs/cgcnn/{task}/seed-0/state.pt"


def model(task: str) -> str:
    return f"results/cgcnn/{task}.pt"


def continued_at(folder: Path, task: str) -> int:
    """The step from which the last try went on; 0 if it started afresh."""
    found = re.search(r"continuing at step (\d+)", (folder / f"results/logs/train/cgcnn/{task}.log").read_text())
    return int(found[1]) if found else 0
