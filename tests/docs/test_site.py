"""What mkdocs is given: every page once in the navigation, and the README with links that hold inside docs/."""

import re
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .modules import DOCS, load

ROOT = DOCS.parent
links = load("links")
dead = links.dead
README = (ROOT / "README.md").read_text("utf-8")


def pages(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
        return
    for entry in nav.values() if isinstance(nav, dict) else nav:
        yield from pages(entry)


def test_every_page_is_in_the_navigation_once() -> None:
    found = sorted(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert found == sorted(["index.md", *(path.name for path in DOCS.glob("*.md"))])


def test_the_page_of_the_notebook_names_its_parts() -> None:
    notebook = links.text_of(DOCS / "tutorial.ipynb")
    page = (DOCS / "tutorial.md").read_text("utf-8")
    assert "](tutorial.ipynb)" in page
    parts = re.findall(r"^## (.+)$", notebook, re.MULTILINE)
    assert re.findall(r"^\| ([A-Z][^|]+) \|", page, re.MULTILINE) == parts


def test_the_readme_is_the_first_page_and_leads_on() -> None:
    hooks = load("hooks")
    assert dead(hooks.as_first_page(README), DOCS) == []
    assert "docs/using.md" in dead(README, DOCS), "the control: as it is, its links lead out of docs/"
    assert hooks.on_page_markdown("[a](../README.md#how) [b](cli.md)") == "[a](index.md#how) [b](cli.md)"


def test_the_picture_is_of_the_size_that_its_command_gives() -> None:
    page = (DOCS / "report.md").read_text("utf-8")
    (command,) = re.findall(r"^chromium .*--window-size=(\d+),(\d+) .*--screenshot=docs/(\S+) ", page, re.MULTILINE)
    assert f"](docs/{command[2]})" in README
    header = (DOCS / command[2]).read_bytes()[:24]
    assert struct.unpack(">II", header[16:]) == (int(command[0]), int(command[1]))


def test_a_dead_link_stops_the_site(tmp_path: Any) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs comes with the extra docs")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs/index.md"
    content = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    kept = {key: content[key] for key in ("strict", "validation", "site_name")}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(kept | {"theme": "mkdocs", "plugins": []}))
    for text, stops in (("# A\n[a](#a)", False), ("# A\n[a](none.md)", True), ("# A\n[a](#none)", True)):
        page.write_text(text)
        config = load_config(str(tmp_path / "mkdocs.yml"))
        if stops:
            with pytest.raises(Abort):
                build(config)
        else:
            build(config)
