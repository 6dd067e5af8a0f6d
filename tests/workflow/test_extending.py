"""docs/extending.md, followed to the letter in a copy of the repository; then the smallest real thing that it adds.

The first line of a block says where it goes: `<file>, new file`; `at the end of <name>`; or `before:`, `after:` or
`instead of:` a text that is (a part of) one line.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from ase.build import bulk
from ase.db import connect

from crystalmatrix.data.minerals import mineral_entries

from .running import ROOT, copy_of_the_project, jobs, snakemake

pytestmark = pytest.mark.workflow

DOC = (ROOT / "docs/extending.md").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """All that git has of the code, without documents and results."""
    folder = tmp_path / "copy"
    copy_of_the_project(folder, "envs", "profiles", "report", "rules", "tests", "workflow_scripts")
    copy_of_the_project(folder, "Snakefile", "config.yaml", "demo/config.yaml", "pyproject.toml")
    return folder


def recipe(title: str) -> str:
    """The section of that heading."""
    return DOC.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def follow(copy: Path, title: str) -> None:
    """Put every block of a section where its first line says."""
    blocks = re.findall(r"^( *)```(?:python|yaml)\n(.*?)^ *```", recipe(title), flags=re.DOTALL | re.MULTILINE)
    assert blocks, f"docs/extending.md has no code under {title!r}"
    for indent, block in blocks:
        first, _, code = "".join(line.removeprefix(indent) for line in block.splitlines(keepends=True)).partition("\n")
        file, _, where = first.removeprefix("# ").partition(", ")
        put(copy / file, where, code)


def put(path: Path, where: str, code: str) -> None:
    if where == "new file":
        path.write_text(code, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if name := re.fullmatch(r"at the end of (\w+)", where):
        start = next(k for k, line in enumerate(lines) if line.startswith(name[1]))
        at = next(k for k in range(start, len(lines)) if lines[k].rstrip() in (")", "]", "}"))
        after = at
    else:
        kind, _, text = where.partition(": ")
        at = next(k for k, line in enumerate(lines) if text in line)
        at, after = {"before": (at, at), "after": (at + 1, at + 1), "instead of": (at, at + 1)}[kind]
    path.write_text("".join([*lines[:at], code, *lines[after:]]), encoding="utf-8")


def raised(copy: Path, *versions: str) -> None:
    """Those of contracts/columns.py that the recipe says, one higher."""
    path = copy / "workflow_scripts/crystalmatrix/contracts/columns.py"
    text = path.read_text()
    for version in versions:
        text = re.sub(rf"(?<=^{version} = )\d+", lambda found: str(int(found[0]) + 1), text, flags=re.MULTILINE)
    path.write_text(text)


def suite(copy: Path, *arguments: str) -> None:
    """Tests of the copy pass, with its own package."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_a_tier(copy: Path, tmp_path: Path) -> None:
    before = jobs(snakemake(tmp_path, "--dry-run", cwd=copy).stdout)
    follow(copy, "A tier")
    result = snakemake(tmp_path, "--dry-run", "--configfile", "wide.yaml", cwd=copy)
    assert result.returncode == 0, result.stdout
    assert jobs(result.stdout)["train"] == before["train"] + 10
    assert "results/wide/band_gap.pt" in result.stdout


def test_a_property(copy: Path, tmp_path: Path) -> None:
    """Its column and folds are there, its models are planned, its submission is not; tests of folds pass."""
    follow(copy, "A property")
    raised(copy, "RECORDS_VERSION", "SPLITS_VERSION")
    entries = [entry | {"magmom_outcar": 0.5 * k} for k, entry in enumerate(mineral_entries()[:100])]
    (tmp_path / "crystals.json").write_text(json.dumps(entries))
    source = ["--config", 'data={"source": "crystals.json"}']
    plan = jobs(snakemake(tmp_path, "--dry-run", *source, cwd=copy).stdout)
    assert (plan["train"], plan["leaderboard"]) == (55, 9)
    result = snakemake(tmp_path, "results/data/splits.parquet", "--cores", "1", *source, cwd=copy)
    assert result.returncode == 0, result.stdout
    assert pq.read_table(tmp_path / "results/data/records.parquet")["magnetic_moment"].null_count == 0
    splits = pq.read_table(tmp_path / "results/data/splits.parquet").to_pandas()
    folds = splits[splits["property"] == "magnetic_moment"]["fold"]
    assert len(folds) == 100
    assert set(folds) == {"train", "val", "test"}
    suite(copy, "tests/test_config.py", "tests/data/test_bundled.py", "tests/data/test_splits.py")


def test_a_model(copy: Path, tmp_path: Path) -> None:
    """It passes the suite that every architecture passes, and is a tier of the matrix."""
    follow(copy, "A model")
    suite(copy, "tests/models/test_architectures.py", "-k", "pair or every_architecture")
    tier = re.search(r"like any other: `tiers: (\{.*\})`", recipe("A model"))
    assert tier
    config = {"tiers": yaml.safe_load(tier[1]), "matrix": {"tiers": ["mine"]}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    options = ["--configfile", str(tmp_path / "mine.yaml"), "--dry-run"]
    result = snakemake(tmp_path, "results/mine/ehull.pt", *options, cwd=copy)
    assert jobs(result.stdout)["train"] == 1, result.stdout


def test_a_source(copy: Path, tmp_path: Path) -> None:
    follow(copy, "A source")
    with connect(tmp_path / "crystals.db") as database:
        for k in range(30):
            database.write(bulk("NaCl", "rocksalt", a=5.0 + 0.02 * k), ehull=0.01 * k)
    line = re.search(r"^`data: (\{.*\})` reads it", recipe("A source"), flags=re.MULTILINE)
    assert line
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"data": yaml.safe_load(line[1])}))
    options = ["--configfile", str(tmp_path / "mine.yaml"), "--cores", "1"]
    result = snakemake(tmp_path, "results/data/records.parquet", *options, cwd=copy)
    assert result.returncode == 0, result.stdout
    records = pq.read_table(tmp_path / "results/data/records.parquet")
    assert records.num_rows == 30
    assert records["ehull"].to_pylist() == pytest.approx([0.01 * k for k in range(30)])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("at the end of ROWS", "ROWS = (\n    1,\n    2,\n)\nlast\n"),
        ("before: last", "ROWS = (\n    1,\n)\n    2,\nlast\n"),
        ("after: last", "ROWS = (\n    1,\n)\nlast\n    2,\n"),
        ("instead of: last", "ROWS = (\n    1,\n)\n    2,\n"),
        ("new file", "    2,\n"),
    ],
)
def test_where_a_block_goes(tmp_path: Path, where: str, expected: str) -> None:
    (tmp_path / "file.py").write_text("ROWS = (\n    1,\n)\nlast\n")
    put(tmp_path / "file.py", where, "    2,\n")
    assert (tmp_path / "file.py").read_text() == expected
