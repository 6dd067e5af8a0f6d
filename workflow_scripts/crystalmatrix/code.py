"""The code behind a script: itself and all modules of ours that it imports, directly or through others.

In: a script.  Out: its files; their digest, which cheap stages take as a parameter, so that no number on the page is of
older code. Stages that cost hours have versions instead (contracts/): a comment must not train forty models again.
"""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "crystalmatrix"


def files_behind(script: Path) -> list[Path]:
    """The script first, then its modules, sorted."""
    waiting, seen = [script], {script}
    while waiting:
        new = {path for name in imported(waiting.pop()) for path in _files(script.parent, name)} - seen
        seen |= new
        waiting += new
    return [script, *sorted(seen - {script})]


def digest(script: Path, *others: Path) -> str:
    """12 hex digits of the bytes of all files behind the script, and of others that it reads (templates)."""
    content = hashlib.sha256()
    for path in [*files_behind(script), *sorted(others)]:
        content.update(f"{path.relative_to(script.parent).as_posix()}\0".encode() + path.read_bytes())
    return content.hexdigest()[:12]


@functools.cache
def imported(path: Path) -> tuple[str, ...]:
    """Every module that the file imports, anywhere in it; `from a import b` may mean a.b, so both are there."""
    names: list[str] = []
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All of them, at any depth, without their expressions, which hold no import and are nine tenths of a tree."""
    for node in body:
        yield node
        for inner in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, inner, []))
        for clause in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
            yield from _statements(clause.body)


@functools.cache
def _files(scripts: Path, module: str) -> list[Path]:
    """The file of one of our modules and the __init__.py of the packages around it.

    Not that of the root, which imports the Predictor, but only when somebody asks for it.
    """
    root = scripts / PACKAGE
    place = scripts / module.replace(".", "/")
    if root not in place.parents:
        return []
    packages = [folder / "__init__.py" for folder in [place, *place.parents] if root in folder.parents]
    return [path for path in [place.with_suffix(".py"), *packages] if path.is_file()]
