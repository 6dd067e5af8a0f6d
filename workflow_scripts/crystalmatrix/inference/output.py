"""Where the rows of a screening go: into a file that whatever stops the writer leaves whole rows of.

In: rows as bytes, a chunk at a time, with how far the input is read.  Out: `<out>.part` while it grows and `<out>` when
all is done.

Beside `<out>.part` lies its journal, `<out>.part.journal`: a line that says what the rows are made from, then a line
for every chunk. Rows are on the disk before the line that counts them is written, so after any end, kill -9 and a power
cut included, the last line whose rows are there is where the next writer goes on; what lies behind it is cut off.
"""

import errno
import json
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from crystalmatrix.errors import DataError, DiskError
from crystalmatrix.locks import file_lock, take
from crystalmatrix.words import counted


@dataclass(frozen=True)
class Progress:
    """What is written, and where in the input to go on."""

    rows: int = 0
    size: int = 0  # bytes of these rows and the header
    file: int = 0  # files that are done with
    crystal: int = 0  # crystals of the next file that are done with
    failed: int = 0  # of the rows: lacking values, all or some
    noted: int = 0  # of the rows: with a note
    outside: int = 0  # of the rows: outside the training domain


class Output(Protocol):
    """Takes rows; `progress` counts those that it has."""

    progress: Progress

    def append(self, rows: bytes, progress: Progress) -> None:
        """Rows that make `progress` of it. Raises DiskError."""


class PartialTable:
    """`with PartialTable(out, made_from=digest) as table`: renamed to `out` at the end, kept as `.part` on the way.

    Goes on after the rows that are there if they are made from the same. While another process writes them, `wait` for
    its end; else that is a DataError, as what cannot be written is.
    """

    def __init__(self, out: Path, *, made_from: str, wait: bool = False) -> None:
        self.out = out
        self.path = out.with_name(out.name + ".part")
        self.journal = out.with_name(out.name + ".part.journal")
        self.progress = Progress()
        self._lock = file_lock(out.with_name(f".{out.name}.part.lock"))
        self.waited = False
        self._wait = wait
        self.made_from = made_from

    def __enter__(self) -> Self:
        check_writable(self.out)
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            self._take()
            self._open()
        except OSError as error:
            self._release()
            raise DataError(
                f"{self.out}: cannot be written there ({error.strerror}); choose another --out or its folder's rights"
            ) from None
        return self

    def append(self, rows: bytes, progress: Progress) -> None:
        progress = replace(progress, size=self.progress.size + len(rows))
        try:
            _write(self._rows, rows)
            os.fsync(self._rows.fileno())
            _write(self._lines, _line(asdict(progress)))
        except OSError as error:
            free = f", {shutil.disk_usage(self.path.parent).free / 1e6:,.0f} MB free" if _is_full(error) else ""
            raise DiskError(f"{self.path}: {error.strerror}{free}; make room and run the same command again") from None
        self.progress = progress

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # half a row, of a full disk
            self._rows.truncate(self.progress.size)
        self._rows.close()
        self._lines.close()
        if error is None:
            self.path.replace(self.out)
        if error is None or not self.progress.rows:
            self.path.unlink(missing_ok=True)
            self.journal.unlink(missing_ok=True)
        elif self.progress.rows:
            done = counted(self.progress.rows, "crystal")
            _say(f"{self.path} holds the first {done}; the same command goes on after them")
        self._release()

    def _take(self) -> None:
        if take(self._lock):
            return
        if not self._wait:
            raise DataError(f"{self.path}: another run writes it; wait for that one, or choose another --out")
        _say(f"{self.path}: another job writes it, left over from a killed run: waiting for its end")
        take(self._lock, wait=True)
        self.waited = True

    def _open(self) -> None:
        """Go on after the rows that are there, or start afresh."""
        self.path.touch()
        self.journal.touch()
        self._rows = self.path.open("r+b", buffering=0)
        self._lines = self.journal.open("r+b", buffering=0)
        header = _line({"made_from": self.made_from})
        lines = self._lines.read().splitlines(keepends=True)
        good = [header]
        if lines and lines[0] == header:
            on_disk = self.path.stat().st_size
            for line in lines[1:]:
                progress = _progress(line)
                if progress is None or progress.size > on_disk:
                    break
                good.append(line)
                self.progress = progress
        elif lines:
            _say(f"{self.path}: of other structures, another model or another version; starting afresh")
        if self.progress.rows:
            _say(f"going on after the {counted(self.progress.rows, 'crystal')} in {self.path}")
        _restart(self._lines, b"".join(good))
        self._rows.truncate(self.progress.size)
        self._rows.seek(self.progress.size)

    def _release(self) -> None:
        if not self._wait:  # all others give up at once: a file that somebody waits for stays
            with suppress(OSError):
                Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()


def check_writable(out: Path) -> None:
    """Raise DataError if `out` is something that no table can be renamed to."""
    if out.is_dir():
        raise DataError(f"--out {out}: a folder, expected the name of a CSV file; add one, as {out / 'screening.csv'}")
    if out.exists() and not out.is_file():
        raise DataError(f"--out {out}: no regular file, expected the name of a table; leave --out away to print")


def _restart(handle: BinaryIO, content: bytes) -> None:
    """Make `content`, which it starts with or which is all that it holds, the whole of a file."""
    handle.seek(0)
    _write(handle, content)
    handle.truncate(len(content))


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _progress(line: bytes) -> Progress | None:
    """None for a line that was cut."""
    try:
        return Progress(**json.loads(line)) if line.endswith(b"\n") else None
    except (ValueError, TypeError):
        return None


def _write(handle: BinaryIO, content: bytes) -> None:
    """All of it: a raw file takes what fits."""
    rest = memoryview(content)
    while rest:
        rest = rest[handle.write(rest) :]


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
