"""quality.json: what a reader should know about each property's labels before believing a model of it.

In: nothing.  Out: Quality and its parts. Values are in the property's unit.
"""

from typing import ClassVar

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.contracts.versions import QUALITY_VERSION


class Repeat(Part):
    """A value that is given suspiciously often."""

    value: float
    count: int


class Histogram(Part):
    """Equal bins; n + 1 edges for n counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class PropertyQuality(Part):
    """The labels of one property, every fold; None where there is no label."""

    unit: str
    plausible: tuple[float, float]
    count: int
    zeros: int
    negatives: int
    out_of_range: int  # outside `plausible`
    repeats: tuple[Repeat, ...]
    min: float | None
    median: float | None
    max: float | None
    histogram: Histogram | None
    nonzero_against_symmetry: int | None  # None: a property that no symmetry forbids


class QualityNote(Part):
    """What a reader of structures said about one crystal that was kept."""

    jid: str
    note: str


class Quality(Document):
    """The whole file."""

    VERSION: ClassVar[int] = QUALITY_VERSION

    source: Origin
    n_raw: int
    n_kept: int
    dropped: dict[str, int]  # reason: rows
    without_symmetry: int  # crystals in which spglib found no group
    unreadable_labels: dict[str, dict[str, int]]  # property: {text: times}, the most frequent
    known_defects: tuple[str, ...]  # sentences
    properties: dict[str, PropertyQuality]
    n_notes: int = 0  # of crystals that were kept
    notes: tuple[QualityNote, ...] = ()  # the first of them
