"""compare.py and evaluate.py on a synthetic run: complete, honest, always the same bytes, plain about bad input."""

import html
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from report_run import HOSTILE, N_TEST, SETTINGS, compare, evaluate
from synthetic_results import write_results

from crystalmatrix.contracts.document import CHECKSUM
from crystalmatrix.evaluation.bootstrap import FEWEST
from crystalmatrix.evaluation.predictions import read_predictions
from crystalmatrix.files import read_json, sha256, write_json, write_text
from crystalmatrix.report.page import content_security_policy


@pytest.fixture(scope="module")
def page(report: Path) -> str:
    return (report / "comparison.html").read_text()


def test_the_same_input_gives_the_same_bytes(results: Path, published: Path, report: Path, tmp_path: Path) -> None:
    assert compare(results, tmp_path, settings=SETTINGS % published) == 0
    files = sorted(path.relative_to(report) for path in report.rglob("*.*"))
    assert len(files) == 3 + len(N_TEST) + 1
    for name in files:
        assert (tmp_path / name).read_bytes() == (report / name).read_bytes(), name


class _Links(HTMLParser):
    """What a page loads (`src`, and `href` of <link>), and where its <a> lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("src", "data", "poster", "srcset") or (name == "href" and tag != "a"):
                self.loads.append(value or "")
            elif name == "href":
                self.leads.append(value or "")


def test_the_page_asks_nothing_of_the_network(page: str) -> None:
    links = _Links()
    links.feed(page)
    assert [target for target in links.loads if not target.startswith("data:")] == []
    own = re.compile(r"#.*|\.\./logs/.*\.log|\.\./[^/]+/[^/]+\.(metrics\.json|md)")  # every run has them
    assert {target for target in links.leads if not own.fullmatch(target)} == {"comparison.csv", "comparison.json"}
    assert "@import" not in page
    assert not re.search(r"url\(", page)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|importScripts)\b", page)


def test_every_error_stands_on_the_page_with_its_number_of_crystals(page: str, report: Path) -> None:
    comparison = read_json(report / "comparison.json")["properties"]
    assert list(comparison) == sorted(N_TEST)
    rows = re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", page, re.S)
    for name, entry in comparison.items():
        assert entry["n_test"] == N_TEST[name]
        row = next(text for text in rows if entry["label"] in text and "m-mae" in text)
        shown = re.findall(r"<b>([\d.]+)</b>", row)
        expected = [f"{model['mae']:.{len(shown[0].partition('.')[2])}f}" for model in entry["models"].values()]
        assert sorted(shown) == sorted(expected)
        assert f'<td class="num" data-value="{N_TEST[name]}">' in row


def test_the_page_says_which_crystals_its_numbers_are_on(page: str) -> None:
    assert "test ids held here, 33\N{NO-BREAK SPACE}% of the official test folds" in page
    assert "none of them is a number of the official benchmark" in page


def test_claims_follow_the_paired_intervals(report: Path) -> None:
    for entry in read_json(report / "comparison.json")["properties"].values():
        for row in entry["differences"]:
            expected = "better" if row["high"] < 0 else "worse" if row["low"] > 0 else "tied"
            assert row["verdict"] == expected
            assert row["low"] <= row["mean"] <= row["high"]


def test_the_validation_fold_chooses(results: Path, report: Path) -> None:
    for name, entry in read_json(report / "comparison.json")["properties"].items():
        val = {key: model["val_mae"] for key, model in entry["models"].items()}
        assert entry["recommended"] == min(val, key=lambda key: val[key])
        assert (
            entry["models"]["lite"]["mae"]
            == read_json(results / f"lite/{name}.metrics.json")["properties"][name]["mae"]
        )


def test_a_published_model_is_compared_on_the_common_crystals(report: Path) -> None:
    entry = read_json(report / "comparison.json")["properties"]["band_gap"]
    assert entry["n_common"] == N_TEST["band_gap"]
    assert entry["published"][HOSTILE]["n"] == N_TEST["band_gap"] // 2
    difference = next(d for d in entry["differences"] if d["against"] == "published" and d["b"] == HOSTILE)
    assert difference["n"] == N_TEST["band_gap"] // 2
    assert entry["best_published"] == "kgcnn_coGN"  # the better one does not cover every crystal


def test_names_from_outside_are_escaped(page: str) -> None:
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_the_table_holds_every_model(report: Path) -> None:
    table = pd.read_csv(report / "comparison.csv")
    assert list(table["property"].unique()) == list(N_TEST)
    assert set(table["kind"]) == {"ours", "published", "constant"}
    assert set(table.loc[table["kind"] == "ours", "model"]) == {
        "lite",
        "lite/multitask",
        "cgcnn",
        "cgcnn/multitask",
        "composition",
    }
    assert (table["mae_low"] <= table["mae"]).all()
    assert (table["mae"] <= table["mae_high"]).all()
    assert np.isfinite(table["ratio_to_constant"]).all()


def test_figures_are_svg_with_text(report: Path) -> None:
    figures = sorted(path.name for path in (report / "figures").iterdir())
    assert figures == ["errors.svg", *(f"parity-{name}.svg" for name in sorted(N_TEST))]
    for name in figures:
        root = ElementTree.parse(report / "figures" / name).getroot()
        assert root.tag.endswith("svg")
        assert list(root.iter("{http://www.w3.org/2000/svg}text"))


def test_the_page_its_table_and_figures_have_a_checksum(report: Path) -> None:
    content = json.loads((report / "comparison.json").read_text())
    others = {path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file()}
    assert content["files"].keys() == others - {"comparison.json"}
    assert {"comparison.html", "comparison.csv"} <= content["files"].keys()
    assert all(sha256(report / name) == digest for name, digest in content["files"].items())


def test_the_graphs_are_counted_and_one_is_drawn(page: str) -> None:
    assert "180 edges (6.00 an atom)" in page
    assert "atoms with 4 neighbours: 20" in page
    assert "edges from 1.5 Å: 100" in page
    assert "angles from 90°: 450" in page
    assert 'aria-label="unit cell of JVASP-1' in page


def test_the_payload_cannot_end_its_script(page: str) -> None:
    payload = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page, re.S)
    assert payload is not None
    assert json.loads(payload.group(1))["prefix"] == "JVASP-"


def test_the_page_runs_its_own_script_and_no_other(page: str) -> None:
    """Its policy names the script by the digest of its text, as a browser computes it."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert policy is not None
    assert len(scripts) == 1
    assert html.unescape(policy.group(1)) == content_security_policy(scripts[0])
    assert content_security_policy(scripts[0] + " ") != content_security_policy(scripts[0])
    assert "script-src 'unsafe" not in policy.group(1)
    assert not re.search(r"<[^>]+ on[a-z]+=", page), "an attribute that is a script, which the policy would stop"


def test_one_model_no_published_no_official_fold(linked_results: Path, tmp_path: Path) -> None:
    coverage = read_json(linked_results / "data/coverage.json")
    coverage["properties"] = {name: row | {"official": None} for name, row in coverage["properties"].items()}
    del coverage[CHECKSUM]
    write_json(linked_results / "data/coverage.json", coverage)
    assert compare(linked_results, tmp_path / "out", models="lite/band_gap") == 0
    page = (tmp_path / "out/comparison.html").read_text()
    assert "not on the official one" in page
    assert "Against the best constant" in page
    assert "Against the best published" not in page


def test_predictions_of_other_splits_are_refused(
    linked_results: Path, tmp_path: Path, error_line: Callable[[], str]
) -> None:
    write_results(tmp_path / "other", n_test={"band_gap": 50}, tiers=("lite",), seed=1)
    (linked_results / "lite/band_gap.predictions.parquet").unlink()
    shutil.copy(tmp_path / "other/lite/band_gap.predictions.parquet", linked_results / "lite")
    assert compare(linked_results, tmp_path / "out") == 2
    assert "tested on different crystals" in error_line()
    assert not (tmp_path / "out").exists()
    assert evaluate(linked_results, linked_results / "lite/band_gap.predictions.parquet") == 2
    assert "differ from the records" in error_line()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("lite/band_gap.metrics.json", "properties"),
        ("data/quality.json", "n_kept"),
        ("data/coverage.json", "properties"),
        ("graphs/statistics.json", "angles"),
    ],
)
def test_a_file_with_another_key_or_version_is_refused(
    linked_results: Path, tmp_path: Path, error_line: Callable[[], str], name: str, key: str
) -> None:
    path = linked_results / name
    content = read_json(path)
    del content[CHECKSUM]
    write_json(path, {other: value for other, value in content.items() if other != key})
    assert compare(linked_results, tmp_path / "out") == 2
    assert f"{name}: {key}: not found" in error_line()
    write_json(path, content | {"version": content["version"] - 1})
    assert compare(linked_results, tmp_path / "out") == 2
    assert f"{name}: schema {content['version'] - 1}, this version reads {content['version']}" in error_line()


def test_energy_is_shown_with_its_caveat(page: str) -> None:
    assert "kWh, GPU only, about" in page
    assert "read about once a second" in page


def test_the_words_of_the_page_are_the_fields(page: str) -> None:
    """One term for a thing: sections and links say baselines, ablations and provenance."""
    for name in ("baselines", "ablation", "provenance"):
        assert f'<section id="{name}">' in page
        assert f'href="#{name}"' in page
    shown = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
    assert not re.search(r"\b(rivals?|floors?)\b", shown, re.I)


def test_stale_metrics_are_refused(linked_results: Path, tmp_path: Path, error_line: Callable[[], str]) -> None:
    path = linked_results / "lite/band_gap.metrics.json"
    scores = read_json(path)
    scores["properties"]["band_gap"]["mae"] *= 1.01
    write_json(path, scores)
    assert compare(linked_results, tmp_path / "out") == 2
    assert "metrics.json: damaged or edited (checksum)" in error_line()
    del scores[CHECKSUM]
    write_json(path, scores)
    assert compare(linked_results, tmp_path / "out") == 2
    assert "delete the metrics and run again" in error_line()
    path.unlink()
    assert compare(linked_results, tmp_path / "out") == 2
    assert "found predictions but no metrics.json" in error_line()


def test_ids_of_outliers_are_text(linked_results: Path, tmp_path: Path) -> None:
    rows = "".join(f"{jid},band_gap,9.0,{score}\n" for score, jid in enumerate(["007", "NA", "1e3"]))
    write_text(linked_results / "data/outliers.csv", f"id,property,value,score\n{rows}")
    assert compare(linked_results, tmp_path / "out") == 0
    page = (tmp_path / "out/comparison.html").read_text()
    for jid in ("007", "NA", "1e3"):
        assert re.search(rf">\s*{jid}\s*<", page), jid


def test_damaged_predictions_are_one_line(linked_results: Path, tmp_path: Path, error_line: Callable[[], str]) -> None:
    path = linked_results / "lite/band_gap.predictions.parquet"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])
    assert compare(linked_results, tmp_path / "out") == 2
    assert "damaged" in error_line()


def test_scores_of_one_model(results: Path) -> None:
    scores = read_json(results / "cgcnn/multitask.metrics.json")
    assert set(scores["properties"]) == set(N_TEST)
    model = read_predictions(results / "cgcnn/multitask.predictions.parquet")
    for name, row in scores["properties"].items():
        fold = model.folds[name, "test"]
        assert row["n_test"] == row["n_val"] == N_TEST[name]
        assert row["mae_low"] < row["mae"] < row["mae_high"]
        assert row["constant_mae"] == pytest.approx(np.abs(fold.target - row["constant"]).mean())
        assert row["n_twins"] == 1
        assert row["mae_without_twins"] != row["mae"]
        assert 0.8 < row["interval_coverage"] <= 1
        assert sum(part["n"] for part in row["error_by_spread"]) == N_TEST[name]
    assert (
        read_json(results / "composition/band_gap.metrics.json")["properties"]["band_gap"]["interval_coverage"] is None
    )


def test_the_better_model_of_a_pair_is_named(page: str) -> None:
    section = page.partition('<section id="ablation">')[2].partition("</section>")[0]
    words = re.findall(r"</i><b>([^<]+)</b><small>", section)
    assert all(text == "no clear difference" or text.endswith(" better") for text in words)
    assert {"lite better", "no clear difference"} & set(words)
    assert "too few crystals" not in section


def test_nothing_is_said_of_too_few_crystals(tmp_path: Path) -> None:
    write_results(tmp_path, n_test={"band_gap": 60, "spillage": FEWEST - 1}, tiers=("lite", "cgcnn"))
    for path in sorted(tmp_path.glob("*/*.predictions.parquet")):
        assert evaluate(tmp_path, path) == 0
    assert compare(tmp_path, tmp_path / "report") == 0
    page = (tmp_path / "report/comparison.html").read_text()
    section = page.partition('<section id="ablation">')[2].partition("</section>")[0]
    rows = [row for row in section.split("<tr>") if "Spin-orbit spillage" in row]
    assert {word for row in rows for word in re.findall(r"</i><b>([^<]+)</b>", row)} == {"too few crystals"}
    answer = page.partition('<tr id="spillage">')[2].partition("</tr>")[0]
    assert "too few crystals" in answer
    assert "not distinguishable" not in answer


def test_a_table_of_twins_that_says_nothing_is_a_sentence(
    results: Path, published: Path, page: str, tmp_path: Path
) -> None:
    sentence = "No test crystal has a near-identical structure"
    assert sentence not in page
    assert "With a twin" in page
    shutil.copytree(results, tmp_path / "results")
    for path in (tmp_path / "results").rglob("*.metrics.json"):
        content = json.loads(path.read_text())
        del content[CHECKSUM]
        for scores in content["properties"].values():
            scores["n_twins"] = 0
        path.write_text(json.dumps(content))
    assert compare(tmp_path / "results", tmp_path / "out", settings=SETTINGS % published) == 0
    without = (tmp_path / "out" / "comparison.html").read_text()
    assert sentence in without
    assert "With a twin" not in without
