"""Tables of docs/ say what docs/data holds, and docs/data what a run's result files hold."""

import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.errors import DataError
from tests.contracts.cases import summary
from tests.report.test_card import SCORES

from .modules import DOCS, load

DATA = DOCS / "data"
ABOUT = {"machine": "a machine", "command": "snakemake", "commit": "abc"}
PLAIN = {"about": ABOUT, "columns": ["size", "lite"], "rows": [["100", 0.123456], ["300", None]]}
PROGRAMS = ("python", "snakemake", "crystalmatrix")


@pytest.fixture(scope="module")
def results() -> Any:
    return load("results")


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_the_page_is_what_the_files_give(results: Any, path: Path) -> None:
    page = path.read_text("utf-8")
    assert results.filled(page, DATA) == page, "run: python docs/results.py write"


def test_a_typed_figure_is_noticed(results: Any) -> None:
    """The control: in a matrix, and in any table."""
    page = (DOCS / "results.md").read_text("utf-8")
    for found, wrong in (
        ("**10.37** [8.609, 12.4]", "**9.37** [8.609, 12.4]"),
        ("| worse | 7.198 |", "| tied | 7.198 |"),
    ):
        typed = page.replace(found, wrong)
        assert typed != page
        assert results.filled(typed, DATA) == page


def typed_tables(results: Any, page: str) -> list[str]:
    return [line for line in results.MARK.sub("", page).splitlines() if line.startswith("|")]


def test_no_table_of_the_results_is_typed(results: Any) -> None:
    assert typed_tables(results, (DOCS / "results.md").read_text("utf-8")) == []
    assert typed_tables(results, (DOCS / "history.md").read_text("utf-8")), "the control: that page says that it is"


def test_every_file_is_on_a_page(results: Any) -> None:
    pages = "".join(path.read_text("utf-8") for path in DOCS.glob("*.md"))
    assert {path.stem for path in DATA.glob("*.json")} == {mark["name"] for mark in results.MARK.finditer(pages)}


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_a_table_names_a_command_of_this_repository(results: Any, path: Path) -> None:
    command = results.read(path).about.command
    words = shlex.split(command, comments=True)
    assert words[0] in PROGRAMS
    scripts = [word for word in words if word.endswith(".py")]
    assert [word for word in scripts if not (DOCS.parent / word).exists()] == []
    assert not re.search(r"(^|\s)/\w", command), "no path of one machine"


def test_the_readme_repeats_the_kept_runs() -> None:
    """Its columns n, constant, `lite` and `transfer`, to three digits; `lite` has its band gap from an older run."""
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    lines = {cells[1].strip("` "): cells for line in readme.splitlines() if len(cells := line.split("|")) == 11}
    for tier, column, n_models in (("lite", 6, 8), ("transfer", 8, 9)):
        kept = json.loads((DATA / f"{tier}-part.json").read_text())["properties"]
        scores = {name: kinds[tier] for name, kinds in kept.items() if tier in kinds}
        assert len(scores) == n_models
        for name, score in scores.items():
            assert int(lines[name][4]) == score["n_test"]
            assert float(lines[name][column]) == float(f"{score['mae']:.3g}"), name
            if tier == "lite":
                assert float(lines[name][5]) == float(f"{score['constant_mae']:.3g}")


def test_the_readme_repeats_the_published_errors(results: Any) -> None:
    """The lower of the best published model and of the median of four."""
    found = results.read(DATA / "transfer-published.json")
    best, median = (found.columns.index(name) for name in ("its MAE", results.MEDIAN))
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    lines = {cells[1].strip("` "): cells for line in readme.splitlines() if len(cells := line.split("|")) == 11}
    assert len(found.rows) == 9
    for row in found.rows:
        assert float(lines[row[0]][9]) == float(f"{min(row[best], row[median]):.3g}"), row[0]


def test_a_run_is_kept_as_it_was_scored(results: Any, tmp_path: Path) -> None:
    for task in ("ehull", "multitask"):
        model = summary(tier="pro", task=task)
        scores = ModelScores(
            tier="pro", task=task, confidence=0.95, bootstrap=200, model=model, properties={"ehull": SCORES}
        )
        (tmp_path / "pro").mkdir(exist_ok=True)
        scores.write(tmp_path / "pro" / f"{task}.metrics.json")
    text = results.text_of(results.kept(str(tmp_path), about=results.About(**ABOUT)))
    assert "| property | unit | n | constant | pro | pro multi |" in text
    assert "| ehull | eV/atom | 10 | 0.5 | **0.1** [0.05, 0.2] | **0.1** [0.05, 0.2] |" in text
    assert "a machine, commit abc" in text


def test_rows_of_an_ablation_are_a_table(results: Any, tmp_path: Path) -> None:
    """Percent of the tier as it is; bold where the interval excludes zero, and only there."""
    as_it_is = {
        "property": "ehull", "variant": "as it is", "n": 40, "mae": 2.0, "of_seeds": [1.9, 2.1], "difference": 0.0,
        "low": 0.0, "high": 0.0, "verdict": "tied", "seconds": 60.4,
    }  # fmt: skip
    muon = {"variant": "Muon", "mae": 1.5, "difference": -0.5, "low": -0.7, "high": -0.3, "verdict": "better"}
    late = {"variant": "late", "mae": 2.2, "difference": 0.2, "low": -0.1, "high": 0.5}
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"rows": [as_it_is, as_it_is | muon, as_it_is | late]}))
    lines = results.text_of(results.kept(str(path), about=results.About(**ABOUT))).splitlines()
    assert lines[0] == "| variant | ehull, 40 | seconds a training |"
    assert lines[2:5] == [
        "| as it is | 2 [1.9, 2.1] | 60 |",
        "| Muon | **1.5** -25.0 % [-35.0, -15.0] | 60 |",
        "| late | 2.2 +10.0 % [-5.0, +25.0] | 60 |",
    ]


def test_a_printed_table_is_kept_as_it_was_printed(results: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = "measuring ...\n| size | lite |\n| --- | --- |\n| 100 | 0.12 |\n| 300 | |\n{}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(printed))
    found = results.kept("-", about=results.About(**ABOUT))
    assert found.rows == (("100", "0.12"), ("300", ""))
    assert results.text_of(found).startswith("| size | lite |\n| --- | --- |\n| 100 | 0.12 |\n| 300 |  |\n")


def test_what_jobs_took_is_read_from_their_files(results: Any, tmp_path: Path) -> None:
    columns = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    (tmp_path / "ehull.tsv").write_text(f"{columns}\n100.2\t0:01:40\t812.4\t1\t1\t1\t0\t0\t50\t60.7\n")
    found = results.kept(str(tmp_path), about=results.About(**ABOUT))
    assert found.rows == (("ehull", 100, 61, 812),)


def test_a_file_written_by_a_program(results: Any, tmp_path: Path) -> None:
    (tmp_path / "curve.json").write_text(json.dumps(PLAIN))
    page = results.filled("<!-- table: curve -->\n<!-- end -->", tmp_path)
    assert "| 100 | 0.1235 |\n| 300 |  |" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": [["100"]]}, "found a row of 1 cells, expected 2"),
        ({"about": {"machine": "m", "command": "c"}}, "commit"),
        ({"note": "x"}, "note"),
    ],
)
def test_a_file_that_is_no_table(results: Any, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "curve.json"
    path.write_text(json.dumps(PLAIN | change))
    with pytest.raises(DataError, match=said):
        results.read(path)


def test_what_is_missing_is_a_sentence(results: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = results.About(**ABOUT)
    with pytest.raises(DataError, match=r"found no <tier>/<task>.metrics.json"):
        results.kept(str(tmp_path), about=about)
    monkeypatch.setattr("sys.stdin", io.StringIO("no table"))
    with pytest.raises(DataError, match="expected a Markdown table"):
        results.kept("-", about=about)
    with pytest.raises(DataError, match=r"expected one of: .*lite-part"):
        results.filled("<!-- table: nothing -->\n<!-- end -->", DATA)
