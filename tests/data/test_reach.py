"""Without a network, or with one that swallows everything, a download ends within 5 s and says which file to bring."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.download import Remote, fetch_remote
from crystalmatrix.data.reach import unreachable
from crystalmatrix.errors import DataError

from .server import serving
from .test_download import CONTENT, ENTRIES

ADDRESSES = ("https://mirror.invalid/data.json.zip", "https://data.invalid/data.json.zip")
LIMIT = 5.0  # s


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)


@pytest.fixture
def slow_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Asks a name server that never answers, as on a machine whose network lost its way out."""
    over = threading.Event()

    def waits(*_: object, **__: object) -> None:
        over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", waits)
    yield
    over.set()


def refusing() -> str:
    """An address of this machine where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/data.json.zip"


def complaint(folder: Path, urls: tuple[str, ...]) -> str:
    began = time.monotonic()
    with pytest.raises(DataError) as caught:
        fetch_remote(Remote(urls, "data.json.zip"), folder / "raw.json.zip")
    assert time.monotonic() - began < LIMIT
    text = str(caught.value)
    assert "\n" not in text
    for part in ("is there no network", f"Download {urls[-1]} by hand", "name it data.json.zip", f"into {folder}/"):
        assert part in text
    return text


def test_where_no_name_resolves_the_end_comes_soon(no_resolver: None, tmp_path: Path) -> None:
    text = complaint(tmp_path, ADDRESSES)
    for host in ("mirror.invalid", "data.invalid"):
        assert f"no address is known for {host}" in text


def test_a_resolver_that_hangs_is_not_waited_for(slow_resolver: None, tmp_path: Path) -> None:
    assert "no answer within 4 s" in complaint(tmp_path, ADDRESSES)


def test_a_server_that_refuses_is_not_asked_again_for_a_minute(tmp_path: Path) -> None:
    assert "127.0.0.1 refuses connections on port" in complaint(tmp_path, (refusing(),))


def test_a_proxy_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("https_proxy", refusing().removesuffix("/data.json.zip"))
    assert "127.0.0.1 refuses connections on port" in complaint(tmp_path, ADDRESSES)


def test_the_file_brought_by_hand_is_taken_without_a_network(no_resolver: None, tmp_path: Path) -> None:
    (tmp_path / "data.json.zip").write_bytes(CONTENT)
    assert fetch_remote(Remote(ADDRESSES, "data.json.zip"), tmp_path / "raw.json.zip") == len(ENTRIES)


def test_one_address_that_answers_is_enough(tmp_path: Path) -> None:
    """The control: what answers is not called unreachable, and serves."""
    with serving(CONTENT) as server:
        dead = refusing()
        assert unreachable([dead, server.url]).keys() == {dead}
        fetch_remote(Remote((dead, server.url), "data.json.zip"), tmp_path / "raw.json.zip")
    assert list(read_entries(tmp_path / "raw.json.zip")) == ENTRIES


@pytest.mark.parametrize("url", ["http://127.0.0.1:port/data.zip", f"http://{'a' * 64}.invalid/data.zip"])
def test_an_address_that_is_none_is_a_sentence(url: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"could not fetch"):
        fetch_remote(Remote((url,), "data.json.zip"), tmp_path / "raw.json.zip")
