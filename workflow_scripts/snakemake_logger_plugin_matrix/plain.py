"""A run as short lines, for files and CI: when a job starts, when it ends and how long it took, and failures in full.

In: an event, after the Run has taken it.  Out: text, empty for what nobody reads.
"""

import logging
import time

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_matrix.run import TARGETS, Run, duration

_CHATTER = (
    *("Select jobs to execute", "Building DAG of jobs", "Using shell", "Using workflow specific profile"),
    *("Config file ", "Assuming unrestricted shared filesystem", "Conda environments: ignored", "Storing output in"),
)
_SILENT = (
    *(LogEvent.WORKFLOW_STARTED, LogEvent.JOB_STARTED, LogEvent.PROGRESS),
    *(LogEvent.RESOURCES_INFO, LogEvent.SHELLCMD, LogEvent.RULEGRAPH),
)

_COMMAND_FAILED = "CalledProcessError in file"


class PlainFormatter(logging.Formatter):
    """Its own line for starts and ends; Snakemake's own text for the table of jobs, errors and messages."""

    def __init__(self, run: Run, default: logging.Formatter) -> None:
        super().__init__()
        self.run, self.default = run, default

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        if event in _SILENT:
            return ""
        if event == LogEvent.JOB_INFO:
            job = self.run.jobs.get(record.__dict__["jobid"])
            return f"{_clock()}  {job.name}" if job and job.rule != TARGETS else ""
        if event == LogEvent.JOB_FINISHED:
            job = self.run.ended.get(record.__dict__["job_id"])
            count = f"{self.run.n_done} of {self.run.n_total} done"
            return f"{_clock()}  {count}: {job.name}, {duration(job.seconds)}" if job and job.rule != TARGETS else ""
        if event == LogEvent.JOB_ERROR and record.__dict__["log"]:
            return self.default.format(_without_command(record)).strip("\n")
        if event == LogEvent.ERROR and _COMMAND_FAILED in str(record.msg):
            return ""  # the job has said so, with its log
        if record.levelno == logging.INFO and str(record.msg).strip().startswith(_CHATTER) and event is None:
            return ""
        return self.default.format(record).strip("\n")


def _without_command(record: logging.LogRecord) -> logging.LogRecord:
    """A failure with its log says enough; the command, a screen long, is in Snakemake's own log."""
    return logging.makeLogRecord(record.__dict__ | {"shellcmd": None, "msg": ""})


def _clock() -> str:
    return time.strftime("%H:%M:%S")
