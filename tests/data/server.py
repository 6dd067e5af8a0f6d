"""A real HTTP server on this machine that misbehaves as told, one behaviour per request.

In: the file's content and a list of behaviours.  Out: an address; the requests that came.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler"], None]
ETAG = '"v1"'


class Handler(BaseHTTPRequestHandler):
    """Pops the next behaviour for each request; when none is left, serves the file as it should."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.requests.append(dict(self.headers))
        behaviour = self.server.script.pop(0) if self.server.script else well
        behaviour(self)

    def start(self, status: int, **headers: Any) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """`content` is the file; `script` the behaviours still to come; `requests` the headers received."""

    daemon_threads = True

    def __init__(self, content: bytes, script: list[Behaviour]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.script = content, script
        self.requests: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data.json.zip"


@contextmanager
def serving(content: bytes, *script: Behaviour) -> Iterator[Server]:
    server = Server(content, list(script))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _asked_from(handler: Handler) -> int:
    asked = handler.headers.get("Range", "")
    current = handler.headers.get("If-Range", ETAG) == ETAG
    return int(asked.removeprefix("bytes=").removesuffix("-")) if asked and current else 0


def well(handler: Handler) -> None:
    """As a good server: ranges, ETag, length."""
    cut_after(None)(handler)


def cut_after(n_bytes: int | None) -> Behaviour:
    """Promise the whole (or the rest), send `n_bytes` of it and hang up."""

    def behave(handler: Handler) -> None:
        content = handler.server.content
        start = _asked_from(handler)
        headers = {"Content_Length": len(content) - start, "ETag": ETAG}
        if start:
            handler.start(206, Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}", **headers)
        else:
            handler.start(200, **headers)
        handler.wfile.write(content[start:][:n_bytes])

    return behave


def ignores_range(handler: Handler) -> None:
    """200 and the whole file, whatever was asked for."""
    handler.start(200, Content_Length=len(handler.server.content))
    handler.wfile.write(handler.server.content)


def status(code: int, **headers: Any) -> Behaviour:
    """An error without a body."""
    return lambda handler: handler.start(code, Content_Length=0, **headers)


def page(content_type: str) -> Behaviour:
    """A web page with status 200."""
    body = b"<!DOCTYPE html><html><body>Please verify that you are human.</body></html>"

    def behave(handler: Handler) -> None:
        handler.start(200, Content_Length=len(body), Content_Type=content_type)
        handler.wfile.write(body)

    return behave


def sends(content: bytes) -> Behaviour:
    """Other content, complete by its own word."""

    def behave(handler: Handler) -> None:
        handler.start(200, Content_Length=len(content))
        handler.wfile.write(content)

    return behave


def stalls(event: threading.Event) -> Behaviour:
    """Send nothing until the event, then the file."""

    def behave(handler: Handler) -> None:
        event.wait(10)
        well(handler)

    return behave
