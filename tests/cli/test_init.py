"""`crystalmatrix init`: from a table and structures to a configuration that Snakemake runs as it is."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from crystalmatrix.cli.columns import UNITS, choose_columns
from crystalmatrix.cli.own_data import read_own_table
from crystalmatrix.cli.own_splits import choose_splits
from crystalmatrix.config import load
from crystalmatrix.contracts.columns import (
    FOLD,
    FORMULA,
    HAS_INVERSION,
    JID,
    POINT_GROUP,
    PROPERTY,
    SPACE_GROUP,
    SPLITS_VERSION,
    TEST,
    TRAIN,
    VAL,
)
from crystalmatrix.data.archive import read_entries
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.files import read_table
from crystalmatrix.properties import PROPERTIES

from ..training.cases import rock_salts
from ..workflow.running import ROOT, jobs, snakemake
from .conftest import Run

N = 30
SYMBOL = {3: "Li", 8: "O", 9: "F", 11: "Na", 12: "Mg", 16: "S", 17: "Cl", 19: "K", 20: "Ca", 35: "Br"}


@pytest.fixture
def own(run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Structures, and a table whose first column does not name them; gaps in meV."""
    monkeypatch.setattr("crystalmatrix.shipped.PROJECT", ROOT)
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


def test_labels_are_counted_and_files_without_a_row_named(run: Run, own: Path) -> None:
    rows = Path("table.csv").read_text().splitlines()
    Path("table.csv").write_text("\n".join(row for row in rows if not row.startswith(("7,", "9,"))))
    (own / "broken.cif").write_text("nothing\n")
    ended = run("init", "my set", "--from", "table.csv", "--structures", own)
    assert "column 'Eg [meV]': band_gap in meV, 28 labels\n" in ended.out
    assert "an option names a unit), 27 labels\n" in ended.out
    assert "not used, unless --property says what they hold: 'number', 'remark'\n" in ended.out
    assert "3 structures without a row in table.csv: broken, c7, c9\n" in ended.out
    assert "1 structure that cannot be read: broken\n" in ended.out
    assert ended.out.splitlines()[-1].endswith("--directory 'my set' --configfile 'my set/config.yaml' --cores all")
    config = load(ROOT / "config.yaml", yaml.safe_load(Path("my set/config.yaml").read_text()))
    assert config.data.max_drop_rate == 0.04  # 1 of 31


def test_a_unit_that_is_not_given_is_asked_for(own: Path) -> None:
    questions = []

    def ask(question: str) -> str:
        questions.append(question)
        return "meV/atom"

    table = read_own_table(Path("table.csv"))
    gap, energy = choose_columns(table, "file", [], ask=ask)
    assert (gap.unit, energy.unit) == ("meV", "meV/atom")
    assert questions == [f"column 'E_form' is formation_energy; its unit ({', '.join(UNITS['eV/atom'])}) [eV/atom]: "]
    assert [column.unit for column in choose_columns(table, "file", [], ask=lambda question: "")] == ["meV", "eV/atom"]
    with pytest.raises(ConfigError, match="unknown unit 'J'"):
        choose_columns(table, "file", [], ask=lambda question: "J")


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
        (["--from", "few.csv"], "band_gap: found 2 labels of readable structures, expected at least 10"),
        (["--from", "unit.csv"], "column 'Kv (GPa)': found '5 GPa', expected numbers or empty fields"),
        (["--from", "typo.csv"], "'c29x.vasp' is no structure file in structures; did you mean 'c29.vasp'?"),
        (["--from", "unnamed.csv"], "expected --property 'odd name (eV)=band_gap'"),
        (["--from", "book.xlsx"], "book.xlsx: a spreadsheet, expected a .csv table; save it as .csv"),
    ],
)
def test_mistakes_are_one_line_and_make_nothing(run: Run, own: Path, arguments: list[str], said: str) -> None:
    Path("empty").mkdir()
    Path("other.csv").write_text("name,band_gap\nNaCl,5\n")
    Path("header.csv").write_text("file,band_gap\n")
    Path("nothing.csv").write_text("file,colour\nc0,red\nc1,blue\n")
    Path("few.csv").write_text("file,band_gap\nc0,1\nc1,2\n")
    Path("unit.csv").write_text("file,gap,Kv (GPa)\n" + "".join(f"c{k},{k},{k}\n" for k in range(20)) + "c20,1,5 GPa\n")
    Path("typo.csv").write_text("file,gap\nc0.vasp,1\nc29x.vasp,2\n")
    Path("unnamed.csv").write_text("file,odd name (eV)\nc0,1\nc1,2\n")
    Path("book.xlsx").write_bytes(b"PK\x03\x04")
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
    planned = snakemake(mine, "-n", *configured(mine))
    assert planned.returncode == 0, planned.stdout
    assert jobs(planned.stdout)["train"] == 3
    assert split_as(mine) == {"band_gap": {TRAIN, VAL, TEST}, "formation_energy": {TRAIN, VAL, TEST}}


@pytest.mark.workflow
def test_one_compound_in_many_cells_runs_too(run: Run, own: Path, tmp_path: Path) -> None:
    """Strained cells of NaCl are one group, which no split can part."""
    folder = Path("strained")
    folder.mkdir()
    one = rock_salts(1)[0]
    for k in range(20):
        write_poscar(folder / f"s{k}.vasp", replace(one, lattice=one.lattice * (1 + 0.005 * k)))
    Path("strain.csv").write_text("file,gap\n" + "".join(f"s{k},{5 - 0.1 * k}\n" for k in range(20)))
    ended = run("init", "mine", "--from", "strain.csv", "--structures", folder)
    assert "splits: random, 20 of 20 crystals share composition and space group" in ended.out, ended
    assert split_as(tmp_path / "mine") == {"band_gap": {TRAIN, VAL, TEST}}


@pytest.mark.workflow
def test_few_labels_among_many_crystals_are_in_every_fold(run: Run, own: Path, tmp_path: Path) -> None:
    Path("table.csv").write_text("file,gap\n" + "".join(f"c{k},{k}\n" for k in range(10)))
    ended = run("init", "mine", "--from", "table.csv", "--structures", own)
    assert ended.code == 0, ended.err
    assert split_as(tmp_path / "mine") == {"band_gap": {TRAIN, VAL, TEST}}


def configured(mine: Path) -> list[str]:
    return ["--configfile", str(mine / "config.yaml"), "--cores", "2"]


def split_as(mine: Path) -> dict[str, set[str]]:
    """{property: its folds}, as the data stage makes them."""
    ended = snakemake(mine, "results/data/splits.parquet", *configured(mine))
    assert ended.returncode == 0, ended.stdout
    table, _ = read_table(mine / "results/data/splits.parquet", version=SPLITS_VERSION)
    return {name: set(rows[FOLD]) for name, rows in table.to_pandas().groupby(PROPERTY)}


def records_of(n: int, formulas: list[str], labels: dict[str, list[float | None]]) -> pa.Table:
    columns = {name: pa.array(labels.get(name, [None] * n), pa.float64()) for name in PROPERTIES}
    ids = {JID: [f"c{k}" for k in range(n)], FORMULA: formulas, SPACE_GROUP: [225] * n}
    return pa.table(ids | {HAS_INVERSION: [False] * n, POINT_GROUP: ["1"] * n} | columns)


def test_groups_stay_together_where_some_draw_allows_it() -> None:
    """Three compounds: most draws leave a fold empty, so that the seed is part of the choice."""
    formulas = ["NaCl"] * 12 + ["KCl"] * 4 + ["LiF"] * 4
    splits = choose_splits(records_of(20, formulas, {"band_gap": [1.0] * 20}), ["band_gap"])
    assert splits.scheme == "grouped"
    assert "20 of 20 crystals share composition and space group" in splits.reason


def test_labels_that_no_draw_can_part_are_one_line() -> None:
    """Zero by symmetry everywhere: nothing to learn from, however it is split."""
    table = records_of(20, [f"A{k}" for k in range(20)], {"piezoelectric": [0.0] * 20})
    inverted = table.set_column(table.schema.get_field_index(HAS_INVERSION), HAS_INVERSION, pa.array([True] * 20))
    with pytest.raises(DataError, match="20 draws of 20 crystals all left a fold without a label, the last piezo"):
        choose_splits(inverted, ["piezoelectric"])
    assert choose_splits(table, ["piezoelectric"]).scheme == "random"
