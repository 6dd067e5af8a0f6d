"""`crystalmatrix init`: from a table and structures to a configuration that Snakemake runs as it is."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import yaml

from crystalmatrix.config import load
from crystalmatrix.data.archive import read_entries

from ..training.cases import rock_salts
from ..workflow.running import ROOT, jobs, snakemake
from .conftest import Run

N = 30
SYMBOL = {3: "Li", 8: "O", 9: "F", 11: "Na", 12: "Mg", 16: "S", 17: "Cl", 19: "K", 20: "Ca", 35: "Br"}


@pytest.fixture
def own(run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Structures, and a table whose first column does not name them; gaps in meV."""
    monkeypatch.setattr("crystalmatrix.shipped.PROJECT", ROOT)
    monkeypatch.setattr("crystalmatrix.cli.configuration.PROJECT", ROOT)
    monkeypatch.setattr("crystalmatrix.cli.init.sys.stdin", StringIO())
    folder = Path("structures")
    folder.mkdir()
    lines = ["number,file,Eg [meV],E_form,remark"]
    for k, crystal in enumerate(rock_salts(N)):
        write_poscar(folder / f"c{k}.vasp", crystal)
        lines.append(f"{k},c{k}.vasp,{1000 + 10 * k},{-2 + 0.01 * k if k else ''},text {k}")
    Path("table.csv").write_text("\n".join(lines))
    return folder


def write_poscar(path: Path, crystal) -> None:
    rows = ["a test", "1.0", *(" ".join(map(str, vector)) for vector in crystal.lattice)]
    rows += [" ".join(SYMBOL[z] for z in crystal.species.tolist()), "1 1", "Direct"]
    path.write_text("\n".join([*rows, *(" ".join(map(str, place)) for place in crystal.fractional)]))


def test_columns_units_and_splits_are_found(run: Run, own: Path) -> None:
    ended = run("init", "mine", "--from", "table.csv", "--structures", own)
    assert ended.code == 0, ended.err
    assert "column 'Eg [meV]': band_gap in meV" in ended.out
    assert "column 'E_form': formation_energy in eV/atom (assumed" in ended.out
    entries = list(read_entries(Path("mine/data.json.zip")))
    gap = {entry["jid"]: float(entry["band_gap"]) for entry in entries}
    np.testing.assert_allclose([gap[f"c{k}"] for k in range(N)], [1 + 0.01 * k for k in range(N)])
    assert next(entry for entry in entries if entry["jid"] == "c0")["formation_energy"] == ""
    config = load(ROOT / "config.yaml", yaml.safe_load(Path("mine/config.yaml").read_text()))
    assert config.matrix.properties == ("band_gap", "formation_energy")
    assert config.data.splits == "grouped"  # ten elements: 30 rock salts repeat compositions
    keys = [line for line in Path("mine/config.yaml").read_text().splitlines() if line.startswith("  ")]
    assert all(" # " in line for line in keys)


def test_the_user_says_what_a_column_is(run: Run, own: Path) -> None:
    ended = run("init", "mine", "--from", "table.csv", "--structures", own, "--property", "E_form=ehull:meV/atom")
    assert ended.code == 0, ended.err
    entries = {entry["jid"]: entry for entry in read_entries(Path("mine/data.json.zip"))}
    assert float(entries["c1"]["ehull"]) == pytest.approx(-1.99e-3)
    assert "band_gap" not in entries["c1"]


def test_distinct_compositions_are_drawn_at_random(run: Run, own: Path) -> None:
    seen = set()
    for path, crystal in zip([own / f"c{k}.vasp" for k in range(N)], rock_salts(N), strict=True):
        if (pair := frozenset(crystal.species.tolist())) in seen:
            path.unlink()
        seen.add(pair)
    rows = Path("table.csv").read_text().splitlines()
    Path("table.csv").write_text(
        "\n".join(r for r in rows if ("," in r and (own / r.split(",")[1]).exists()) or "Eg" in r)
    )
    run("init", "mine", "--from", "table.csv", "--structures", own)
    assert yaml.safe_load(Path("mine/config.yaml").read_text())["data"]["splits"] == "random"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "none.csv"], "--from none.csv: not found"),
        (["--structures", "none"], "--structures none: not found"),
        (["--structures", "empty"], "empty: found no structure file"),
        (["--from", "other.csv"], "no column names the files of structures"),
        (["--from", "header.csv"], "found the names of columns and no row"),
        (["--from", "nothing.csv"], "no column has the name of a property"),
        (["--property", "Egg=band_gap"], "has no column 'Egg'"),
        (["--property", "E_form=bandgap"], "did you mean 'band_gap'?"),
        (["--property", "E_form=band_gap:mev"], "did you mean 'meV'?"),
        (["--property", "remark=band_gap"], "found 'text 0', expected numbers"),
        (["--property", "E_form"], "expected COLUMN=PROPERTY"),
    ],
)
def test_mistakes_are_one_line_and_make_nothing(run: Run, own: Path, arguments: list[str], said: str) -> None:
    Path("empty").mkdir()
    Path("other.csv").write_text("name,band_gap\nNaCl,5\n")
    Path("header.csv").write_text("file,band_gap\n")
    Path("nothing.csv").write_text("file,colour\nc0,red\nc1,blue\n")
    given = {"--from": "table.csv", "--structures": str(own)} | dict([arguments])
    ended = run("init", "mine", *(word for pair in given.items() for word in pair))
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert said in ended.err, ended.err
    assert not Path("mine").exists()


def test_nothing_is_written_over(run: Run, own: Path) -> None:
    Path("mine").mkdir()
    Path("mine/config.yaml").write_text("mine")
    ended = run("init", "mine", "--from", "table.csv", "--structures", own)
    assert ended.code == 2
    assert "exists already" in ended.err
    assert Path("mine/config.yaml").read_text() == "mine"


def test_a_place_that_cannot_be_written(run: Run, own: Path) -> None:
    Path("file").write_text("")
    ended = run("init", "file/mine", "--from", "table.csv", "--structures", own)
    assert ended.code == 2
    assert "cannot be made there" in ended.err


@pytest.mark.workflow
def test_the_configuration_runs_as_it_is(run: Run, own: Path, tmp_path: Path) -> None:
    """As the last line of `init` says; docs/tutorial.ipynb trains such a model (tests/workflow/test_tutorial.py)."""
    ended = run("init", "mine", "--from", "table.csv", "--structures", own)
    assert ended.out.splitlines()[-1].endswith("--directory mine --configfile mine/config.yaml --cores all")
    mine = tmp_path / "mine"
    config = ["--configfile", str(mine / "config.yaml"), "--cores", "2"]
    planned = snakemake(mine, "-n", *config)
    assert planned.returncode == 0, planned.stdout
    assert jobs(planned.stdout)["train"] == 3
