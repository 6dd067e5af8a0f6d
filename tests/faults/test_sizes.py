"""Things that are too large: packed, nested, counted or crowded. Each is one line, soon, in bounded memory."""

import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from crystalmatrix import config
from crystalmatrix.config import GraphConfig
from crystalmatrix.crystals import text
from crystalmatrix.crystals.crystal import MAX_ATOMS, Crystal, Failure, InvalidCrystalError, make_crystal
from crystalmatrix.crystals.files import read_file
from crystalmatrix.crystals.geometry import CrowdedError, pairs_below
from crystalmatrix.data.archive import read_entries
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.files import read_json
from crystalmatrix.graphs.build import from_crystals

from ..data.entries import rock_salt

ROOM = 3 << 30  # bytes of addresses, of which Python and its libraries take half
CELL = "1.0\n9 0 0\n0 9 0\n0 0 9\n"
LATTICE = 'Lattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3'


def said(path: Path) -> str:
    (item,) = read_file(path, "mine")
    assert isinstance(item, Failure)
    assert "\n" not in item.error
    assert "does not fit what it is said to be" not in item.error  # the last resort: a defect of a reader
    return item.error


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is refused may be small; the limits of every day are in test_a_bomb_in_little_memory."""
    monkeypatch.setattr(text, "_MOST_UNPACKED", 1 << 20)


@pytest.mark.parametrize("kind", ["gz", "zip"])
@pytest.mark.parametrize("name", ["a.json", "a.cif", "a.xyz", "POSCAR"])
@pytest.mark.usefixtures("small_limits")
def test_a_file_that_unpacks_to_a_thousandfold_is_refused(name: str, kind: str, tmp_path: Path) -> None:
    bomb = b"[" + b" " * (8 << 20)
    path = tmp_path / f"{name}.{kind}"
    if kind == "gz":
        path.write_bytes(gzip.compress(bomb))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, bomb)
    assert "it unpacks to more than 200 times its size; unpack it yourself" in said(path)
    if name == "a.json":
        with pytest.raises(DataError, match="unpacks to more than 200 times"):
            list(read_entries(path))


@pytest.mark.usefixtures("small_limits")
def test_what_packs_well_is_no_bomb(tmp_path: Path) -> None:
    """The control: a data set that is larger than the limit, and no more than 200 times its archive."""
    path = tmp_path / "a.json.gz"
    entries = [rock_salt(f"JVASP-{k}", a=5 + k / 1e4) for k in range(5_000)]
    path.write_bytes(gzip.compress(json.dumps(entries).encode()))
    assert len(list(read_entries(path))) == 5_000
    with gzip.open(path) as stream:
        assert len(stream.read()) > 1 << 20


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '[{"jid": "' + "x" * 5000),
        ("a.jsonl", '{"jid": 1}\n{"jid": "' + "x" * 5000),
        ("a.xyz", f"1\n{LATTICE}\nNa 0 0 0 " + "x" * 5000),
        ("a.cif", "data_x\n_cell_length_a " + "9" * 5000),
        ("POSCAR", "x\n" + CELL + "Na\n1\nDirect\n0 0 0\n" + "x" * 5000),
    ],
)
def test_a_piece_without_an_end_is_refused(
    name: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_text(content)
    monkeypatch.setattr(text, "MOST_TEXT", 2000)
    monkeypatch.setattr("crystalmatrix.crystals.files.MOST_TEXT", 2000)
    monkeypatch.setattr("crystalmatrix.crystals.files.HEAD", 1000)
    monkeypatch.setattr(text, "CHUNK", 1000)
    errors = [item.error for item in read_file(path, "mine") if isinstance(item, Failure)]
    assert "million characters in one piece; split the file" in errors[-1]


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"atoms":'])
def test_brackets_as_deep_as_you_like(opening: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(opening * 100_000)
    assert "nesting too large" in said(path) or "not valid JSON" in said(path)
    with pytest.raises(DataError):
        list(read_entries(path))
    with pytest.raises(DataError, match="not valid JSON"):
        read_json(path)


def test_a_configuration_that_is_nested_deep_or_no_text(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for content, reason in ((b"[" * 2_000, "nested too deep"), (b"a: \xff", "not valid YAML")):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=reason) as caught:
            config.load(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("POSCAR", "x\n" + CELL + "Na\n999999999\nDirect\n0 0 0\n"),
        ("a.xyz", f"999999999\n{LATTICE}\nNa 0 0 0\n"),
        ("b.xyz", "1\n" + LATTICE.replace("S:1", "S:999999") + "\nNa 0 0 0\n"),
        ("a.json", json.dumps({"positions": {"__ndarray__": [[999999999, 3], "float64", [0.0]]}, "numbers": [1]})),
    ],
)
def test_counts_of_what_is_not_there(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    said(tmp_path / name)


def test_more_atoms_than_a_graph_can_number() -> None:
    n = 1_000_000
    with pytest.raises(InvalidCrystalError, match=f"1,000,000 atoms, expected at most {MAX_ATOMS:,}"):
        make_crystal("a", numbers=np.ones(n), lattice=np.eye(3) * 900, coordinates=np.zeros((n, 3)), cartesian=False)


def test_atoms_in_one_place_cost_no_list_of_their_pairs() -> None:
    n = 6_000  # 36 million pairs
    with pytest.raises(InvalidCrystalError, match=r"atoms too close.*more than 10,000,000 pairs within 1.5 Å"):
        make_crystal("a", numbers=np.ones(n), lattice=np.eye(3) * 9, coordinates=np.zeros((n, 3)), cartesian=False)
    with pytest.raises(CrowdedError):
        pairs_below(1.0, np.eye(3) * 9, np.zeros((n, 3)))


@pytest.mark.parametrize("lattice", [np.eye(3) * 300, np.array([[300, 0, 0], [150, 300, 0], [0.3, 0, 0.7]])])
def test_pairs_in_an_empty_cell_are_those_of_the_usual_search(lattice: np.ndarray) -> None:
    """Another routine where a cell is large: its slow twin is all images of all atoms."""
    draw = np.random.default_rng(0)
    fractional = np.concatenate([draw.random((12, 3)), draw.random((12, 3)) * 0.01, [[0, 0, 0], [0.999, 0.999, 0.5]]])
    i, j, distance = pairs_below(1.0, lattice, fractional)
    expected = []
    for shift in np.stack(np.meshgrid(*[range(-2, 3)] * 3), -1).reshape(-1, 3):
        apart = np.linalg.norm((fractional[None] + shift - fractional[:, None]) @ lattice, axis=-1)
        expected += [(a, b, apart[a, b]) for a, b in np.argwhere(apart < 1.0) if apart[a, b] > 0]
    assert len(expected) == len(i) > 0
    np.testing.assert_allclose(sorted(distance), sorted(d for _, _, d in expected))
    assert sorted(zip(i, j, strict=True)) == sorted((a, b) for a, b, _ in expected)


def crystal(n: int, spacing: float) -> Crystal:
    """[n³ atoms] of a simple cubic lattice."""
    places = np.stack(np.meshgrid(*[np.arange(n) / n] * 3), -1).reshape(-1, 3)
    return Crystal("mine", np.full(n**3, 11, np.uint8), places, np.eye(3) * n * spacing)


def test_a_graph_of_a_billion_edges_is_refused_and_the_limit_can_be_raised() -> None:
    large, wide = crystal(40, 2.0), {"cutoff": 12.0, "three_body_cutoff": 12.0}
    with pytest.raises(DataError) as caught:
        from_crystals([large], settings=GraphConfig(**wide))
    assert "mine: 64,000 atoms with 905 neighbours each have about 2.6e+10 edges and angles, expected at most" in str(
        caught.value
    )
    small = crystal(3, 2.0)
    with pytest.raises(DataError, match=r"or raise graph\.max_angles"):
        from_crystals([small], settings=GraphConfig(max_angles=1000))
    assert from_crystals([small], settings=GraphConfig()).n_crystals == 1
    capped = GraphConfig(**wide, max_neighbours=13, max_angles=100_000_000)
    assert len(from_crystals([crystal(5, 2.0)], settings=capped).edge_vector) < 125 * 40


def test_the_limit_changes_no_graph() -> None:
    assert GraphConfig(max_angles=7).identity == GraphConfig().identity


BOMBS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
from pathlib import Path
from crystalmatrix.crystals.files import read_file
for path in sys.argv[2:]:
    print([item.error for item in read_file(Path(path), "mine")])
"""


def test_a_bomb_in_little_memory(tmp_path: Path) -> None:
    """2 GB of blanks in 2 MB, and a cell that is almost empty, within a limit of addresses."""
    bomb, empty = tmp_path / "a.json.gz", tmp_path / "POSCAR"
    bomb.write_bytes(gzip.compress(b"[") + gzip.compress(b" " * (64 << 20)) * 32)
    empty.write_text("x\n1.0\n1000 0 0\n0 1000 0\n0 0 1000\nNa\n2\nCartesian\n0 0 0\n0.1 0 0\n")
    output = subprocess.run(
        [sys.executable, "-c", BOMBS, str(ROOM), str(bomb), str(empty)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "characters in one piece" in output[0] or "unpacks to more than" in output[0]
    assert "atoms too close" in output[1]
