"""The rooms of the package: imports go down only, files and functions are short, and docs/map.md knows every room."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "workflow_scripts" / "crystalmatrix"
# From the bottom up; a room may import those of the rows above its own in this list, never its neighbours or back up.
LAYERS = (
    {"errors"},
    {"cluster", "code", "elements", "locks", "machine", "needs", "properties", "seal", "section", "words"},
    {"files", "run_folder", "tiers"},
    {"config", "shipped"},
    {"contracts"},
    {"crystals"},
    {"data", "graphs"},
    {"descriptors"},
    {"features", "targets"},
    {"models"},
    {"trained"},
    {"evaluation", "inference", "training"},
    {"report"},
    {"cli"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
WITHOUT_TORCH = {"crystals", "data", "graphs", "contracts", "evaluation", "report"}
MOST_LINES = 350
A_SCREEN = 60  # lines of a function, its docstring not counted; no exception was needed so far


def sources() -> dict[str, str]:
    """{path inside the package: text}."""
    return {str(path.relative_to(PACKAGE)): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(path: str) -> str:
    return Path(path).parts[0].removesuffix(".py")


def imported(text: str) -> set[str]:
    """Every module that the text imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def upward(files: dict[str, str]) -> list[str]:
    """`file imports room` for every import that does not go down."""
    wrong = []
    for path, text in files.items():
        room = room_of(path)
        if room == "__init__":
            continue
        used = {name.split(".")[1] for name in imported(text) if name.startswith("crystalmatrix.")}
        wrong += [f"{path} imports {other}" for other in used & LEVEL.keys() - {room} if LEVEL[other] >= LEVEL[room]]
    return sorted(wrong)


def test_every_room_has_a_level() -> None:
    rooms = {room_of(path) for path in sources()} - {"__init__"}
    assert rooms == set(LEVEL)


def test_imports_go_down_only() -> None:
    assert upward(sources()) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("trained/checkpoint.py", "from crystalmatrix.training import labels"),
        ("training/run.py", "def late():\n    import crystalmatrix.inference.predictor"),
        ("crystals/files.py", "from crystalmatrix import data"),
    ],
)
def test_an_import_that_goes_up_is_noticed(path: str, text: str) -> None:
    assert len(upward({path: text})) == 1


def test_data_and_page_need_no_torch() -> None:
    heavy = {"torch", "e3nn", "torch_geometric"}
    users = [
        path
        for path, text in sources().items()
        if room_of(path) in WITHOUT_TORCH and heavy & {name.partition(".")[0] for name in imported(text)}
    ]
    assert users == ["graphs/torch_cluster.py"]  # optional, and imported only where config asks for it


def test_no_file_is_too_long() -> None:
    tracked = [*PACKAGE.rglob("*.py"), *(ROOT / "workflow_scripts").glob("*.py"), *(ROOT / "rules").glob("*.smk")]
    too_long = {path.name: lines for path in tracked if (lines := len(path.read_text().splitlines())) > MOST_LINES}
    assert too_long == {}


def too_long_functions(path: str, text: str) -> list[str]:
    """`path: name, n lines` for every function and method that is longer than a screen."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) is not None else 0
            if (lines := node.end_lineno - node.lineno + 1 - docstring) > A_SCREEN:
                found.append(f"{path}: {node.name}, {lines} lines")
    return found


def python_of_rules(text: str) -> str:
    """The functions of a Snakefile, which stand at its margin: what else is in it is not plain Python."""
    return "\n".join(re.findall(r"^(?:async )?def .*\n(?:[ \t)].*\n|\n)*", text, flags=re.MULTILINE))


def test_no_function_is_longer_than_a_screen() -> None:
    scripts = [*PACKAGE.rglob("*.py"), *(ROOT / "workflow_scripts").glob("*.py")]
    files = {str(path.relative_to(ROOT)): path.read_text() for path in scripts}
    rules = [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]
    files |= {str(path.relative_to(ROOT)): python_of_rules(path.read_text()) for path in rules}
    assert sum(len(re.findall(r"^def ", files[f"rules/{name}.smk"], re.MULTILINE)) for name in ("common", "start")) > 10
    assert [wrong for path, text in sorted(files.items()) for wrong in too_long_functions(path, text)] == []


@pytest.mark.parametrize(("n_lines", "n_wrong"), [(A_SCREEN - 1, 0), (A_SCREEN, 1)])
@pytest.mark.parametrize("before", ["", "rule all:\n    input: 'a'\n\n\n"])
def test_a_long_function_is_noticed(before: str, n_lines: int, n_wrong: int) -> None:
    body = '    """Not counted,\n    whatever its length."""\n' + "    a = 1\n" * n_lines
    text = f"{before}def long(a):\n{body}\n\nclass A:\n    def short(self):\n        return 1\n"
    assert len(too_long_functions("rules/a.smk", python_of_rules(text))) == n_wrong
    method = "class A:\n" + "".join(f"    {line}\n" for line in f"def long(a):\n{body}".splitlines())
    assert len(too_long_functions("a.py", method)) == n_wrong


def test_the_map_has_a_sentence_for_every_room() -> None:
    page = (ROOT / "docs/map.md").read_text()
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert {folder for folder in folders if f"| `{folder}/` |" not in page} == set()
