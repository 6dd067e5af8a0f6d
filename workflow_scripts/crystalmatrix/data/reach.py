"""Which of several addresses answer at all, before anything is asked of them: a machine without a network says so soon.

In: URLs.  Out: for each that cannot be reached, why.
"""

import socket
import threading
from collections.abc import Iterable
from time import monotonic
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

PATIENCE = (
    4.0  # s for all addresses together: name, route and handshake; a resolver without a network may take a minute
)
PORTS = {"http": 80, "https": 443}


def unreachable(urls: Iterable[str], *, patience: float = PATIENCE) -> dict[str, str]:
    """URL: why nothing answers there; addresses that answer are left out.

    Where a proxy is set (http_proxy, https_proxy, no_proxy), it is the proxy that must answer. All are tried at once,
    each in a thread of its own that nobody waits for once `patience` seconds are over: a name lookup has no time limit.
    """
    found: dict[str, str | None] = {}
    tries = {
        url: threading.Thread(target=_try, args=(url, found, patience), daemon=True) for url in dict.fromkeys(urls)
    }
    end = monotonic() + patience
    for thread in tries.values():
        thread.start()
    for thread in tries.values():
        thread.join(max(0.0, end - monotonic()))
    answers = dict(found)  # what a late thread still finds out does not count
    reasons = {url: answers.get(url, f"no answer within {patience:g} s") for url in tries}
    return {url: reason for url, reason in reasons.items() if reason is not None}


def _try(url: str, found: dict[str, str | None], patience: float) -> None:
    """Enter None into `found` if something answers where the request will go, else why not."""
    host = url
    try:
        host, port = _endpoint(url)
        socket.create_connection((host, port), timeout=patience).close()
        found[url] = None
    except socket.gaierror:
        found[url] = f"no address is known for {host}"
    except TimeoutError:
        found[url] = f"{host} does not answer"
    except ConnectionRefusedError:
        found[url] = f"{host} refuses connections on port {port}"
    except (OSError, ValueError):
        found[url] = f"no way to {host}"


def _endpoint(url: str) -> tuple[str, int]:
    """The host and port that a request for `url` connects to, which a proxy may change. ValueError for none."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and parts.hostname and not proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if not parts.hostname:
        raise ValueError
    return parts.hostname, parts.port or PORTS.get(parts.scheme, 80)
