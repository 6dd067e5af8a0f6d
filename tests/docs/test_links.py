"""Links within README.md, docs/ and the other Markdown files lead to files and headings that exist."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from .modules import DOCS, load

ROOT = DOCS.parent
links = load("links")


def test_links_lead_somewhere() -> None:
    assert {ROOT / "README.md", DOCS / "results.md"} <= set(links.pages(ROOT))
    assert list(links.complaints(ROOT)) == []


def test_a_dead_link_is_noticed() -> None:
    """The control."""
    text = "# A heading, so\n[a](none.md) [b](#no-heading) [c](#a-heading-so) [d](https://x.org/none.md)"
    assert links.dead(text, ROOT) == ["none.md", "#no-heading"]


def test_a_notebook_is_read_too(tmp_path: Path) -> None:
    """Its words, not its code."""
    assert DOCS / "tutorial.ipynb" in links.pages(ROOT)
    (tmp_path / "docs").mkdir()
    words = {"cell_type": "markdown", "source": ["# Here\n", "[a](none.md) [b](a.md#there)"]}
    code = {"cell_type": "code", "source": ["x = [f](y)"]}
    (tmp_path / "docs/n.ipynb").write_text(json.dumps({"cells": [words, code]}))
    (tmp_path / "docs/a.md").write_text("# There\n[n](n.ipynb#here) [m](n.ipynb#there)\n")
    assert [line.split(":")[0] + line.partition("(")[2].partition(")")[0] for line in links.complaints(tmp_path)] == [
        "docs/a.mdn.ipynb#there",
        "docs/n.ipynbnone.md",
    ]


def test_a_dead_link_stops_make_check(tmp_path: Path) -> None:
    """What `make check` runs, on a copy: in the README a file, in a page of docs/ a heading."""
    (tmp_path / "docs").mkdir()
    shutil.copy(DOCS / "links.py", tmp_path / "docs")
    (tmp_path / "README.md").write_text("# Read\n[a](docs/a.md#here)\n")
    (tmp_path / "docs/a.md").write_text("# Here\n[up](../README.md#read)\n")
    (line,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if "docs/links.py" in line]
    command = [sys.executable, line.split()[-1]]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "links of 2 pages: all lead somewhere\n")
    (tmp_path / "README.md").write_text("# Read\n[a](docs/none.md)\n")
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stdout == ("README.md: (docs/none.md) leads to no file or heading here\n")
    (tmp_path / "README.md").write_text("# Else\n")
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (
        1,
        "docs/a.md: (../README.md#read) leads to no file or heading here\n",
    )


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []
