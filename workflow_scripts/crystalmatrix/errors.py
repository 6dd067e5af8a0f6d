"""The user's errors: one line that says what was found, where, what was expected and what to do; exit code 2."""

import difflib
import errno
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


def nearest(name: str, known: Iterable[str], *, most: int | None = None) -> str:
    """`; did you mean 'x'? (known: x, y, z)`, for the end of an error about an unknown name; `most`: names listed."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    more = ", ..." if len(known[:most]) < len(known) else ""
    return f"{hint} (known: {', '.join(known[:most]) or 'none'}{more})"


def one_line(text: str) -> str:
    """Line ends and control characters, which a file's name may hold, as \\n and \\x1b; all else as it is."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def of_system(error: OSError) -> str | None:
    """What the system refused, of which file, in one line; None where it does not say of which: a bug, maybe."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.filename or 'writing'}: {error.strerror}; make room and run again"
    if error.filename is None:
        return None
    return f"{error.filename}: cannot be read or written ({error.strerror}); check the path and its rights"


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed: Python's, numpy's and Arrow's error, or one of torch's, which is not imported."""
    of_torch = type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error)
    return isinstance(error, MemoryError) or of_torch


def or_exit(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function, turning an error of the user or of the system into one line on stderr and exit code 2."""
    try:
        return function(*arguments)
    except UserError as error:
        said: str | None = str(error)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        said = "out of memory; run again with smaller batches, fewer jobs at once, or more memory"
    except BrokenPipeError:
        raise
    except OSError as error:
        said = of_system(error)
        if said is None:
            raise
    print(f"error: {one_line(said or '')}", file=sys.stderr)
    sys.exit(2)


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`: errors of the user and of the system end in one line, bugs keep their traceback."""
    or_exit(main)
