"""One file over HTTP into a partial file, continued where an earlier attempt stopped.

In: a URL and the path of the partial file.  Out: the partial file, complete as far as the server's word goes.

What can go wrong is sorted by what helps: TransientError (try again, later), PermanentError (try another address).
"""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from crystalmatrix.data.address import MOST_REDIRECTS, Allowed, RefusedAddressError, open_url
from crystalmatrix.data.progress import Progress, megabytes

CHUNK = 1 << 18  # bytes
TIMEOUT = 60.0  # s without a byte
TRANSIENT = frozenset([403, 408, 425, 429, 500, 502, 503, 504])  # 403 too: figshare's reply to many requests in a row
HEADERS = {"User-Agent": "crystalmatrix (+https://doi.org/10.6084/m9.figshare.6815699)", "Accept-Encoding": "identity"}


class TransientError(Exception):
    """Worth another try; `wait` seconds from now if the server said so."""

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class PermanentError(Exception):
    """Not worth another try at this address."""


def download(url: str, part: Path, *, allowed: Allowed, timeout: float = TIMEOUT) -> None:
    """Fetch `url` into `part`, asking only for the rest if `part` holds the beginning of the same file.

    Beside it, `<part>.json` remembers the file's address, size and version. Raises TransientError, PermanentError, and
    OSError where the disk is full.
    """
    known, start = _beginning(url, part)
    if start and start == known.get("total"):
        return
    request = urllib.request.Request(url, headers=HEADERS)
    if start:
        request.add_header("Range", f"bytes={start}-")
        if known["version"]:
            request.add_header("If-Range", known["version"])
    try:
        response = open_url(request, allowed, timeout=timeout)
    except RefusedAddressError as error:
        raise PermanentError(str(error)) from None
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:  # the file there is shorter than what is here, so it is another one
                part.unlink()
                raise TransientError("the server has no such range; starting over", wait=0) from None
            raise _http_error(error) from None
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(f"no connection ({getattr(error, 'reason', error)})") from None
    with response:
        _receive(url, response, part, start=start, total_before=known.get("total"))


def _beginning(url: str, part: Path) -> tuple[dict[str, Any], int]:
    """What is known of the file whose beginning is in `part`, and how many bytes of it are there."""
    try:
        known = json.loads(_note(part).read_text())
        return (known, part.stat().st_size) if known["url"] == url else ({}, 0)
    except (OSError, ValueError):
        return {}, 0


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _http_error(error: urllib.error.HTTPError) -> Exception:
    if 300 <= error.code < 400:
        return PermanentError(f"HTTP {error.code}: more than {MOST_REDIRECTS} redirects, or one that leads nowhere")
    said = f"HTTP {error.code} {error.reason}"
    if error.code not in TRANSIENT:
        return PermanentError(said)
    after = error.headers.get("Retry-After", "")
    return TransientError(said, wait=float(after) if after.isdigit() else None)


def _receive(url: str, response: http.client.HTTPResponse, part: Path, *, start: int, total_before: int | None) -> None:
    headers = response.headers
    if response.status not in (200, 206) or headers.get_content_type() == "text/html":
        raise TransientError(
            f"the server sent {headers.get_content_type()} with status {response.status}, not the file"
        )
    total: int | None
    if response.status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
        if span is None or int(span[1]) != start or int(span[2]) != (total_before or int(span[2])):
            part.unlink()
            raise TransientError("the server sent another range than asked for; starting over", wait=0)
        total = int(span[2])
    else:
        start = 0  # the server ignored the range, or its file is another one by now
        length = headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
    etag = headers.get("ETag", "")
    version = etag if etag.startswith('"') else headers.get("Last-Modified")  # a weak ETag is no use for If-Range

    _note(part).write_text(json.dumps({"url": url, "version": version, "total": total}))
    progress = Progress("downloading", total, show=megabytes)
    done = start
    with part.open("ab" if start else "wb") as handle:
        while chunk := _read(response, done, total):
            handle.write(chunk)
            done += len(chunk)
            progress.update(done)
    progress.close()
    if total is not None and done < total:
        raise TransientError(f"the connection ended after {done:,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse, done: int, total: int | None) -> bytes:
    try:
        return response.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        of = f" of {total:,}" if total else ""
        raise TransientError(f"the connection broke after {done:,}{of} bytes ({error})") from None


def pause(attempt: int, wait: float | None, *, base: float) -> None:
    """Before another attempt: as long as the server asked for (at most two minutes), else base, 2 base, 4 base ..."""
    time.sleep(min(wait if wait is not None else base * 2**attempt, 120.0))
