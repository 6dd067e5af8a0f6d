"""The code behind a script: itself and all modules of ours that it imports, directly or through others.

In: a script.  Out: its files; their digest, which cheap stages take as a parameter, so that no number on the page is of
older code. Stages that cost hours have versions instead (contracts/): a comment must not train all models again.
"""

import functools
import hashlib
import re
from pathlib import Path

PACKAGE = "crystalmatrix"
# A statement at the start of a line: `import a, b as c`, or `from a import b, c`, its names perhaps in brackets.
_IMPORT = re.compile(
    r"^[ \t]*(?:import[ \t]+([^\n#;]+)|from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#;]+))", re.MULTILINE
)
_COMMENT = re.compile(r"#[^\n]*")


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
    """Every module that the file imports, anywhere in it; `from a import b` may mean a.b, so both are there.

    Read as text: a plan of the workflow waits for this, and Python's parser takes ten times as long.
    """
    names: list[str] = []
    for plain, module, members in _IMPORT.findall(path.read_text(encoding="utf-8")):
        names += [name.split()[0] for name in plain.split(",") if name.strip()]
        if module:
            named = _COMMENT.sub("", members).strip("()").split(",")
            names += [module, *(f"{module}.{name.split()[0]}" for name in named if name.strip())]
    return tuple(names)


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
