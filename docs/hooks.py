"""Hooks of mkdocs: README.md is the first page of the site, and links between it and docs/ hold on both sides.

In: what mkdocs reads.  Out: what it builds.
"""

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"
FIRST = "index.md"


def on_files(files: Any, config: Any) -> Any:
    """Beside the pages of docs/, the README."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, FIRST, content=as_first_page(README.read_text("utf-8"))))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to the README lead to the first page."""
    return markdown.replace("](../README.md", f"]({FIRST}")


def as_first_page(readme: str) -> str:
    """The README as if it lay in docs/."""
    return re.sub(r"\]\(docs/", "](", readme)
