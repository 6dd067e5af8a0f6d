"""Every way a download can go wrong, against a real server that goes wrong in that way."""

import os
import threading
import time
from pathlib import Path

import pytest

from crystalmatrix import files
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.download import Remote, fetch_remote
from crystalmatrix.errors import DataError, DiskError
from crystalmatrix.files import read_json

from .entries import rock_salt, zipped
from .server import cut_after, ignores_range, page, sends, serving, stalls, status, well

ENTRIES = [rock_salt(f"JVASP-{i}", a=5 + i / 1000) for i in range(500)]
CONTENT = zipped(ENTRIES)
LEFT = {"raw.json.zip", "checksums.json", ".raw.json.zip.lock"}


def fetched(server, folder: Path, *, mirrors: tuple[str, ...] = (), timeout: float = 60, **known) -> int:
    remote = Remote((*mirrors, server.url), "data.json.zip", **known)
    return fetch_remote(remote, folder / "raw.json.zip", timeout=timeout, wait=0.01)


def assert_whole(folder: Path) -> None:
    assert list(read_entries(folder / "raw.json.zip")) == ENTRIES
    assert {path.name for path in folder.iterdir()} == LEFT


def test_a_good_server_needs_one_request(tmp_path):
    with serving(CONTENT) as server:
        assert fetched(server, tmp_path) == 500
        assert len(server.requests) == 1
    assert_whole(tmp_path)


def test_a_cut_connection_is_resumed_where_it_broke(tmp_path):
    with serving(CONTENT, cut_after(1000), cut_after(2000), well) as server:
        fetched(server, tmp_path)
        assert [request.get("Range") for request in server.requests] == [None, "bytes=1000-", "bytes=3000-"]
        assert server.requests[1]["If-Range"] == '"v1"'
    assert_whole(tmp_path)


def test_a_server_that_ignores_the_range_starts_over(tmp_path):
    with serving(CONTENT, cut_after(1000), ignores_range) as server:
        fetched(server, tmp_path)
        assert len(server.requests) == 2
    assert_whole(tmp_path)


def test_a_file_that_changed_meanwhile_is_not_stitched_to_the_old_one(tmp_path):
    other = zipped([rock_salt("JVASP-1", a=4.0)])
    with serving(other, cut_after(100), *[cut_after(0)] * 5) as server, pytest.raises(DataError, match="100 of"):
        fetched(server, tmp_path)
    part = tmp_path / ".data.json.zip.part"
    note = tmp_path / ".data.json.zip.part.json"
    with serving(CONTENT) as server:
        note.write_text(note.read_text().replace("v1", "v0").replace(read_json(note)["url"], server.url))
        assert part.stat().st_size == 100
        fetched(server, tmp_path)
        assert server.requests[0]["If-Range"] == '"v0"'
    assert_whole(tmp_path)


def test_a_partial_file_survives_to_the_next_run(tmp_path):
    with serving(CONTENT, cut_after(1000), *[cut_after(0)] * 5) as server:
        with pytest.raises(DataError, match=r"1,000 of .* bytes"):
            fetched(server, tmp_path)
        assert not (tmp_path / "raw.json.zip").exists()
        server.requests.clear()
        fetched(server, tmp_path)
        assert server.requests[0]["Range"] == "bytes=1000-"
    assert_whole(tmp_path)


@pytest.mark.parametrize("code", [403, 429, 500, 503])
def test_a_busy_server_is_asked_again(tmp_path, code):
    with serving(CONTENT, status(code), status(code)) as server:
        fetched(server, tmp_path)
        assert len(server.requests) == 3
    assert_whole(tmp_path)


def test_retry_after_is_obeyed(tmp_path):
    with serving(CONTENT, status(429, Retry_After=1)) as server:
        began = time.monotonic()
        fetched(server, tmp_path)
        assert time.monotonic() - began >= 1


def test_a_silent_server_is_given_up_on(tmp_path):
    release = threading.Event()
    with serving(CONTENT, stalls(release)) as server:
        fetched(server, tmp_path, timeout=1)
        release.set()
        assert len(server.requests) >= 2
    assert_whole(tmp_path)


@pytest.mark.parametrize("kind", ["text/html", "application/zip"])
def test_a_web_page_with_status_200_is_not_a_data_set(tmp_path, kind):
    with serving(CONTENT, page(kind)) as server:
        fetched(server, tmp_path)
    assert_whole(tmp_path)
    for name in ("raw.json.zip", "checksums.json"):
        (tmp_path / name).unlink()
    with serving(CONTENT, *[page(kind)] * 5) as server, pytest.raises(DataError, match=r"web page|text/html"):
        fetched(server, tmp_path)
    assert not (tmp_path / "raw.json.zip").exists()


def flip_a_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "content",
    [CONTENT[: len(CONTENT) // 2], flip_a_byte(CONTENT), b"", zipped(b'[{"jid": "JVASP-1"}, {"jid"'), zipped(b"{}")],
    ids=["short archive", "flipped byte", "empty", "short JSON", "no list"],
)
def test_a_damaged_file_is_fetched_once_more_then_refused(tmp_path, content):
    with serving(CONTENT, sends(content)) as server:
        fetched(server, tmp_path)
        assert len(server.requests) == 2
    assert_whole(tmp_path)
    (tmp_path / "raw.json.zip").unlink()
    with serving(content) as server, pytest.raises(DataError):
        fetched(server, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == LEFT - {"raw.json.zip"}


def test_mirrors_are_tried_in_order_and_the_official_link_last(tmp_path):
    with serving(CONTENT, status(404)) as mirror, serving(CONTENT) as server:
        fetched(server, tmp_path, mirrors=("http://127.0.0.1:9/closed.zip", mirror.url))
        assert len(mirror.requests) == len(server.requests) == 1
    assert_whole(tmp_path)


def test_when_all_fails_one_line_says_what_to_do_by_hand(tmp_path):
    with serving(CONTENT, *[status(404)] * 2) as server:
        with pytest.raises(DataError) as caught:
            fetched(server, tmp_path)
        text = str(caught.value)
        assert "\n" not in text
        for part in ("HTTP 404", f"Download {server.url} by hand", "name it data.json.zip", f"put it into {tmp_path}/"):
            assert part in text
        (tmp_path / "data.json.zip").write_bytes(CONTENT)
        server.requests.clear()
        assert fetched(server, tmp_path) == 500
        assert server.requests == []


def test_size_and_checksum_are_recorded_on_first_use_and_enforced_afterwards(tmp_path):
    with serving(CONTENT) as server:
        fetched(server, tmp_path)
        record = read_json(tmp_path / "checksums.json")[server.url]
        assert (record["bytes"], record["n_entries"]) == (len(CONTENT), 500)
        (tmp_path / "raw.json.zip").unlink()
        server.content = zipped(ENTRIES[:400])
        with pytest.raises(DataError, match="expected " + record["sha256"]):
            fetched(server, tmp_path)
    assert not (tmp_path / "raw.json.zip").exists()


def test_a_checksum_from_the_config_is_enforced(tmp_path):
    with serving(CONTENT) as server, pytest.raises(DataError, match=r"data\.sha256"):
        fetched(server, tmp_path, sha256="0" * 64)


def test_a_release_with_another_number_of_entries_is_refused(tmp_path):
    with serving(CONTENT) as server, pytest.raises(DataError, match="found 500 entries, expected 55,723"):
        fetched(server, tmp_path, n_entries=55_723)


def test_a_full_disk_is_one_line_and_keeps_no_half_file(tmp_path, monkeypatch):
    (tmp_path / ".data.json.zip.part").symlink_to("/dev/full")
    with serving(CONTENT) as server, pytest.raises(DiskError, match="No space left"):
        fetched(server, tmp_path)
    (tmp_path / ".data.json.zip.part").unlink()
    monkeypatch.setattr(files.secrets, "token_hex", lambda n: "0")
    (tmp_path / f".raw.json.zip.{os.getpid()}-0.part").symlink_to("/dev/full")
    with serving(CONTENT) as server, pytest.raises(DiskError, match="No space left"):
        fetched(server, tmp_path)
    assert not (tmp_path / "raw.json.zip").exists()


def test_two_runs_at_once_download_once(tmp_path):
    counts: list[int] = []
    slow = threading.Event()
    with serving(CONTENT, stalls(slow)) as server:
        runs = [threading.Thread(target=lambda: counts.append(fetched(server, tmp_path))) for _ in range(2)]
        for run in runs:
            run.start()
        time.sleep(0.2)
        slow.set()
        for run in runs:
            run.join()
        assert len(server.requests) == 1
    assert counts == [500, 500]
    assert_whole(tmp_path)


def test_other_schemes_than_http_are_refused(tmp_path):
    with pytest.raises(DataError, match="http"):
        fetch_remote(Remote(("file:///etc/hostname",), "x.json"), tmp_path / "raw.json.zip", wait=0)
