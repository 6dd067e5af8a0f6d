"""Singular and plural, and lists that may be long.

In: a number and a noun; names.  Out: text.
"""

from collections.abc import Sequence

NAMED = 5  # of a long list


def counted(n: int, one: str, many: str | None = None) -> str:
    """`1 crystal`, `2,000 crystals`; `many` where it is not `one` with an s."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def named(names: Sequence[str]) -> str:
    """The first ones, and dots for the others."""
    return ", ".join(names[:NAMED]) + (" ..." if len(names) > NAMED else "")
