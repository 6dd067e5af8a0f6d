"""The page tells how errors grow with the distance from training, and not where they do not."""

from pathlib import Path

import pytest
from report_run import N_TEST
from synthetic_results import GROWING

from crystalmatrix.files import read_json
from crystalmatrix.properties import PROPERTIES


@pytest.fixture(scope="module")
def section(report: Path) -> str:
    page = (report / "comparison.html").read_text("utf-8")
    found = page.partition("<h3>Far from what was trained on</h3>")[2].partition("</section>")[0]
    assert found
    return found


def test_a_rise_is_told_and_its_lack_too(section: str) -> None:
    """Of the two properties with crystals enough the errors of one grow; the other is the control."""
    figures = {name: figure_of(section, PROPERTIES[name].label) for name in N_TEST}
    assert "larger errors far away" in figures[GROWING]
    assert "no clear difference" in figures["formation_energy"]
    assert figures["piezoelectric"] == "", "30 crystals do not fill four groups"


def figure_of(section: str, label: str) -> str:
    return next((part for part in section.split("<figure>") if part.startswith(f"<figcaption>{label}")), "")


def test_the_table_holds_the_numbers_of_the_metrics(section: str, results: Path) -> None:
    scores = read_json(results / "lite/band_gap.metrics.json")["properties"]["band_gap"]
    assert [part["n"] for part in scores["error_by_distance"]] == [15] * 4
    assert scores["far_to_near"][0] == pytest.approx(
        scores["error_by_distance"][-1]["mae"] / scores["error_by_distance"][0]["mae"]
    )
    composition = read_json(results / "composition/band_gap.metrics.json")["properties"]["band_gap"]
    assert composition["error_by_distance"] is None
    body = section.partition("<tbody>")[2]
    assert body.count("<tr>") == 8
    for name in ("nearest", "near", "far", "farthest"):
        assert f"<td>{name}</td>" in body
