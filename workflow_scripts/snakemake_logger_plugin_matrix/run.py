"""What is known of a run: how many jobs of each rule there are and are done, which work now, which failed.

In: Snakemake's events.  Out: Run.
"""

import time
from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

TARGETS = "all"  # the rule that does nothing itself: it is not counted
TAIL = 4096  # bytes of a log in which its last line lies


@dataclass
class Job:
    """One job; `name` is the rule's message without what follows in brackets."""

    rule: str
    name: str
    log: Path | None
    began: float  # time.monotonic(), s

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def says(self) -> str:
        """The last line of its log: for a training its epoch, its validation error and the time left."""
        if self.log is None:
            return ""
        try:
            with self.log.open("rb") as handle:
                handle.seek(max(0, self.log.stat().st_size - TAIL))
                lines = handle.read().decode("utf-8", errors="replace").replace("\r", "\n").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


@dataclass
class Run:
    """The state of a run, changed by `take` alone."""

    total: dict[str, int] = field(default_factory=dict)  # jobs by rule, in the order of Snakemake's table
    done: dict[str, int] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)  # by id: those at work
    ended: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def take(self, record: LogRecord) -> None:
        """Learn from one event. A job that runs again after a failure is no longer a failed one."""
        content = record.__dict__
        event = content.get("event")
        if event == LogEvent.RUN_INFO and not self.total:
            self.total = {rule: n for rule, n in content["stats"].items() if rule not in ("total", TARGETS)}
            self.done = dict.fromkeys(self.total, 0)
        elif event == LogEvent.JOB_INFO:
            name = (content["rule_msg"] or content["rule_name"]).partition(" (")[0]
            log = Path(content["log"][0]) if content["log"] else None
            self.failed.pop(content["jobid"], None)
            self.jobs[content["jobid"]] = Job(content["rule_name"], name, log, time.monotonic())
        elif event == LogEvent.JOB_FINISHED and (job := self.jobs.pop(content["job_id"], None)):
            self.ended[content["job_id"]] = job
            if job.rule in self.done:
                self.done[job.rule] += 1
        elif event == LogEvent.JOB_ERROR and (job := self.jobs.pop(content["jobid"], None)):
            self.failed[content["jobid"]] = job

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def n_done(self) -> int:
        return sum(self.done.values())

    @property
    def n_total(self) -> int:
        return sum(self.total.values())


def duration(seconds: float) -> str:
    """`42 s`, `12 min`, `3.1 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
