"""Learning curves: the page, the figure and docs/results.md say what the table in the package says."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from crystalmatrix.errors import DataError
from crystalmatrix.report.expected import expected, sentence, shipped_curves

from .modules import load

ROW = {
    "property": "ehull", "unit": "eV/atom", "tier": "lite", "n": 100, "seeds": 2, "asked": "a", "mae": 0.5, "low": 0.4,
    "high": 0.6, "of_seeds": [0.45, 0.55], "n_test": 88, "constant_mae": 0.8, "confidence": 0.95, "seconds": 9.0,
    "date": "2026-01-31", "machine": "a machine", "commit": "abc",
}  # fmt: skip
ROWS = [
    ROW,
    ROW | {"tier": "transfer", "mae": 0.25, "date": "2026-02-01"},
    ROW | {"n": 400, "mae": 0.3, "low": 0.2, "high": 0.35},
]


@pytest.fixture(scope="module")
def curves() -> Any:
    return load("curves")


def test_the_page_and_the_figure_are_what_the_table_gives(curves: Any, tmp_path: Path) -> None:
    found = shipped_curves()
    assert curves.table(found) == json.loads(curves.KEPT.read_text()), "run: python docs/curves.py"
    with mpl.rc_context(curves.STYLE):
        curves.save(curves.draw(found), tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == curves.FIGURE.read_bytes()


def test_another_number_is_another_page(curves: Any) -> None:
    """The control."""
    found = shipped_curves()
    first = found.points[0].model_copy(update={"mae": found.points[0].mae * 1.1})
    other = found.model_copy(update={"points": (first, *found.points[1:])})
    assert curves.table(other) != json.loads(curves.KEPT.read_text())


def test_rows_become_points_and_a_table(curves: Any) -> None:
    """A row measured again counts instead of the one before."""
    found = curves.curves([ROW | {"mae": 9.0}, *ROWS])
    assert [point.mae for point in found.points] == [0.5, 0.3, 0.25]
    assert found.dates == ("2026-01-31", "2026-02-01")
    kept = curves.table(found)
    assert kept["columns"] == ["property", "n", "seeds", "lite", "transfer", "median"]
    assert kept["rows"] == [
        ["ehull, eV/atom", 100, 2, "0.5 [0.4, 0.6]", "0.25 [0.4, 0.6]", 0.8],
        ["ehull, eV/atom", 400, 2, "0.3 [0.2, 0.35]", None, 0.8],
    ]
    assert kept["about"]["machine"] == "2026-01-31 to 2026-02-01, a machine"
    one_seed = curves.table(curves.curves([*ROWS, ROW | {"n": 800, "of_seeds": [0.5]}]))
    assert [row[2] for row in one_seed["rows"]] == [2, 2, 1]
    assert [line.partition("--seeds ")[2] for line in one_seed["about"]["command"].split("\n")] == [
        "2 --properties ehull --sizes 100 400",
        "1 --properties ehull --sizes 800",
    ]
    with pytest.raises(DataError, match="found no rows"):
        curves.curves([])


def test_the_sentence_is_of_about_three_hundred_crystals(curves: Any) -> None:
    said = sentence(list(curves.curves(ROWS).points))
    assert (
        said.replace("\N{NO-BREAK SPACE}", " ")
        == "400 crystals: lite 0.300 eV/atom; guessing the median: 0.800 eV/atom."
    )


def test_the_page_draws_every_property_of_the_table() -> None:
    shown = expected(None)  # type: ignore[arg-type]  # nothing of a run is in it
    found = shipped_curves()
    assert [panel["unit"] for panel in shown["panels"]] == list(dict.fromkeys(point.unit for point in found.points))
    drawn = "".join(str(panel["chart"]) for panel in shown["panels"])
    assert drawn.count("<circle") == len(found.points)
    assert json.dumps(shown["legend"]).count("label") == len({point.tier for point in found.points})
