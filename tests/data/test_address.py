"""Where a download goes and where not: TLS, redirects, private addresses; a server of this machine tempts it."""

import http.client
import socket
from pathlib import Path

import pytest

from crystalmatrix.config import DataConfig
from crystalmatrix.data import sources
from crystalmatrix.data.address import MOST_REDIRECTS, Allowed, RefusedAddressError, _check_public
from crystalmatrix.data.download import Remote
from crystalmatrix.data.http import PermanentError, TransientError, download
from crystalmatrix.data.releases import PINNED

from .server import Server, serving, status

CONTENT = b"crystals"
HOST = "data.example.org"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def named(*hosts: str, pinned: bool = False) -> Allowed:
    return Allowed(frozenset(hosts), pinned=pinned)


def refusal(url: str, folder: Path, allowed: Allowed) -> str:
    with pytest.raises(PermanentError) as caught:
        download(url, folder / "part", allowed=allowed, timeout=5)
    assert not (folder / "part").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """A name server with these answers; the addresses that are connected to then, each of which refuses."""
    asked: list[str] = []

    def answers(host: str, port: int, *_: object, **__: object) -> list[tuple]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    def connects(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        asked.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    monkeypatch.setattr(socket, "create_connection", connects)
    return asked


@pytest.mark.parametrize("scheme", ["file", "ftp", "data", "HTTP+x"])
def test_other_schemes_are_refused(scheme: str, tmp_path: Path) -> None:
    assert "expected an address with https://" in refusal(f"{scheme}://{HOST}/a", tmp_path, named(HOST))


def test_without_tls_nothing_is_asked_of_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unless the user names the host and the file's sha256."""
    asked = resolves_to(monkeypatch, "93.184.215.14")
    said = refusal(f"http://{HOST}/a", tmp_path, named(HOST))
    assert said == f"http://{HOST} is not encrypted, expected https://; or set data.sha256, which proves the file"
    assert "data.sha256" not in refusal(f"http://{HOST}/a", tmp_path, named(pinned=True))
    assert asked == []
    with pytest.raises(TransientError):  # the control: the only thing in its way is that nobody answers there
        download(f"http://{HOST}/a", tmp_path / "part", allowed=named(HOST, pinned=True))
    assert asked == [HOST]


def redirected(target: str, folder: Path, allowed: Allowed) -> tuple[str, Server]:
    with serving(CONTENT, status(302, Location=target)) as server:
        return refusal(server.url, folder, allowed), server


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("http://other.example.org/a", "http://other.example.org is not encrypted"),
        ("http://localhost/a", "http://localhost is not encrypted"),
        ("file:///etc/hostname", ""),
        ("https://10.0.0.1/a", "10.0.0.1 is 10.0.0.1, a private address"),
        ("https://169.254.169.254/a", "a private address"),
        ("https://[::1]/a", "a private address"),
        ("https://[::ffff:127.0.0.1]/a", "a private address"),
        ("https://[1/a", "no address"),
    ],
)
def test_a_redirect_to_where_no_download_goes_is_refused(target: str, said: str, tmp_path: Path) -> None:
    found, server = redirected(target, tmp_path, named("127.0.0.1"))
    assert said in found
    assert len(server.requests) == 1


def test_redirects_that_are_good_are_followed_so_many_times(tmp_path: Path) -> None:
    def to(k: int):  # type: ignore[no-untyped-def]
        return status(302, Location=f"/{k}")

    with serving(CONTENT, *map(to, range(MOST_REDIRECTS))) as server:
        download(server.url, tmp_path / "good", allowed=named("127.0.0.1"))
    assert (tmp_path / "good").read_bytes() == CONTENT
    with serving(CONTENT, *map(to, range(MOST_REDIRECTS + 1))) as server:
        said = refusal(server.url, tmp_path, named("127.0.0.1"))
    assert said == f"HTTP 302: more than {MOST_REDIRECTS} redirects, or one that leads nowhere"


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("93.184.215.14", "127.0.0.1"), ("fd00::1",), ("100.64.0.1",)])
def test_a_name_that_leads_to_a_private_address_is_refused(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = resolves_to(monkeypatch, *addresses)
    assert f"{HOST} is {addresses[-1]}, a private address" in refusal(f"https://{HOST}/a", tmp_path, named())
    assert asked == []


def test_a_host_that_the_user_names_may_be_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The control."""
    asked = resolves_to(monkeypatch, "10.0.0.1")
    with pytest.raises(TransientError):
        download(f"https://{HOST}/a", tmp_path / "part", allowed=named(HOST))
    assert asked == [HOST]


def test_what_is_connected_to_is_what_was_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not the name, which a name server may answer otherwise the second time."""
    asked = resolves_to(monkeypatch, "93.184.215.14", "93.184.215.15")
    with pytest.raises(TransientError):
        download(f"https://{HOST}/a", tmp_path / "part", allowed=named())
    assert asked == ["93.184.215.14", "93.184.215.15"]


def test_a_proxy_may_be_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is the user's; what it may not be asked for is an address that is private by itself."""
    asked = resolves_to(monkeypatch, "10.0.0.1")
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    with pytest.raises(TransientError):
        download(f"https://{HOST}/a", tmp_path / "part", allowed=named())
    assert asked == ["proxy.example.org"]
    assert "a private address" in refusal("https://10.0.0.1/a", tmp_path, named())


@pytest.mark.parametrize("ip", ["0.0.0.0", "192.168.1.1", "172.16.0.1", "224.0.0.1", "::", "fe80::1%eth0", "240.0.0.1"])
def test_addresses_that_are_not_public(ip: str) -> None:
    with pytest.raises(RefusedAddressError, match="a private address"):
        _check_public(ip, HOST)
    _check_public("93.184.215.14", HOST)


def test_a_release_is_not_the_users_word_for_its_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Remote] = []
    monkeypatch.setattr(sources, "fetch_remote", lambda remote, out: seen.append(remote) or out.write_bytes(b"x"))
    mirrors = ("https://mirror.example.org/a", "https://[broken")
    for source in ("dft_3d_2021", "https://own.example.org/a.zip"):
        sources.fetch(DataConfig(source=source, mirrors=mirrors), tmp_path / "raw.json.zip")
    release, own = seen
    assert release.link == PINNED["dft_3d_2021"].url
    assert release.allowed == named("mirror.example.org")
    assert own.allowed == named("mirror.example.org", "own.example.org")


def test_encrypted_connections_are_verified() -> None:
    """By the context that Python makes where none is given: the certificate and its name."""
    connection = http.client.HTTPSConnection(HOST)
    assert connection._context.check_hostname
    assert connection._context.verify_mode.name == "CERT_REQUIRED"
