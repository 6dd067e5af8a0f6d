"""The syntax of CIF, by gemmi: data blocks and what their tags say.

In: text with line ends of \\n.  Out: Blocks, each parsed alone, so that a damaged one costs itself only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gemmi import cif

from crystalmatrix.crystals.crystal import CONTRADICTORY, MALFORMED, InvalidCrystalError

_CIF_2 = "#\\#CIF_2.0"
_TRIPLE = re.compile(r"(?<=\s)(\'\'\'|\"\"\")(.*?)\1", re.DOTALL)
_HEADER = re.compile(r"\s*data_(\S*)", re.IGNORECASE)
UNKNOWN = ("?", ".", "")
_PART = r"[-+\d/.* \t]*[xyz](?:[-+xyz\d/.* \t]*[xyz\d])?"
# One meaning each, though no CIF: operations with blanks, and a value of several words, both without quotes.
_BARE_OPERATION = re.compile(
    rf"^([ \t]*+(?:\d++[ \t]++)*+)({_PART}[ \t]*,{_PART}[ \t]*,{_PART}(?:[ \t]*,[ \t]*[+-]?1)?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_BARE_WORDS = re.compile(r"^([ \t]*_\S+[ \t]+)([^\s'\"#;_]\S*(?:[ \t]+[^\s#_]\S*)+)[ \t]*(#.*)?$", re.MULTILINE)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ASCII_OF = str.maketrans(
    "\u2212\u2010\u2011\u2013\u2032\u00b7\u22c5\ufeff", "----'** "
)  # signs of minus, a prime, dots
# Tags whose value would change the crystal: said twice, they must say the same.
_DECISIVE = ("_cell_", "_atom_site_", "_space_group_", "_symmetry_", "_chemical_formula_")


@dataclass(frozen=True)
class Block:
    """What a data block says: values as text without quotes; tags in small letters, with _ for the newer ones' dots."""

    name: str
    line: int  # of the block's first line in the file, from 1
    values: dict[str, str] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)  # of loops
    comments: list[str] = field(default_factory=list)

    def value(self, *tags: str) -> str | None:
        """The first of the tags that has a value; a loop of one row counts."""
        for tag in tags:
            found = self.values.get(tag)
            if found is None and len(column := self.columns.get(tag, [])) == 1:
                found = column[0]
            if found is not None and found not in UNKNOWN:
                return found
        return None

    def every(self, *tags: str) -> list[str]:
        """Each value that one of the tags has, once."""
        return list(dict.fromkeys(value for tag in tags if (value := self.value(tag)) is not None))

    def column(self, *tags: str) -> list[str] | None:
        """The first of the tags that is there, in a loop or alone."""
        for tag in tags:
            if tag in self.columns:
                return self.columns[tag]
            if tag in self.values:
                return [self.values[tag]]
        return None

    @property
    def said(self) -> list[str]:
        """Tags with a value, in loops and alone."""
        columns = [tag for tag, column in self.columns.items() if not set(column) <= set(UNKNOWN)]
        return [tag for tag, value in self.values.items() if value not in UNKNOWN] + columns

    @property
    def where(self) -> str:
        return f"block data_{self.name}"


def printable(text: str) -> str:
    """As CIF 1 allows it: ASCII, without control characters. Names and remarks alone hold anything else."""
    if not text.isascii():
        text = re.sub(r"[^\S\n]", " ", text.translate(_ASCII_OF)).encode("ascii", "replace").decode("ascii")
    return _UNPRINTABLE.sub(" ", text)


def split_blocks(text: str) -> Iterator[tuple[str, int, str]]:
    """(name, line, text) of every data block; what stands before the first belongs to it where it is the only one."""
    if text.startswith(_CIF_2):
        text = _TRIPLE.sub(_in_one_line, text)
    lines = printable(text).split("\n")
    starts, unfinished = _headers(lines, 0)
    if unfinished is not None:  # that text field takes its own block only
        starts = [start for start in starts if start[0] < unfinished] + _headers(lines, unfinished + 1)[0]
    if not starts and re.search(r"^\s*(loop_|_[a-z]+_)", text, re.IGNORECASE | re.MULTILINE):
        starts, lines = [(0, "")], ["data_", *lines]
    ends = [number for number, _ in starts[1:]] + [len(lines)] * bool(starts)
    remarks = [line for line in lines[: starts[0][0]] if line.lstrip().startswith("#")] if len(starts) == 1 else []
    for (first, name), end in zip(starts, ends, strict=True):
        yield name, first + 1, "\n".join([*lines[first:end], *remarks])


def _in_one_line(found: re.Match[str]) -> str:
    """A value in three quotes, which gemmi does not know, in one; lines behind it keep their numbers."""
    value = " ".join(found[2].split())
    quote = next((quote for quote in "\"'" if quote not in value), "")
    return (f"{quote}{value}{quote}" if quote else "?") + "\n" * found[0].count("\n")


def _headers(lines: list[str], first: int) -> tuple[list[tuple[int, str]], int | None]:
    """(line, name) of the data blocks from a line on, counted from 0; where a text field begins that does not end."""
    starts: list[tuple[int, str]] = []
    opened: int | None = None  # the line of a semicolon, until the next one
    for number in range(first, len(lines)):
        line = lines[number]
        if line.startswith(";"):
            opened = number if opened is None else None
        elif opened is None and (found := _HEADER.match(line)):
            starts.append((number, found[1]))
    return starts, opened


def parse_block(name: str, line: int, text: str) -> Block:
    """Raises InvalidCrystalError that says which line or loop is damaged."""
    block = Block(name, line, comments=_comments(text))
    for item in _parsed(_BARE_OPERATION.sub(r"\1'\2'", text), line):
        if item.pair:
            tag, value = _tag(item.pair[0]), cif.as_string(item.pair[1])
            before = block.values.get(tag, value)
            if value in UNKNOWN:  # says nothing new: files of AMCSD have a formula, and an empty one behind it
                value = before
            again = before not in (value, *UNKNOWN) or tag in block.columns
            _check_said_once(tag, again, line, item)
            block.values[tag] = value
        elif item.loop:
            width = item.loop.width()
            values = [cif.as_string(value) if value[:1] in "'\";" else value for value in item.loop.values]
            for k, tag in enumerate(map(_tag, item.loop.tags)):
                _check_said_once(tag, tag in block.columns or tag in block.values, line, item)
                block.columns[tag] = values[k::width]
    return block


def _parsed(text: str, line: int) -> list[Any]:
    """The items of gemmi's block, whose types its stubs leave open."""
    try:
        document = cif.read_string(text, check_level=0)
    except Exception as error:  # of gemmi's parser; its words are for programmers
        mended = _BARE_WORDS.sub(_quoted, text)
        if mended != text:
            return _parsed(mended, line)
        raise InvalidCrystalError(MALFORMED, _in_our_words(str(error), line)) from None
    return list(document.sole_block()) if len(document) == 1 else []


def _quoted(found: re.Match[str]) -> str:
    quote = '"' if "'" in found[2] else "'"
    return f"{found[1]}{quote}{found[2]}{quote}"


def _check_said_once(tag: str, again: bool, line: int, item: Any) -> None:
    if again and tag.startswith(_DECISIVE) and not tag.endswith("_id"):
        place = f"line {item.line_number + line - 1}"
        raise InvalidCrystalError(CONTRADICTORY, f"{place}: {tag} stands twice in the block, expected once")


def _tag(tag: str) -> str:
    return tag.lower().replace(".", "_")


def _comments(text: str) -> list[str]:
    if "#" not in text:
        return []
    return [line.lstrip("# \t") for line in text.split("\n") if line.lstrip().startswith("#")]


def _in_our_words(said: str, first: int) -> str:
    place = re.match(r"\w+:(\d+)", said)
    line = f"line {int(place[1]) + first - 1}" if place else f"from line {first} on"
    if found := re.search(r"Wrong number of values in loop (\S+)", said):
        tags = found[1].rstrip("*")
        return f"{line}: the loop of {tags}... has a value too many or too few, expected whole rows"
    if "unterminated" in said or "quot" in said:
        return f"{line}: a quotation mark or text field without its end"
    return f"{line}: not CIF, expected tags with values, and loops with whole rows"
