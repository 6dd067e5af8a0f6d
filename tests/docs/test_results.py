"""docs/results.md says what docs/data holds, and docs/data what a run's result files hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from crystalmatrix.contracts.scores import ModelScores
from crystalmatrix.errors import DataError
from tests.contracts.cases import summary
from tests.report.test_card import SCORES

from .modules import DOCS, load


@pytest.fixture(scope="module")
def results() -> Any:
    return load("results")


def test_the_page_is_what_the_files_give(results: Any) -> None:
    page = (DOCS / "results.md").read_text("utf-8")
    assert "<!-- table: lite-part -->" in page
    assert results.filled(page, DOCS / "data") == page


def test_a_typed_figure_is_noticed(results: Any) -> None:
    """The control."""
    page = (DOCS / "results.md").read_text("utf-8")
    typed = page.replace("**10.37** [8.609, 12.4]", "**9.37** [8.609, 12.4]")
    assert typed != page
    assert results.filled(typed, DOCS / "data") == page


def test_the_readme_repeats_the_kept_run() -> None:
    """Its columns n, constant and `lite`, to three digits; where a property was not in the run, another one stands."""
    kept = json.loads((DOCS / "data/lite-part.json").read_text())["properties"]
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    lines = {cells[1].strip("` "): cells for line in readme.splitlines() if len(cells := line.split("|")) == 11}
    scores = {name: kinds["lite"] for name, kinds in kept.items() if "lite" in kinds}
    assert len(scores) == 8
    for name, score in scores.items():
        n, constant, lite = (float(lines[name][k]) for k in (4, 5, 6))
        assert (n, constant) == (score["n_test"], float(f"{score['constant_mae']:.3g}"))
        assert lite == float(f"{score['mae']:.3g}")


def test_a_run_is_kept_as_it_was_scored(results: Any, tmp_path: Path) -> None:
    for task in ("ehull", "multitask"):
        model = summary(tier="pro", task=task)
        scores = ModelScores(
            tier="pro", task=task, confidence=0.95, bootstrap=200, model=model, properties={"ehull": SCORES}
        )
        (tmp_path / "pro").mkdir(exist_ok=True)
        scores.write(tmp_path / "pro" / f"{task}.metrics.json")
    about = {"machine": "a machine", "command": "snakemake", "commit": "abc"}
    text = results.table(results.keep(tmp_path, about=about))
    assert "| property | unit | n | constant | pro | pro multi |" in text
    assert "| ehull | eV/atom | 10 | 0.5 | **0.1** [0.05, 0.2] | **0.1** [0.05, 0.2] |" in text
    assert "a machine, commit abc" in text


def test_rows_of_an_ablation_are_a_table(results: Any, tmp_path: Path) -> None:
    """Percent of the tier as it is; bold where the interval excludes zero, and only there."""
    as_it_is = {
        "property": "ehull", "tier": "transfer", "variant": "as it is", "fold": "val", "seeds": 2, "n": 40, "mae": 2.0,
        "of_seeds": [1.9, 2.1], "difference": 0.0, "low": 0.0, "high": 0.0, "verdict": "tied", "seconds": 60.4,
        "date": "2026-01-31", "machine": "a machine", "commit": "abc",
    }  # fmt: skip
    muon = as_it_is | {
        "variant": "Muon",
        "mae": 1.5,
        "difference": -0.5,
        "low": -0.7,
        "high": -0.3,
        "verdict": "better",
    }
    late = muon | {"variant": "late", "mae": 2.2, "difference": 0.2, "low": -0.1, "high": 0.5, "verdict": "tied"}
    (tmp_path / "some.json").write_text(json.dumps({"rows": [as_it_is, muon, late]}))
    page = results.filled("<!-- table: some -->\n<!-- end -->", tmp_path)
    assert "| variant | ehull, 40 | seconds a training |" in page
    assert "| as it is | 2 [1.9, 2.1] | 60 |" in page
    assert "| Muon | **1.5** -25.0 % [-35.0, -15.0] | 60 |" in page
    assert "| late | 2.2 +10.0 % [-5.0, +25.0] | 60 |" in page
    assert "transfer, val fold, 2 seeds; 2026-01-31 to 2026-01-31, a machine, commit abc." in page


def test_what_is_missing_is_a_sentence(results: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found no <tier>/<task>.metrics.json"):
        results.keep(tmp_path, about={})
    with pytest.raises(DataError, match="expected one of: lite-part"):
        results.filled("<!-- table: nothing -->\n<!-- end -->", DOCS / "data")
