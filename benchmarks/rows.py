"""Rows of a long benchmark in a JSON file, each with the date, machine and commit of its measurement.

In: what a row is of.  Out: {"rows": [...]}; a row that is there is not measured again.
"""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from crystalmatrix.files import read_json, write_json

Row = dict[str, Any]


class Rows:
    """The rows of a file, which is complete after each of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commit = commit()  # when this begins: hours later another one may lie here
        self.rows: list[Row] = read_json(path)["rows"] if path.exists() else []

    def find(self, **key: object) -> Row | None:
        """The row with these values, if it was measured."""
        return next((row for row in self.rows if all(row.get(name) == value for name, value in key.items())), None)

    def add(self, row: Row) -> Row:
        """Append it, with where and when it was measured, and write the file."""
        row = row | {"date": str(datetime.date.today()), "machine": machine(), "commit": self.commit}
        self.rows.append(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, {"rows": self.rows})
        return row


def machine() -> str:
    """Processor and cores, as a sentence of docs/ says them."""
    return f"{os.cpu_count()} cores, {_processor() or platform.machine()}"


def commit() -> str:
    """Of this repository, with + where files that it tracks were changed since."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return _git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
