"""raw.meta.json: where the raw data set came from.

In: nothing.  Out: Origin.
"""

from typing import ClassVar

from crystalmatrix.contracts.document import Document
from crystalmatrix.contracts.versions import ORIGIN_VERSION


class Origin(Document):
    """The raw data set as it was fetched."""

    VERSION: ClassVar[int] = ORIGIN_VERSION

    source: str  # data.source
    release: str | None  # file name of a JARVIS release
    origin: str  # address, file, folder or package
    bytes: int
    sha256: str  # of raw.json.zip
    n_entries: int
    date: str  # year-month-day, UTC
