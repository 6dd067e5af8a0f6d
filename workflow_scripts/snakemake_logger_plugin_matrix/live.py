"""A run on a terminal: a bar a rule and one for all, what each job says now, what failed.

In: Run, asked again a few times a second.  Out: one view that stays at the bottom; errors and messages above it.
"""

import logging
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_matrix.plain import PlainFormatter
from snakemake_logger_plugin_matrix.run import TARGETS, Run, duration

REFRESH = 4  # times a second
BAR = 24  # characters
MOST_JOBS = 12  # lines of jobs at work
_SHOWN_ABOVE = (None, LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR, LogEvent.ERROR)


class LiveView:
    """Begins with the first job, so that a run with nothing to do only says so; `close` leaves its last state."""

    def __init__(self, run: Run, formatter: PlainFormatter, stream: TextIO) -> None:
        self.run, self.formatter = run, formatter
        self.console = Console(file=stream, highlight=False)
        self.live = Live(
            console=self.console,
            get_renderable=self.render,
            refresh_per_second=REFRESH,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO and not self.live.is_started:
            self.live.start()
        if event in _SHOWN_ABOVE and (text := self.formatter.format(record)):
            self.console.print(Text(text, style="red" if record.levelno >= logging.ERROR else ""), soft_wrap=True)

    def close(self) -> None:
        if self.live.is_started:
            self.live.stop()

    def render(self) -> Group:
        """Rules, all, jobs at work, failures."""
        return Group(self._bars(), *self._jobs(), *self._failures())

    def _bars(self) -> Table:
        table = Table.grid(padding=(0, 2))
        failed = [job.rule for job in self.run.failed.values()]
        for rule, total in self.run.total.items():
            done = self.run.done[rule]
            mark = f"{failed.count(rule)} failed" if rule in failed else ""
            table.add_row(
                Text(rule, style="dim" if done == total else ""),
                ProgressBar(total=total, completed=done, width=BAR),
                f"{done}/{total}",
                Text(mark, style="red"),
            )
        total, done = self.run.n_total, self.run.n_done
        bar = ProgressBar(total=max(total, 1), completed=done, width=BAR)
        table.add_row(Text("all jobs", style="bold"), bar, f"{done}/{total}", duration(self.run.seconds))
        return table

    def _jobs(self) -> list[Text]:
        lines = []
        at_work = [job for job in self.run.jobs.values() if job.rule != TARGETS]
        for job in at_work[:MOST_JOBS]:
            line = Text(f"{job.name}  ", style="cyan", no_wrap=True, overflow="ellipsis")
            lines.append(line.append(job.says or duration(job.seconds), style="default"))
        if len(at_work) > MOST_JOBS:
            lines.append(Text(f"and {len(at_work) - MOST_JOBS} more", style="dim"))
        return lines

    def _failures(self) -> list[Text]:
        return [
            Text(f"failed: {job.name}  {job.log or ''}", style="red", no_wrap=True, overflow="ellipsis")
            for job in self.run.failed.values()
        ]
