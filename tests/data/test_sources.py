"""Every kind of source ends as one checked archive with its origin; a wrong one is one line."""

import gzip
import json
import sys
import types

import pytest

from crystalmatrix.config import DataConfig
from crystalmatrix.data.archive import read_entries
from crystalmatrix.data.releases import PINNED, find_release
from crystalmatrix.data.sources import fetch
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.files import sha256

from .entries import rock_salt, zipped
from .server import serving

ENTRIES = [rock_salt("JVASP-1", ehull=0.1), rock_salt("JVASP-2", a=5.8)]


def fetched(folder, source, **config):
    out = folder / "raw.json.zip"
    origin = fetch(DataConfig(source=str(source), **config), out)
    assert origin.sha256 == sha256(out)
    assert origin.bytes == out.stat().st_size
    return origin, list(read_entries(out))


def refused(folder, source, said, *, error=DataError, **config):
    out = folder / "out" / "raw.json.zip"
    with pytest.raises(error, match=said) as caught:
        fetch(DataConfig(source=str(source), **config), out)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_minerals_need_no_network_and_are_the_same_bytes_each_time(tmp_path):
    one, entries = fetched(tmp_path, "minerals")
    again, _ = fetched(tmp_path / "again", "minerals")
    assert (len(entries), one.n_entries, one.origin) == (503, 503, "jarvis-tools")
    assert one.sha256 == again.sha256


@pytest.mark.parametrize("name", ["data.json", "data.json.gz", "data.json.zip"])
def test_a_local_file_in_any_packing(tmp_path, name):
    text = json.dumps(ENTRIES).encode()
    content = {"json": text, "gz": gzip.compress(text), "zip": zipped(text)}[name.rsplit(".", 1)[1]]
    (tmp_path / name).write_bytes(content)
    origin, entries = fetched(tmp_path, tmp_path / name)
    assert entries == ENTRIES
    assert (origin.origin, origin.n_entries, origin.release) == (name, 2, None)


def test_a_url_and_its_mirrors(tmp_path):
    with serving(zipped(ENTRIES)) as mirror, serving(zipped(ENTRIES)) as server:
        origin, entries = fetched(tmp_path, server.url, mirrors=(mirror.url,))
        assert (len(mirror.requests), len(server.requests)) == (1, 0)
        assert (entries, origin.origin) == (ENTRIES, server.url)


def test_a_file_with_another_checksum_than_the_config_says(tmp_path):
    path = tmp_path / "data.json"
    path.write_text(json.dumps(ENTRIES))
    fetched(tmp_path, path, sha256=sha256(path))
    refused(tmp_path, path, r"data\.sha256", sha256="0" * 64)


@pytest.mark.parametrize("content", [b"", b"<html>", b'[{"jid": "JV', b"[]", b"id,value\n1,2\n"])
def test_a_file_that_is_no_data_set_leaves_nothing_behind(tmp_path, content):
    path = tmp_path / "data.json"
    path.write_bytes(content)
    refused(tmp_path, path, "data.json")
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_a_path_that_does_not_exist(tmp_path):
    refused(tmp_path, tmp_path / "nothing.json.zip", "not found")


def test_a_name_that_is_nothing_suggests_the_nearest_release(tmp_path):
    refused(tmp_path, "dft_3d_202", r"did you mean 'dft_3d_202\d'\? \(known: dft_3d, ", error=ConfigError)


def test_releases_resolve_through_jarvis_tools_to_the_pinned_files():
    for name, release in PINNED.items():
        assert find_release(name) == release
    moving = find_release("dft_3d")
    assert moving.file.startswith("jdft_3d-")
    assert moving.n_entries is None


def test_a_pinned_name_that_came_to_mean_another_file_is_refused(monkeypatch):
    table = {"dft_3d_2021": ["https://example.org/1", "jdft_3d-1-1-2031.json"]}
    monkeypatch.setitem(sys.modules, "jarvis.db.figshare", types.SimpleNamespace(get_db_info=lambda: table))
    with pytest.raises(DataError, match=r"jdft_3d-1-1-2031\.json .* expected jdft_3d-8-18-2021\.json"):
        find_release("dft_3d_2021")
