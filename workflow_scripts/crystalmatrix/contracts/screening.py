"""results/screen/<name>/_plan.json, which job screens which crystals; and what a part says of its rows.

In: nothing.  Out: Start, BEGIN, PartPlan, ScreenPlan, ScreenMetadata.
"""

from typing import ClassVar

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.versions import SCREEN_VERSION


class Start(Part):
    """A crystal of a file, and a place from where it is read without what is before it."""

    crystal: int = 0  # crystals of the file before it, failures included
    place: int = 0  # byte of the unpacked text, or key of a database's row; 0: only from the beginning of the file
    line: int = 1  # of the text, at `place`


BEGIN = Start()


class PartPlan(Part):
    """What one job screens: from here to where the next part begins."""

    file: int  # number of the file, as structure_files lists them
    start: Start
    n_crystals: int  # about how many, for the progress


class ScreenPlan(Document):
    """Parts in the order of the crystals, of about the same work."""

    VERSION: ClassVar[int] = SCREEN_VERSION

    files_digest: str  # of ids, sizes and times of the files
    n_files: int
    parts: tuple[PartPlan, ...]


class ScreenMetadata(Document):
    """Of results/screen/<name>/part-<k>.parquet: what its rows are."""

    VERSION: ClassVar[int] = SCREEN_VERSION

    units: dict[str, str]  # of the columns with values; "1" for a pure number
    rows: int
    failed: int  # of the rows: lacking values, all or some
    noted: int  # of the rows: with a note
    outside: int  # of the rows: outside the training domain
    made_from: str = ""  # digests of the model and the structures; nothing for a table of several parts
