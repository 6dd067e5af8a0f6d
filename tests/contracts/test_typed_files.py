"""No untyped dictionary crosses a file: who parses one, types it at once, or is listed here with the reason."""

import ast
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
PARSERS = {"loads", "load", "safe_load", "read_json", "read_metadata", "read_csv"}
MODULES = {"json", "torch", "yaml", "files", "pickle", "pd"}  # of which the parsers are
BARE = PARSERS - {"load"}  # imported by name; `load` is config's too, which types what it reads
REASONS = {
    "files.py": "the parsers themselves",
    "contracts/document.py": "types it: Part, Document",
    "section.py": "types it: Section",
    "cli/checks.py": "whether a file of ours can be read at all; nothing of its content is used",
    "cli/damaged.py": "what it found out itself, a name and a number a file",
    "cli/plan.py": "types it: Config",
    "cli/configuration.py": "types it: Config",
    "config.py": "types it: Config",
    "trained/checkpoint.py": "the header is a Document; beside it are tensors, written and read here alone",
    "trained/torch_file.py": "tensors of checkpoint.py, and of state.py, which training/loop.py alone writes and reads",
    "inference/output.py": "a journal written and read here alone, as Progress",
    "data/http.py": "a note beside a partial file, written and read here alone",
    "data/download.py": "checksums.json, written and read here alone",
    "data/minerals.py": "a bundled file of another package, of prototypes",
    "data/bundled/regenerate.py": "files of JARVIS",
    "data/outliers.py": "outliers.csv, for whose content the splits vouch",
    "evaluation/published.py": "predictions of the leaderboard, checked column by column",
    "crystals/files.py": "files of users, of any content",
    "crystals/entry.py": "texts of users, of any content",
    "crystals/json_entries.py": "files of users, of any content",
    "crystals/lmdb_rows.py": "files of users, of any content",
}


def parses(text: str) -> bool:
    """Whether a module calls any parser of what stands in a file."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(name) if name in BARE:
                return True
            case ast.Attribute(ast.Name(module), name) if module in MODULES and name in PARSERS:
                return True
    return False


def test_who_parses_types_it_or_has_a_reason() -> None:
    package = SCRIPTS / "crystalmatrix"
    found = {path.relative_to(package).as_posix() for path in package.rglob("*.py") if parses(path.read_text())}
    assert found == set(REASONS)
    assert [path.name for path in SCRIPTS.glob("*.py") if parses(path.read_text())] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import json\njson.loads(text)['key']", True),
        ("def late():\n    return torch.load(path)['key']", True),
        ("read_metadata(path, version=1)['digest']", True),
        ("files.read_metadata(path, version=1)['digest']", True),
        ("from json import loads\nloads(text)['key']", True),
        ("pd.read_csv(path)['score']", True),
        ("pickle.load(handle)", True),
        ("Quality.read(path).source", False),
        ("json.dumps(content)", False),
    ],
)
def test_a_parser_is_noticed(text: str, expected: bool) -> None:
    assert parses(text) == expected
