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
        """Rules, all, failures, jobs at work: no more lines than the terminal has, and jobs give way first."""
        room = self.console.height - 1  # the last line is the cursor's
        failures = _cut(self._failures(), room // 3, "failed too")
        finished, bars = self._finished(), self._bars(room // 2)
        left = room - len(finished) - bars.row_count - len(failures)
        return Group(*finished, bars, *failures, *_cut(self._jobs(), left, "at work"))

    def _finished(self) -> list[Text]:
        """One line for all rules whose jobs are done."""
        rules = [rule for rule, total in self.run.total.items() if self.run.done[rule] == total]
        return [_line(f"done: {', '.join(rules)}", "dim")] if rules else []

    def _bars(self, most: int) -> Table:
        """A row a rule that has jobs to do, and one for all; where there is no room, rules that wait are counted."""
        table = Table.grid(padding=(0, 2))
        failed = [job.rule for job in self.run.failed.values()]
        open_rules = [rule for rule, total in self.run.total.items() if self.run.done[rule] < total]
        busy = {job.rule for job in self.run.jobs.values()} | set(failed)
        by_need = sorted(open_rules, key=lambda rule: rule not in busy)  # stable: otherwise in the run's order
        shown = by_need if len(by_need) < most else by_need[: most - 2]
        for rule in (rule for rule in open_rules if rule in shown):
            mark = f"{failed.count(rule)} failed" if rule in failed else ""
            table.add_row(rule, *self._bar(self.run.done[rule], self.run.total[rule]), Text(mark, style="red"))
        if len(shown) < len(open_rules):
            table.add_row(Text(f"{len(open_rules) - len(shown)} more rules wait", style="dim"), "", "", "")
        seconds = duration(self.run.seconds)
        table.add_row(Text("all jobs", style="bold"), *self._bar(self.run.n_done, self.run.n_total), seconds)
        return table

    @staticmethod
    def _bar(done: int, total: int) -> tuple[ProgressBar, str]:
        return ProgressBar(total=max(total, 1), completed=done, width=BAR), f"{done}/{total}"

    def _jobs(self) -> list[Text]:
        at_work = [job for job in self.run.jobs.values() if job.rule != TARGETS]
        return [_line(f"{job.name}  ", "cyan").append(job.says or duration(job.seconds), "default") for job in at_work]

    def _failures(self) -> list[Text]:
        return [_line(f"failed: {job.name}  {job.log or ''}", "red") for job in self.run.failed.values()]


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _cut(lines: list[Text], most: int, what: str) -> list[Text]:
    """At most so many lines; the last then says how many others there are."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], _line(f"and {len(lines) - most + 1} more {what}", "dim")]
