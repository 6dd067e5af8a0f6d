"""Links within README.md, docs/ and the other Markdown files lead to files and headings that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = [
    ROOT,
    *(part for part in ROOT.iterdir() if part.is_dir() and part.name in ("docs", "results", "models", "tests")),
]
PAGES = sorted(page for part in PARTS for page in part.glob("*.md"))
LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(page: str) -> set[str]:
    """The addresses that GitHub gives the headings of a page."""
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead(page: str, folder: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(re.sub(r"```.*?```", "", page, flags=re.DOTALL)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = folder / path if path else None
        content = target.read_text("utf-8") if target and target.suffix == ".md" and target.exists() else page
        if (target and not target.exists()) or (anchor and anchor not in anchors(content)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert dead(page.read_text("utf-8"), page.parent) == []


def test_a_dead_link_is_noticed() -> None:
    """The control."""
    text = "# A heading, so\n[a](none.md) [b](#no-heading) [c](#a-heading-so) [d](https://x.org/none.md)"
    assert dead(text, ROOT) == ["none.md", "#no-heading"]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120
