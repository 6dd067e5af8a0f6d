"""Crystals on their way to a model, with what was warned of on the way.

In: files, a part of them, or any stream of crystals.  Out: the crystals one by one, warnings as their notes; for
files, how far it is.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from crystalmatrix.contracts.screening import BEGIN, PartPlan, Start
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.files import read_file

Item = Crystal | Failure
FIRST = PartPlan(file=0, start=BEGIN, n_crystals=0)


class Reading:
    """The crystals of files as `structure_files` lists them, from crystal number `crystal` of file number `file` on.

    Both count along: at any time they say where another Reading goes on. Whole files that are done are not read again.
    With `part` and `end`, only the crystals of that part: up to where `end`, the next one, begins.
    """

    def __init__(
        self,
        files: list[tuple[str, Path]],
        *,
        file: int = 0,
        crystal: int = 0,
        part: PartPlan = FIRST,
        end: PartPlan | None = None,
    ) -> None:
        self.files, self.part = files, part
        self.file, self.crystal = max((file, crystal), (part.file, part.start.crystal))
        self.end = (end.file, end.start.crystal) if end else (len(files), 0)

    def __iter__(self) -> Iterator[Item]:
        while (self.file, self.crystal) < self.end:
            stop = self.end[1] if self.file == self.end[0] else None
            start = self._start()
            items = with_warnings(read_file(self.files[self.file][1], self.files[self.file][0], start))
            skipped = self.crystal - start.crystal
            for item in islice(items, skipped, None if stop is None else stop - start.crystal):
                self.crystal += 1
                yield item
            if stop is not None:
                return
            self.file, self.crystal = self.file + 1, 0

    def _start(self) -> Start:
        """Where the current crystal is read from: where the part begins, if it is in this file; else it is counted."""
        inside = self.file == self.part.file and self.part.start.place
        return self.part.start if inside else Start(crystal=self.crystal)


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
