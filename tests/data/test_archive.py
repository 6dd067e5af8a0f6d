"""Streaming a JSON list gives what json.loads gives, in any packing; damage is one line."""

import gzip
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.crystals.json_entries import list_of
from crystalmatrix.data.archive import pack, read_entries, write_entries
from crystalmatrix.errors import DataError

from .entries import zipped

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=6)


@given(entries=ENTRIES, n_characters=st.integers(1, 40), ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_any_cut_of_the_stream_gives_the_same_entries(entries, n_characters, ascii_only, indent):
    content = json.dumps(entries, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    try:
        content.decode()
    except UnicodeDecodeError:
        return  # lone surrogates are no UTF-8
    stream = io.BytesIO(content)
    text = io.TextIOWrapper(stream, encoding="utf-8")
    assert list(list_of(iter(lambda: text.read(n_characters), ""))) == entries


@pytest.mark.parametrize("kind", ["json", "gz", "zip"])
def test_the_packing_is_told_by_the_content_not_the_name(tmp_path, kind):
    entries = [{"jid": "JVASP-1", "unit": "Å"}, {"jid": "JVASP-2"}]
    text = json.dumps(entries, ensure_ascii=False).encode()
    content = {"json": b"\xef\xbb\xbf " + text, "gz": gzip.compress(text), "zip": zipped(text)}[kind]
    path = tmp_path / "data.anything"
    path.write_bytes(content)
    assert list(read_entries(path)) == entries
    pack(path, tmp_path / "raw.json.zip")
    assert list(read_entries(tmp_path / "raw.json.zip")) == entries


def test_writing_the_same_entries_gives_the_same_bytes(tmp_path):
    one, other = tmp_path / "a" / "raw.json.zip", tmp_path / "b" / "raw.json.zip"
    assert write_entries(one, [{"jid": "x"}]) == write_entries(other, iter([{"jid": "x"}])) == 1
    assert one.read_bytes() == other.read_bytes()
    assert write_entries(one, []) == 0
    assert list(read_entries(one)) == []


def two_members() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("a.json", "[]")
        packed.writestr("b.json", "[]")
    return buffer.getvalue()


def stored(text: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("a.json", text)
    return buffer.getvalue()


LIST = b'[{"jid": "JVASP-1"}, {"jid": "JVASP-2"}]'
DAMAGED = {
    "empty": (b"", "empty"),
    "blank": (b" \n ", "empty"),
    "a page": (b"<!DOCTYPE html><html></html>", "web page"),
    "an object": (b'{"jid": "JVASP-1"}', "expected a JSON list"),
    "cut in an entry": (LIST[:-5], "cut short"),
    "cut between entries": (LIST[:20], "cut short"),
    "not closed": (LIST[:-1], "cut short"),
    "a missing comma": (LIST.replace(b",", b" "), "expected ',' or ']'"),
    "a trailing comma": (b'[{"a": 1},]', "expected another entry"),
    "two lists": (LIST + LIST, "after the end"),
    "bad syntax": (b'[{"jid": JVASP-1' + b" " * 40 + b"}]", "entry 1: not valid JSON"),
    "binary": (b"\x93NUMPY\xff\xfe\x00", "binary data, expected text"),
    "cut gzip": (gzip.compress(LIST)[:-10], "corrupt or cut short"),
    "cut zip": (zipped(LIST)[:-10], "corrupt or cut short"),
    "no JSON in the zip": (zipped(b"x", "readme.txt"), "found readme.txt in the archive"),
    "two JSONs in the zip": (two_members(), "expected exactly one structure file"),
    "wrong checksum": (stored(LIST).replace(b"JVASP-2", b"JVASP-3"), "corrupt or cut short"),
}


@pytest.mark.parametrize(("content", "said"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_is_one_line(tmp_path, content, said):
    path = tmp_path / "data.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        list(read_entries(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(DataError, match="not found"):
        list(read_entries(tmp_path / "data.json"))
