"""One crystal in every encoding and packing; binary data and damaged archives are one line."""

import bz2
import gzip
import io
import json
import zipfile

import pytest

from crystalmatrix.crystals.text import number, read_text

from .reading import crystal, error, formula

POSCAR = "{remark}\n1\n0 3 3\n3 0 3\n3 3 0\nCd Te\n1 1\nDirect\n0 0 0\n.25 .25 .25\n"
XYZ = '2\nLattice="0 3 3 3 0 3 3 3 0" remark="{remark}"\nCd 0 0 0\nTe 1.5 1.5 1.5\n'
JSON = json.dumps(
    {
        "remark": "{remark}",
        "lattice_mat": [[0, 3, 3], [3, 0, 3], [3, 3, 0]],
        "coords": [[0, 0, 0], [0.25, 0.25, 0.25]],
        "elements": ["Cd", "Te"],
        "cartesian": False,
    },
    indent=1,
).replace("{remark}", "REMARK")
FILES = {"POSCAR": POSCAR.replace("{remark}", "REMARK"), "a.xyz": XYZ.replace("{remark}", "REMARK"), "a.json": JSON}
ENCODINGS = ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_encoding_and_end_of_line(tmp_path, name, encoding, ending):
    text = FILES[name].replace("REMARK", "für 5 Å").replace("\n", ending)
    assert formula(crystal(tmp_path / name, text.encode(encoding))) == "CdTe"


@pytest.mark.parametrize("name", FILES)
def test_a_letter_of_latin1_beyond_the_first_thousands_of_bytes(tmp_path, name):
    text = FILES[name].replace("REMARK", "x" * 20_000 + "ü")
    assert formula(crystal(tmp_path / name, text.encode("latin-1"))) == "CdTe"


def packed_zip(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)  # of no date: the tests' names hold it
    return buffer.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_every_packing_under_any_name(tmp_path, name):
    text = FILES[name]
    for given in (name, f"{name}.gz", f"{name}.zip", "unknown"):
        assert formula(crystal(tmp_path / given, gzip.compress(text.encode(), mtime=0))) == "CdTe"
        assert formula(crystal(tmp_path / given, packed_zip(**{name: text, "readme.txt": "x"}))) == "CdTe"


TWO = packed_zip(**FILES)
ENCRYPTED = bytearray(packed_zip(POSCAR=FILES["POSCAR"]))
ENCRYPTED[6] |= 1
ENCRYPTED[ENCRYPTED.index(b"PK\x01\x02") + 8] |= 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no structure: an empty file"),
        (b" \r\n\t", "no structure: an empty file"),
        (b"\xff\xfe", "no structure: an empty file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "unreadable: binary data, expected text"),
        (bytes(1000), "unreadable: binary data, expected text"),
        (FILES["POSCAR"].encode() + b" " * 9000 + b"\0", "unreadable: binary data, expected text"),
        (gzip.compress(FILES["POSCAR"].encode(), mtime=0)[:-9], "unreadable: corrupt or cut short"),
        (gzip.compress(FILES["POSCAR"].encode(), mtime=0)[:30] + b"x" * 40, "unreadable: corrupt or cut short"),
        (packed_zip(POSCAR=FILES["POSCAR"])[:60], "unreadable: corrupt or cut short"),
        (bytes(ENCRYPTED), "unreadable: POSCAR in the archive is encrypted"),
        (TWO, "unreadable: found POSCAR, a.xyz, a.json in the archive, expected exactly one structure file"),
        (packed_zip(), "unreadable: found nothing in the archive"),
    ],
)
def test_what_is_no_text_is_one_line(tmp_path, content, said):
    assert error(tmp_path / "POSCAR", content).startswith(said)


def test_a_packing_that_is_not_undone_is_no_crystal(tmp_path):
    assert error(tmp_path / "POSCAR", bz2.compress(FILES["POSCAR"].encode()))


def test_a_file_that_cannot_be_opened(tmp_path):
    assert error(tmp_path / "nothing") == "unreadable: not found"
    (tmp_path / "POSCAR").mkdir()
    assert error(tmp_path / "POSCAR").startswith("unreadable: the system does not let it be read")


def test_lines_end_at_line_feeds_alone(tmp_path):
    (tmp_path / "a").write_bytes("a\x0bb\x85c\u2028d\r\ne\rf\n".encode())
    assert read_text(tmp_path / "a").split("\n") == ["a\x0bb\x85c\u2028d", "e", "f", ""]


@pytest.mark.parametrize(
    ("token", "value"), [("1", 1), ("-.5", -0.5), ("3.0D0", 3), ("2d-1", 0.2), ("1E2", 100), ("1.", 1)]
)
def test_numbers(token, value):
    assert number(token) == value


@pytest.mark.parametrize("token", ["", "1_0", "1,5", "x", "1e", "--1", "0x10", "1(2)", "d"])
def test_what_is_no_number(token):
    with pytest.raises(ValueError):  # noqa: PT011  # float's own, without a word of ours
        number(token)
