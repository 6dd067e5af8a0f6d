"""The pages of docs/ that repeat the code, written from it: keys of config.yaml, columns of tables, the command line.

In: the package.  Out: docs/keys.md, docs/columns.md, docs/commands.md; meanings are the comments beside the code.

    python docs/reference.py
"""

import argparse
import ast
import inspect
import io
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic.fields import FieldInfo

from crystalmatrix import config, tiers
from crystalmatrix.cli.completion import subcommands
from crystalmatrix.cli.main import build_parser
from crystalmatrix.contracts import columns, descriptors
from crystalmatrix.section import Section

DOCS = Path(__file__).parent
NOTE = "<!-- written by python docs/reference.py -->"
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
NETWORKS = (tiers.EquivariantConfig, tiers.CGCNNConfig, tiers.ReadoutConfig, tiers.KernelConfig, tiers.BlendConfig)
TABLES = {
    "results/data/records.parquet": (columns, "RECORDS"),
    "results/data/dropped.parquet": (columns, "DROPPED"),
    "results/data/splits.parquet": (columns, "SPLITS"),
    "results/data/leakage.parquet": (columns, "LEAKAGE"),
    "results/graphs/shard-*.parquet": (columns, "GRAPHS"),
    "results/descriptors/*/shard-*.parquet": (descriptors, "DESCRIPTORS"),
    "results/*/*.predictions.parquet": (columns, "PREDICTIONS"),
}


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Markdown; a bar inside a cell does not end it, and <name> in a sentence is no tag."""
    escaped = [[_escaped(cell) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *escaped]
    return [f"| {' | '.join(line)} |" for line in lines]


def _escaped(cell: str) -> str:
    cell = cell.replace("|", "\\|")
    return cell if cell.startswith("`") else cell.replace("<", "&lt;")


def comments(source: str, first: int, last: int) -> str:
    """Those of the lines `first` to `last`, counted from 1, and those alone on the lines just before, as one text."""
    found = {
        token.start[0]: (token.string.lstrip("# "), token.line.lstrip().startswith("#"))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    above = first
    while found.get(above - 1, ("", False))[1]:
        above -= 1
    texts = [found[line][0] for line in range(above, last + 1) if line in found]
    return " ".join(text for text in texts if not text.startswith(("noqa", "type:", "fmt:")))


def keys_page() -> str:
    """docs/keys.md."""
    lines = ["# The keys of config.yaml", NOTE, ""]
    lines += [
        "`config.yaml` is laid over these defaults, and your own file over it. An unknown key is an error.",
        "",
    ]
    parts: list[tuple[str, type[Section]]] = [
        ("data", config.DataConfig),
        ("data.extra, a list of sections", config.ExtraConfig),
        ("graph", config.GraphConfig),
        ("matrix", config.MatrixConfig),
        ("tiers.NAME.model, every architecture but blend", tiers.ModelSection),
        *((f"tiers.NAME.model, architecture: {_architecture(network)}", network) for network in NETWORKS),
        ("tiers.NAME.training", tiers.TrainingConfig),
        ("report", config.ReportConfig),
        ("report.submission", config.SubmissionConfig),
        ("screen.NAME", config.ScreenConfig),
        ("embeddings.NAME", config.EmbeddingConfig),
    ]
    for title, section in parts:
        lines += [f"## {title}", "", (section.__doc__ or "").strip(), ""]
        lines += [*table(["key", "default", "values", "meaning"], list(key_rows(section))), ""]
    own = [row for row in key_rows(config.Config) if row[0] == "`pretrained`"]
    return "\n".join([*lines, "## At the top", "", *table(["key", "default", "values", "meaning"], own), ""])


def _architecture(network: type[Section]) -> str:
    return str(get_args(network.model_fields["architecture"].annotation)[0])


def key_rows(section: type[Section]) -> Iterator[list[str]]:
    """Of an architecture those that it declares itself: what all have in common stands in a table of its own."""
    declared = [_meanings(kind) for kind in section.__mro__]
    for name, field in section.model_fields.items():
        common = tiers.ModelSection in section.__mro__[1:] and name not in declared[0]
        if common or name == "architecture" or _is_section(field):
            continue
        meaning = next((meanings[name] for meanings in declared if meanings.get(name)), "")
        yield [f"`{name}`", _default(field), _values(field.annotation, field), meaning]


def _meanings(section: type) -> dict[str, str]:
    """{key: comment} of the keys declared in the body of a class."""
    if not issubclass(section, Section):
        return {}
    source = inspect.cleandoc("\n" + inspect.getsource(section))
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    fields = [node for node in body.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    return {node.target.id: comments(source, node.lineno, node.end_lineno or node.lineno) for node in fields}  # type: ignore[union-attr]  # a Name, see above


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Section)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none, must be given"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return "`null`" if value is None else f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _values(kind: Any, field: FieldInfo) -> str:
    """`float > 0`, `a or b`, `list of str`."""
    limits = [(sign, getattr(limit, name, None)) for limit in field.metadata for name, sign in BOUNDS.items()]
    bounds = [f"{sign} {value:g}" for sign, value in limits if value is not None]
    return " ".join([_kind(kind), *bounds]).strip()


def _kind(kind: Any) -> str:
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin in (Union, UnionType):
        return " or ".join("null" if part is NoneType else _kind(part) for part in inside)
    if origin is tuple:
        return f"list of {_kind(inside[0])}"
    if origin is dict:
        return f"{_kind(inside[0])}: {_kind(inside[1])}"
    if not isinstance(kind, type):  # Annotated
        return _kind(inside[0]) if inside else "section"
    return (
        "section"
        if issubclass(kind, Section)
        else {"str": "text", "bool": "true, false"}.get(kind.__name__, kind.__name__)
    )


def columns_page() -> str:
    """docs/columns.md."""
    lines = ["# The columns of every table", NOTE, ""]
    lines += ["Every file carries the version of its meaning, and a reader that meets another one says so.", ""]
    for path, (module, name) in TABLES.items():
        schema: pa.Schema = getattr(module, name)
        meanings = field_comments(module, name)
        rows = [[f"`{f.name}`", f"`{f.type}`", "yes" if f.nullable else "", meanings.get(f.name, "")] for f in schema]
        lines += [f"## {path}", "", *table(["column", "type", "may be null", "meaning"], rows), ""]
    return "\n".join(lines)


def field_comments(module: ModuleType, name: str) -> dict[str, str]:
    """{column: comment} of the schema that a module builds under that name."""
    source = inspect.getsource(module)
    (call,) = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name and isinstance(node.value, ast.Call)
    ]
    assert isinstance(call.args[0], ast.List)
    found = {}
    for node in call.args[0].elts:
        inside = node.value if isinstance(node, ast.Starred) else ast.List([node], ast.Load())
        code = compile(ast.fix_missing_locations(ast.Expression(inside)), "schema", "eval")
        text = comments(source, node.lineno, node.end_lineno or node.lineno)
        found |= {field.name: text for field in eval(code, vars(module))}
    return found


def commands_page() -> str:
    """docs/commands.md; not argparse's own text, which differs between versions of Python."""
    lines = ["# Every option of crystalmatrix", NOTE, ""]
    lines += ["What the commands are for, with more words: [cli.md](cli.md).", ""]
    for name, parser in subcommands(build_parser()).items():
        actions = [action for action in parser._actions if action.help != argparse.SUPPRESS and action.dest != "help"]
        rows = [[f"`{_spelled(action)}`", (action.help or "").replace("%%", "%")] for action in actions]
        lines += [f"## {name}", "", parser.description or "", "", *table(["", ""], rows), ""]
        examples = (parser.epilog or "").partition("examples:\n")[2]
        lines += ["```bash", *(line.strip() for line in examples.splitlines()), "```", ""]
    return "\n".join(lines)


def _spelled(action: argparse.Action) -> str:
    """`--out TABLE`, `FILE ...`."""
    value = action.metavar or (",".join(map(str, action.choices)) if action.choices else action.dest.upper())
    value = f"{value} ..." if action.nargs in ("*", "+") else str(value)
    if not action.option_strings:
        return value
    return action.option_strings[-1] if action.nargs == 0 else f"{action.option_strings[-1]} {value}"


PAGES: dict[str, Callable[[], str]] = {"keys.md": keys_page, "columns.md": columns_page, "commands.md": commands_page}


def main() -> None:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
