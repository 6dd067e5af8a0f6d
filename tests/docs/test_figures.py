"""Figures of docs/ that no program writes: each names a command that a reader can run, and prose repeats its tables."""

import json
import re
from typing import Any

import pytest

from crystalmatrix.properties import MULTITASK
from crystalmatrix.trained.checkpoint import load_checkpoint

from .modules import DOCS, load

ROOT = DOCS.parent
DATA = DOCS / "data"
OURS_ALONE = re.compile(r"shared/data|beside the project|<the part>|MEGN[eE][tT] part|part of MEGN|by hand:")
LIMIT = "## Not repeatable from outside"  # heading of history.md: what stands below it says so itself
COMMAND = re.compile(r"(python|snakemake|crystalmatrix|pytest|make|train\.py|benchmarks/\w+\.(py|sh)) ?")
CODE = re.compile(r"```.*?```|`[^`\n]+`|`[^`]+`", re.DOTALL)
MEASURED = ("performance.md", "data.md", "graphs.md")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def test_no_page_or_benchmark_rests_on_a_file_that_readers_lack() -> None:
    for text in ("the part beside the project", "a part of MEGNET", "the MEGNet part"):
        assert OURS_ALONE.search(text), "the control"
    texts = [*DOCS.glob("*.md"), ROOT / "README.md", *(ROOT / "benchmarks").glob("*.*")]
    assert [path.name for path in texts if OURS_ALONE.search(path.read_text("utf-8").partition(LIMIT)[0])] == []
    assert [path.name for path in texts if LIMIT in path.read_text("utf-8")] == ["history.md"]
    assert OURS_ALONE.search(page("history.md").partition(LIMIT)[2]), "the control"


def without_command(text: str) -> list[str]:
    """First lines of the tables of measurements in whose section, up to the table's end, no code is a command."""
    found = []
    for section in re.split(r"^#{2,4} ", text, flags=re.MULTILINE):
        for table in re.finditer(r"(?:^\|.*\n)+", section, re.MULTILINE):
            cells = [cell.strip(" *") for line in table[0].splitlines()[2:] for cell in line.split("|")[2:-1]]
            if sum(bool(re.match(r"[+-]?\d", cell)) for cell in cells) < len(cells) / 3:
                continue
            around = section[: table.end()] + section[table.end() :].partition("\n|")[0]
            if not any(COMMAND.search(code) for code in CODE.findall(around)):
                found.append(table[0].splitlines()[0])
    return found


@pytest.mark.parametrize("name", MEASURED)
def test_every_table_of_measurements_names_its_command(name: str) -> None:
    assert without_command(page(name)) == []


def test_a_table_without_a_command_is_noticed() -> None:
    table = "| a | MB |\n|---|---|\n| x | 3 |\n"
    assert without_command(f"## A\n`python a.py`\n## B\n{table}") == ["| a | MB |"]
    assert without_command(f"## B\n`python a.py`\n{table}") == []
    assert without_command("## B\n| a | MB |\n|---|---|\n| x | text |\n") == []


def first_number(text: str) -> float:
    found = re.search(r"\d[\d,]*(\.\d+)?", text)
    assert found is not None, text
    return float(found[0].replace(",", ""))


def row(text: str, start: str) -> list[str]:
    """Cells of the first line of a table that starts so."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {start} |") or line.startswith(f"| {start},"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def section(name: str, heading: str) -> str:
    return re.split(r"^#{2,4} ", page(name).partition(heading)[2], flags=re.MULTILINE)[0]


def three_digits(value: float) -> float:
    return float(f"{value:.3g}")


def test_prose_repeats_what_lite_did_before_and_after_the_redesign() -> None:
    prose = section("results.md", "### Against the commit before the redesign")
    named = {"formation energy": "formation_energy", "bulk modulus": "bulk_modulus", "shear modulus": "shear_modulus"}
    told = re.findall(r"(formation energy|bulk modulus|shear modulus|`ehull`) ([\d.]+)\s+to\s+([\d.]+\d)", prose)
    assert len(told) == 4
    after = json.loads((DATA / "lite-part.json").read_text())["properties"]
    first = section("history.md", "## `lite` and `cgcnn` on the part, on two CPU cores")
    decoded = section("history.md", "## The energy above hull, decoded")
    for words, was, now in told:
        name = named.get(words, "ehull")
        before = row(decoded, "lite")[2] if name == "ehull" else row(first, name)[7]
        assert float(was) == three_digits(first_number(before)), name
        assert float(now) == three_digits(after[name]["lite"]["mae"]), name


COUNTS = ("None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


def test_prose_counts_the_models_that_beat_the_published_ones() -> None:
    results = load("results")
    found = results.read(DATA / "transfer-published.json")
    place = found.columns.index
    mae, published, verdict = place("MAE"), place("its MAE"), place("verdict")
    lower = [line for line in found.rows if line[mae] < line[published]]
    by_more = [line for line in lower if line[verdict] == "better"]
    prose = " ".join(section("results.md", "### Against published models").split())
    assert f"{COUNTS[len(lower)]} of the nine are lower than the best single published model" in prose
    assert f"{COUNTS[len(by_more)].lower()} of them by more than chance" in prose
    assert [line[0] for line in found.rows if line[verdict] == "worse"] == ["shear_modulus"]
    (dielectric,) = (line for line in found.rows if line[0] == "dielectric")
    assert dielectric[place("ours")] == f"transfer/{MULTITASK}"
    alone = json.loads((DATA / "transfer-part.json").read_text())["properties"]["dielectric"]["transfer"]["mae"]
    assert f"with {alone:.4g}, would be the {COUNTS[len(lower) + 1].lower()}th" in prose
    assert alone < dielectric[published]


def test_prose_repeats_the_weight_of_the_kernel_in_the_multitask_model() -> None:
    (told,) = re.findall(r"weighs its kernel more \(([\d.]+) for `ehull`\)", page("results.md"))
    model = load_checkpoint(ROOT / "models/multitask.pt")
    kinds = [member.architecture for member in model.settings.model.members]
    assert model.weights is not None
    weight = model.weights[kinds.index("kernel"), model.properties.index("ehull")]
    assert f"{weight:.2f}" == told


def test_the_readme_repeats_the_longer_trainings_of_std() -> None:
    table = section("history.md", "## Longer trainings of `std`")
    readme = [line.split("|") for line in (ROOT / "README.md").read_text("utf-8").splitlines()]
    cells: dict[str, list[Any]] = {line[1].strip(" `"): line for line in readme if len(line) == 11}
    names = [name for name in cells if name != "property" and not name.startswith("---")]
    assert len(names) == 9
    for name in names:
        assert float(cells[name][7]) == first_number(row(table, name)[2]), name
