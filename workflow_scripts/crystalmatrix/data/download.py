"""A data set from the first of several addresses that serves it whole, checked before it gets its final name.

In: addresses, what is known of the file.  Out: raw.json.zip; in the same folder checksums.json, which remembers size
and sha256 of each address' file from its first use on, and the partial file of an unfinished download.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crystalmatrix.data import http
from crystalmatrix.data.address import Allowed
from crystalmatrix.data.archive import pack, read_entries
from crystalmatrix.data.progress import tracked
from crystalmatrix.data.reach import unreachable
from crystalmatrix.errors import DataError
from crystalmatrix.files import raise_if_full, read_json, sha256, write_json
from crystalmatrix.locks import file_lock, take

MAX_FRUITLESS = 5  # attempts in a row that bring no new byte, at each address
MAX_CORRUPT = 2  # whole files that fail the checks, at each address
WAIT = 2.0  # s before a repetition, doubled after each fruitless one


@dataclass(frozen=True)
class Remote:
    """A file somewhere else, and what is known of it."""

    urls: Sequence[str]  # tried in this order; the last is the official one
    name: str  # what the file is called there
    n_entries: int | None = None  # of a pinned release
    sha256: str | None = None  # from the config; else from checksums.json
    named: Sequence[str] | None = None  # those of `urls` that the config names; None: all

    @property
    def link(self) -> str:
        return self.urls[-1]

    @property
    def allowed(self) -> Allowed:
        named = self.urls if self.named is None else self.named
        hosts = frozenset(host for host in map(_host, named) if host)
        return Allowed(hosts, pinned=self.sha256 is not None)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # half of a bracket
        return None


def fetch_remote(remote: Remote, out: Path, *, timeout: float = http.TIMEOUT, wait: float = WAIT) -> int:
    """Write `out`, complete and checked, and return its number of entries. A second run at once waits for the first.

    `timeout`: s without a byte; `wait`: s before the first repetition. Raises DataError, one line with the link, the
    name and the folder for a download by hand, if every address fails, within seconds if none of them answers;
    DiskError if there is no room.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with _locked(out.with_name(f".{out.name}.lock")):
        known = _checksums(out).get(remote.link)
        if (
            known
            and out.exists()
            and known["packed_sha256"] == sha256(out)
            and remote.sha256 in (None, known["sha256"])
        ):
            return int(known["n_entries"])  # another run brought it while this one waited
        for by_hand in (out.with_name(remote.name), out.with_name(remote.name.removesuffix(".zip"))):
            if by_hand.exists() and by_hand != out:
                return _accept(by_hand, remote, out)
        silent = unreachable(remote.urls)
        failures = [f"{url}: {reason}" for url, reason in silent.items()]
        for url in (url for url in remote.urls if url not in silent):
            try:
                return _try_address(url, remote, out, timeout=timeout, wait=wait)
            except (http.TransientError, http.PermanentError, DataError) as error:
                failures.append(f"{url}: {error}")
    offline = ": is there no network, or is https_proxy missing?" if len(silent) == len(set(remote.urls)) else ""
    raise DataError(
        f"could not fetch {remote.name} ({'; '.join(failures)}){offline or '.'} "
        f"Download {remote.link} by hand, name it {remote.name}, put it into {out.parent}/ and run again"
    )


def _try_address(url: str, remote: Remote, out: Path, *, timeout: float, wait: float) -> int:
    part = out.with_name(f".{remote.name}.part")
    fruitless = corrupt = 0
    most = size(part)
    while True:
        try:
            http.download(url, part, allowed=remote.allowed, timeout=timeout)
            count = _accept(part, remote, out)
            discard(part)
            return count
        except OSError as error:
            raise_if_full(error, part)
            raise
        except DataError as error:  # complete by the server's word, and wrong: once more from the start, then give up
            discard(part)
            corrupt += 1
            if corrupt == MAX_CORRUPT:
                raise
            _say_again(url, error)
        except http.TransientError as error:
            fruitless = 0 if size(part) > most else fruitless + 1
            most = max(most, size(part))
            if fruitless == MAX_FRUITLESS:
                raise
            _say_again(url, error)
            http.pause(fruitless, error.wait, base=wait)


def _say_again(url: str, error: Exception) -> None:
    print(f"{url}: {error}; trying again", file=sys.stderr, flush=True)


def _accept(path: Path, remote: Remote, out: Path) -> int:
    """Check a complete file, remember it, and give its content the final name. Raises DataError."""
    record = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    checksums = _checksums(out)
    known = {"sha256": remote.sha256} if remote.sha256 else checksums.get(remote.link)
    if known and known["sha256"] != record["sha256"]:
        where = "data.sha256" if remote.sha256 else out.with_name("checksums.json")
        raise DataError(
            f"{remote.name}: found sha256 {record['sha256']} ({record['bytes']:,} bytes), expected {known['sha256']} "
            f"({where}); if the change is meant, correct it there"
        )
    count = sum(1 for _ in tracked(read_entries(path), "checking entries", remote.n_entries))
    if remote.n_entries is not None and count != remote.n_entries:
        raise DataError(f"{remote.name}: found {count:,} entries, expected {remote.n_entries:,}")
    pack(path, out)
    write_json(
        out.with_name("checksums.json"),
        checksums | {remote.link: record | {"n_entries": count, "packed_sha256": sha256(out)}},
    )
    return count


def _checksums(out: Path) -> dict[str, Any]:
    path = out.with_name("checksums.json")
    return read_json(path) if path.exists() else {}


def discard(part: Path) -> None:
    """Remove a partial file and its note."""
    part.unlink(missing_ok=True)
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes; 0 for no file."""
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock, which the system releases even if the process is killed."""
    lock = file_lock(path)
    if not take(lock):
        print("another run is fetching the same file; waiting for it", file=sys.stderr, flush=True)
        take(lock, wait=True)
    try:
        yield
    finally:
        lock.release()
