"""Crystals on their way to a model, with what was warned of on the way.

In: files, or any stream of crystals.  Out: the crystals one by one, warnings as their notes; for files, how far it is.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.files import read_structures

Item = Crystal | Failure


class Reading:
    """The crystals of files as `structure_files` lists them, from crystal number `crystal` of file number `file` on.

    Both count along: at any time they say where another Reading goes on. Whole files that are done are not read again.
    """

    def __init__(self, files: list[tuple[str, Path]], *, file: int = 0, crystal: int = 0) -> None:
        self.files, self.file, self.crystal = files, file, crystal

    def __iter__(self) -> Iterator[Item]:
        while self.file < len(self.files):
            for item in islice(with_warnings(read_structures([self.files[self.file]])), self.crystal, None):
                self.crystal += 1
                yield item
            self.file, self.crystal = self.file + 1, 0


def with_warnings(items: Iterable[Item]) -> Iterator[Item]:
    """The same; what a parser warned the user of (UserWarning) is a note, other warnings are shown as ever."""
    source = iter(items)
    while True:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            item = next(source, None)
        said = []
        for warning in caught:
            if item is not None and issubclass(warning.category, UserWarning):
                said.append("warning of the parser: " + " ".join(str(warning.message).split()))
            else:
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        if item is None:
            return
        yield replace(item, notes=tuple(dict.fromkeys([*item.notes, *said]))) if said else item
