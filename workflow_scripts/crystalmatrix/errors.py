"""The user's errors: one line that says what was found, where, what was expected and what to do; exit code 2."""

import difflib
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class UserError(Exception):
    """Something the user can fix. The scripts print it as one line, with no traceback, and exit with 2."""


class ConfigError(UserError):
    """A key, tier, property or value in the configuration that does not exist or does not fit."""


class DataError(UserError):
    """A file that is missing, damaged, of another schema version, or not what its name says."""


class DiskError(UserError):
    """No room to write to."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'? (known: x, y, z)`, for the end of an error about an unknown name."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (known: {', '.join(known) or 'none'})"


def or_exit(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function, turning a `UserError` into one line on stderr and exit code 2."""
    try:
        return function(*arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`: the user's errors end in one line, bugs keep their traceback."""
    or_exit(main)
