"""What a run says: on a terminal one live view, in a file or CI a short line a job. `logger: matrix` in profiles/.

In: the events of Snakemake.  Out: text on stderr.

A dry run, and a run that asks for more (`--verbose`, `--printshellcmds`), is Snakemake's own text with its reasons.
The package's name is how Snakemake finds it.
"""

from __future__ import annotations

import sys
from logging import LogRecord, StreamHandler
from typing import TYPE_CHECKING

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake_logger_plugin_matrix.plain import PlainFormatter
from snakemake_logger_plugin_matrix.run import Run

if TYPE_CHECKING:
    from snakemake_logger_plugin_matrix.live import LiveView


class LogHandler(LogHandlerBase):
    """Chooses the voice once, by the stream and the options, and hands every event to it."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        self.run = Run()
        self.addFilter(
            DefaultFilter(
                settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
            ).filter
        )
        default = DefaultFormatter(settings.quiet, settings.show_failed_logs)
        self.view: LiveView | StreamHandler
        if settings.dryrun or settings.verbose or settings.printshellcmds or settings.debug_dag:
            self.view = ColorizingTextHandler(settings.nocolor, stream, formatter=default)
            return
        formatter = PlainFormatter(self.run, default)
        if stream.isatty() and not settings.quiet:
            from snakemake_logger_plugin_matrix.live import LiveView  # late: only a terminal needs rich

            self.view = LiveView(self.run, formatter, stream)
            return
        self.view = StreamHandler(stream)
        self.view.setFormatter(formatter)

    def emit(self, record: LogRecord) -> None:
        self.run.take(record)
        if not isinstance(self.view, StreamHandler) or self.view.format(record):
            self.view.emit(record)

    def close(self) -> None:
        self.view.close()
        super().close()
