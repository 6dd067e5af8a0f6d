"""Links between the Markdown pages of this repository lead to files and headings that exist.

In: README.md, docs/, models/ and the other pages.  Out: a line for each dead link, and exit code 1.

    python docs/links.py
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("*.md", "*.ipynb")
FOLDERS = (".", "docs", "models", "results", "tests")
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)


def pages(root: Path) -> list[Path]:
    """Markdown files and notebooks."""
    return sorted(page for folder in FOLDERS for kind in KINDS for page in (root / folder).glob(kind))


def text_of(page: Path) -> str:
    """Markdown; of a notebook its cells of words."""
    text = page.read_text("utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def anchors(page: str) -> set[str]:
    """The addresses that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead(page: str, folder: Path) -> list[str]:
    """The links of a page in `folder` that lead nowhere; those to other hosts are not followed."""
    found = []
    for link in LINK.findall(CODE.sub("", page)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = folder / path if path else None
        content = text_of(target) if target and target.suffix in (".md", ".ipynb") and target.exists() else page
        if (target and not target.exists()) or (anchor and anchor not in anchors(content)):
            found.append(link)
    return found


def complaints(root: Path) -> Iterator[str]:
    """One line a dead link."""
    for page in pages(root):
        for link in dead(text_of(page), page.parent):
            yield f"{page.relative_to(root)}: ({link}) leads to no file or heading here"


if __name__ == "__main__":
    lines = list(complaints(ROOT))
    print("\n".join(lines) or f"links of {len(pages(ROOT))} pages: all lead somewhere")
    sys.exit(1 if lines else 0)
