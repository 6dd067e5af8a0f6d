"""Where a command writes: checked before any work is done, not after.

In: --out.  Out: nothing, or DataError with what would do.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from crystalmatrix.errors import DataError, nearest


def check_out(out: Path, suffixes: Iterable[str]) -> None:
    """Raise DataError unless `out` ends in one of the suffixes and can be written; its folder is made."""
    suffixes = list(suffixes)
    if out.is_dir():
        raise DataError(
            f"--out {out}: a folder, expected the name of a file; add one, as {out / f'table{suffixes[0]}'}"
        )
    if out.suffix.lower() not in suffixes:
        raise DataError(f"--out {out}: unknown ending {out.suffix or 'none'!r}{nearest(out.suffix, suffixes)}")
    if out.exists() and not os.access(out, os.W_OK):
        raise DataError(f"--out {out}: may not be written by you; choose another name, or change its rights")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise DataError(
            f"--out {out}: nothing can be written in {out.parent} ({error.strerror}); choose another folder, "
            "or change its rights"
        ) from None
