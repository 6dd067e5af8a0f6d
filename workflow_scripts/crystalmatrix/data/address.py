"""Where a download may go, whatever a server's redirect or a name server's answer says.

In: a request, and the hosts that the user named.  Out: the response; RefusedAddressError, before a byte is sent there.

A host that the configuration names is the user's choice and may lie in a private network. Any other one (a release's
own, or where a redirect leads) must have a public address, which is looked up once and connected to as it was checked.
Without TLS only named hosts are asked, and only for a file whose sha256 the configuration knows, or on this machine.
"""

import http.client
import ipaddress
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

MOST_REDIRECTS = 5
_Create = Callable[..., socket.socket]


class RefusedAddressError(Exception):
    """An address that no download goes to."""


@dataclass(frozen=True)
class Allowed:
    """What the user has said of addresses."""

    hosts: frozenset[str]  # named by the configuration
    pinned: bool  # the sha256 of the file is given, so that nobody on the way can change it

    def check(self, url: str) -> None:
        """Raise RefusedAddressError, unless a request may go there as far as the URL alone tells."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https"):
            raise RefusedAddressError(f"found {parts.scheme or 'no scheme'}, expected an address with https://")
        named = host in self.hosts
        if parts.scheme == "http" and not (named and (self.pinned or _is_this_machine(host))):
            remedy = "; or set data.sha256, which proves the file" if named else ""
            raise RefusedAddressError(f"http://{host} is not encrypted, expected https://{remedy}")
        if not named and _is_literal(host):
            _check_public(host, host)


def open_url(request: urllib.request.Request, allowed: Allowed, *, timeout: float) -> Any:
    """As urllib's `urlopen`, with at most MOST_REDIRECTS redirects. Through a proxy, it is the proxy that looks names
    up. Raises RefusedAddressError, and what `urlopen` raises."""
    allowed.check(request.full_url)
    opener = urllib.request.build_opener(_Redirects(allowed), _Plain(allowed), _Encrypted(allowed))
    return opener.open(request, timeout=timeout)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MOST_REDIRECTS

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        try:
            self._allowed.check(newurl)
        except RefusedAddressError as error:
            raise RefusedAddressError(f"redirected to {newurl:.200}: {error}") from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except RefusedAddressError:
            fp.close()
            raise
        except ValueError as error:
            fp.close()
            raise RefusedAddressError(f"redirected to no address ({error})") from None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, allowed: Allowed) -> None:
        super().__init__()
        self._allowed = allowed

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connecting(http.client.HTTPConnection, req, self._allowed), req)


class _Encrypted(urllib.request.HTTPSHandler):
    def __init__(self, allowed: Allowed) -> None:
        super().__init__()
        self._allowed = allowed

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connecting(http.client.HTTPSConnection, req, self._allowed), req)


def _connecting(kind: Callable[..., Any], request: urllib.request.Request, allowed: Allowed) -> Any:
    """Makes the connection of a request, to public addresses only where it goes straight to a host nobody named."""
    parts = urlsplit(request.full_url)
    by_proxy = request.host != parts.netloc
    if by_proxy or parts.hostname in allowed.hosts:
        return kind

    def connection(host: str, **options: Any) -> Any:
        made = kind(host, **options)
        made._create_connection = partial(_connect_to_public, made._create_connection)
        return made

    return connection


def _connect_to_public(create: _Create, address: tuple[str, int], *rest: Any) -> socket.socket:
    """A socket to the host. All of its addresses must be public: whichever is tried, it is one that was looked at."""
    host, port = address
    found = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for ip in found:
        _check_public(str(ip), host)
    error: OSError = OSError(f"no address is known for {host}")
    for ip in found:
        try:
            return create((str(ip), port), *rest)
        except OSError as failed:
            error = failed
    raise error


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or (_is_literal(host) and ipaddress.ip_address(host).is_loopback)


def _check_public(ip: str, host: str) -> None:
    address = ipaddress.ip_address(ip.partition("%")[0])
    if not address.is_global or address.is_multicast:
        raise RefusedAddressError(
            f"{host} is {ip}, a private address, expected a public one; name the address in data.source or "
            "data.mirrors if it is meant"
        )
