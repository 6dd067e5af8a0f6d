"""The entries of a JSON file, one at a time, in memory that does not grow with the length of a list.

In: text in pieces.  Out: (place, entry): the place is None for a file that is one entry, the count from 0 in a list
(also `{"data": [...]}`) and in JSON lines, the key in `{id: entry}`. An entry may be anything: Damaged where its line
is no JSON. InvalidCrystalError for what is no JSON at all, or breaks off.

JSON is decoded by the standard library's C scanner on a sliding buffer, so a 1 GB list costs a few MB.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from crystalmatrix.crystals.crystal import NO_STRUCTURE, UNREADABLE, InvalidCrystalError
from crystalmatrix.crystals.entry import HOLDERS, is_entry
from crystalmatrix.crystals.text import check_length

Place = int | str | None
_SPACE = re.compile(r"[ \t\r\n]*")
_NO_ENTRIES = ("ids", "nextid", "meta", "links", "included")  # beside the rows of ASE's JSON, the data of OPTIMADE
_READ_AT_LEAST = 1 << 20  # characters


class Damaged:
    """In place of an entry that is no valid JSON; `said` is what is wrong with it."""

    def __init__(self, said: str) -> None:
        self.said = said


def read_items(pieces: Iterator[str]) -> Iterator[tuple[Place, Any]]:
    """Raises InvalidCrystalError."""
    head = next(pieces, "")
    pieces = chain([head], pieces)
    if are_lines(head):
        yield from enumerate(line_values(pieces))
        return
    buffer = _Buffer(pieces)
    first = buffer.peek()
    if first == "[":
        yield from enumerate(list_values(buffer))
    elif first == "{":
        yield from _members(buffer)
    else:
        raise InvalidCrystalError(UNREADABLE, f"starts with {buffer.shown()}, expected JSON: [{{...}}] or {{...}}")
    if buffer.peek():
        raise InvalidCrystalError(UNREADABLE, f"found more text after the end of the JSON: {buffer.shown()}")


def are_lines(head: str) -> bool:
    """Whether each line is JSON by itself: the second opens an object too, or the first is one and more follows."""
    first, _, rest = head.lstrip().partition("\n")
    if not first.startswith("{") or not rest.strip():
        return False
    if rest.lstrip().startswith("{"):
        return True
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def list_of(pieces: Iterator[str]) -> Iterator[Any]:
    """The entries of a JSON list and of nothing else. Raises InvalidCrystalError."""
    buffer = _Buffer(pieces)
    if buffer.peek() != "[":
        raise InvalidCrystalError(
            UNREADABLE, f"starts with {buffer.shown()}, expected a JSON list of crystals: [{{...}}]"
        )
    yield from list_values(buffer)
    _check_end(buffer)


def rest_of_list(pieces: Iterator[str], before: int) -> Iterator[tuple[int, Any]]:
    """(count, entry) of a list whose text begins with an entry, as `list_places` says where. InvalidCrystalError."""
    buffer = _Buffer(pieces)
    yield from enumerate(_values_to_end(buffer, before), before)
    _check_end(buffer)


def list_places(pieces: Iterator[str]) -> Iterator[tuple[int, int]]:
    """(character where it begins, its length) of each entry of a JSON list; nothing of other JSON.

    Raises InvalidCrystalError where the list breaks off."""
    buffer = _Buffer(pieces)
    if buffer.peek() != "[":
        return
    values = list_values(buffer)
    while True:
        if next(values, Damaged) is Damaged:
            return
        yield buffer.value_began, buffer.value_ended - buffer.value_began


class _Buffer:
    """The unread part of the text so far, and a place in it."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self._text, self._place = "", 0
        self._before = 0  # characters that are not held any more
        self.value_began = self.value_ended = 0  # characters of the text before the latest value, and with it

    def peek(self) -> str:
        """The next character that is no blank; "" at the end."""
        while True:
            self._place = _SPACE.match(self._text, self._place).end()  # type: ignore[union-attr]  # matches anything
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more():
                return ""

    def take(self, expected: str, *, count: int) -> str:
        """The next character, which must be among `expected`. Raises InvalidCrystalError."""
        found = self.peek()
        if not found:
            raise _cut_short(count)
        if found not in expected:
            wanted = " or ".join(map(repr, expected))
            raise InvalidCrystalError(UNREADABLE, f"entry {count}: found {found!r}, expected {wanted}")
        self._place += 1
        return found

    def value(self, *, count: int) -> Any:
        """The next value. Raises InvalidCrystalError."""
        if not self.peek():
            raise _cut_short(count)
        while True:
            try:
                value, end = _DECODE(self._text, self._place)
            except json.JSONDecodeError as error:
                if self._may_be_incomplete(error) and self._more():
                    continue
                if error.pos >= len(self._text.rstrip()) or error.msg.startswith("Unterminated string"):
                    raise _cut_short(count) from None
                raise _invalid(count, error.msg) from None
            except (ValueError, RecursionError):  # a number of thousands of digits; brackets thousands deep
                raise _invalid(count, "a number or a nesting too large") from None
            if end == len(self._text) and isinstance(value, int | float) and self._more():
                continue  # 12 may be the first half of 123
            self.value_began, self.value_ended = self._before + self._place, self._before + end
            self._place = end
            return value

    def shown(self) -> str:
        return repr(self._text[self._place : self._place + 40])

    def _more(self) -> bool:
        """Read at least as much again as is unread, so that decoding a long value anew costs no more than twice."""
        unread = len(self._text) - self._place
        check_length(unread)
        pieces, length = [self._text[self._place :]], 0
        self._before += self._place
        for piece in self._pieces:
            pieces.append(piece)
            length += len(piece)
            if length >= max(unread, _READ_AT_LEAST):
                break
        self._text, self._place = "".join(pieces), 0
        return length > 0

    def _may_be_incomplete(self, error: json.JSONDecodeError) -> bool:
        """Whether more text could mend the error: it stands at the end of the buffer, or a string is still open."""
        return error.pos >= len(self._text) - 16 or error.msg.startswith(("Unterminated string", "Invalid \\u"))


_DECODE = json.JSONDecoder().raw_decode


def _cut_short(count: int) -> InvalidCrystalError:
    said = f"ends in the middle, after {count:,} entries; the file is cut short: fetch it again"
    return InvalidCrystalError(UNREADABLE, said)


def _invalid(count: int, said: str) -> InvalidCrystalError:
    return InvalidCrystalError(UNREADABLE, f"entry {count + 1}: not valid JSON: {said}")


def list_values(buffer: _Buffer) -> Iterator[Any]:
    """Of `[value, value, ...]`."""
    count = 0
    buffer.take("[", count=count)
    if buffer.peek() == "]":
        buffer.take("]", count=count)
        return
    yield from _values_to_end(buffer, count)


def _values_to_end(buffer: _Buffer, count: int) -> Iterator[Any]:
    """From a value on; `count` came before it."""
    while True:
        value = buffer.value(count=count)
        count += 1
        yield value
        if buffer.take(",]", count=count) == "]":
            return
        if buffer.peek() == "]":
            raise _invalid(count, "found ']' behind a comma, expected another entry")


def _check_end(buffer: _Buffer) -> None:
    if buffer.peek():
        raise InvalidCrystalError(UNREADABLE, f"found more text after the end of the list: {buffer.shown()}")


def _members(buffer: _Buffer) -> Iterator[tuple[Place, Any]]:
    """Of `{"key": value, ...}`: one entry, or many by their ids, which come as they are read, or one with a list."""
    held: dict[str, Any] = {}  # until an entry shows that the keys are ids
    by_id = False
    count = 0
    buffer.take("{", count=count)
    end = buffer.peek() == "}"
    if end:
        buffer.take("}", count=count)
    while not end:
        key = buffer.value(count=count)
        if not isinstance(key, str):
            raise _invalid(count, f"found the key {key!r:.40}, expected text")
        buffer.take(":", count=count)
        value = buffer.value(count=count)
        if not by_id and key not in HOLDERS and is_entry(value):
            by_id = True
            yield from _without_counts(held)
            held = {}
        if by_id:
            yield from _without_counts({key: value})
        else:
            held[key] = value
        count += 1
        end = buffer.take(",}", count=count) == "}"
    if not by_id:
        yield from _of_one(held)


def _without_counts(members: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    return ((key, value) for key, value in members.items() if key not in _NO_ENTRIES)


def _of_one(members: dict[str, Any]) -> Iterator[tuple[Place, Any]]:
    """Of an object without entries at its top: one entry, or lists of them under some keys, or {id: entry} there."""
    if not members:
        raise InvalidCrystalError(NO_STRUCTURE, "an empty object, expected a crystal in it")
    below = [] if is_entry(members) else list(members.values())
    lists = [value for value in below if isinstance(value, list) and any(map(is_entry, value))]
    by_id = [value for value in below if isinstance(value, Mapping) and any(map(is_entry, value.values()))]
    yield from enumerate(chain.from_iterable(lists))
    for value in by_id:
        yield from _without_counts(value)
    if not lists and not by_id:
        yield None, members


def line_values(pieces: Iterable[str]) -> Iterator[Any]:
    """Of every line that is not blank."""
    for line in _lines(pieces):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            yield Damaged(f"not valid JSON on its line: {line.strip():.40}")


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    rest = ""
    for piece in pieces:
        check_length(len(rest))
        *whole, rest = (rest + piece).split("\n")
        yield from whole
    yield rest
