"""Locks of files, which the system lets go when the process that holds one ends, `kill -9` included.

In: a path.  Out: a lock; DiskError where the file system keeps none: a file in its place would outlive its process.
"""

import errno
from pathlib import Path

from filelock import FileLock, Timeout

from crystalmatrix.errors import DiskError

_NOT_KEPT = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def file_lock(path: Path) -> FileLock:
    """Not taken yet. Its file stays where it is: one that is removed and made again is another lock."""
    return FileLock(path, fallback_to_soft=False)


def take(lock: FileLock, *, wait: bool = False) -> bool:
    """Whether it is ours now; `wait` until it is. Raises DiskError where the file system keeps no locks."""
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        return False
    except OSError as error:
        if error.errno not in _NOT_KEPT:
            raise
        raise DiskError(
            f"{lock.lock_file}: the file system of this folder keeps no locks ({error.strerror}), expected one that "
            "does; mount it with flock, or work in another folder"
        ) from None
    return True
