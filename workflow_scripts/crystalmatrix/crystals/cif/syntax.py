"""The syntax of CIF, by gemmi: data blocks and what their tags say.

In: text with line ends of \\n.  Out: Blocks, each parsed alone, so that a damaged one costs itself only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gemmi import cif

from crystalmatrix.crystals.crystal import MALFORMED, InvalidCrystalError

_HEADER = re.compile(r"\s*data_(\S*)", re.IGNORECASE)
UNKNOWN = ("?", ".", "")


@dataclass(frozen=True)
class Block:
    """What a data block says: values as text without quotes; tags in small letters, with _ for the newer ones' dots."""

    name: str
    line: int  # of the block's first line in the file, from 1
    values: dict[str, str] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)  # of loops
    comments: list[str] = field(default_factory=list)
    text: str = ""

    def value(self, *tags: str) -> str | None:
        """The first of the tags that has a value; a loop of one row counts."""
        for tag in tags:
            found = self.values.get(tag)
            if found is None and len(column := self.columns.get(tag, [])) == 1:
                found = column[0]
            if found is not None and found not in UNKNOWN:
                return found
        return None

    def column(self, *tags: str) -> list[str] | None:
        """The first of the tags that is there, in a loop or alone."""
        for tag in tags:
            if tag in self.columns:
                return self.columns[tag]
            if tag in self.values:
                return [self.values[tag]]
        return None

    @property
    def where(self) -> str:
        return f"block data_{self.name}"


def split_blocks(text: str) -> Iterator[tuple[str, int, str]]:
    """(name, line, text) of every data block; what stands before the first belongs to none."""
    lines = text.split("\n")
    starts: list[tuple[int, str]] = []
    inside = False  # a text field, between lines that begin with a semicolon
    for number, line in enumerate(lines):
        if line.startswith(";"):
            inside = not inside
        elif not inside and (found := _HEADER.match(line)):
            starts.append((number, found[1]))
    if not starts and re.search(r"^\s*(loop_|_[a-z]+_)", text, re.IGNORECASE | re.MULTILINE):
        starts, lines = [(0, "")], ["data_", *lines]
    ends = [number for number, _ in starts[1:]] + [len(lines)] * bool(starts)
    for (first, name), end in zip(starts, ends, strict=True):
        yield name, first + 1, "\n".join(lines[first:end])


def parse_block(name: str, line: int, text: str) -> Block:
    """Raises InvalidCrystalError that says which line or loop is damaged."""
    try:
        document = cif.read_string(text)
    except Exception as error:  # of gemmi's parser; its words are for programmers
        raise InvalidCrystalError(MALFORMED, _in_our_words(str(error), line)) from None
    block = Block(name, line, comments=_comments(text), text=text)
    for item in [*document[0]] if len(document) else []:
        if item.pair:
            block.values[_tag(item.pair[0])] = cif.as_string(item.pair[1])
        elif item.loop:
            width = item.loop.width()
            values = [cif.as_string(value) if value[:1] in "'\";" else value for value in item.loop.values]
            for k, tag in enumerate(item.loop.tags):
                block.columns[_tag(tag)] = values[k::width]
    return block


def _tag(tag: str) -> str:
    return tag.lower().replace(".", "_")


def _comments(text: str) -> list[str]:
    return [line.lstrip("# \t") for line in text.split("\n") if line.lstrip().startswith("#")]


def _in_our_words(said: str, first: int) -> str:
    place = re.match(r"\w+:(\d+)", said)
    line = f"line {int(place[1]) + first - 1}" if place else f"from line {first} on"
    if found := re.search(r"Wrong number of values in loop (\S+)", said):
        tags = found[1].rstrip("*")
        return f"{line}: the loop of {tags}... has a value too many or too few, expected whole rows"
    if found := re.search(r"duplicate tag (\S+)", said, re.IGNORECASE):
        return f"{line}: {found[1]} stands twice in the block, expected once"
    if "unterminated" in said or "quot" in said:
        return f"{line}: a quotation mark or text field without its end"
    return f"{line}: not CIF, expected tags with values, and loops with whole rows"
