"""Singular and plural.

In: a number and a noun.  Out: text.
"""


def counted(n: int, one: str, many: str | None = None) -> str:
    """`1 crystal`, `2,000 crystals`; `many` where it is not `one` with an s."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
