"""What the tables of the data stage say of themselves: the metadata of records.parquet, splits and leakage.parquet.

In: nothing.  Out: RecordsMetadata, SplitsMetadata.
"""

from typing import ClassVar

from crystalmatrix.contracts import columns
from crystalmatrix.contracts.document import Document


class RecordsMetadata(Document):
    """Where the records come from and how they were read."""

    VERSION: ClassVar[int] = columns.RECORDS_VERSION

    source: str  # data.source
    release: str | None  # file name of a JARVIS release; None: a source of the user's own
    raw_sha256: str  # of raw.json.zip
    digest: str  # sha256 of the table's content
    symprec: float  # Å, of the symmetry search
    fields: dict[str, str]  # property: key in the data set


class SplitsMetadata(Document):
    """How the folds were drawn."""

    VERSION: ClassVar[int] = columns.SPLITS_VERSION

    scheme: str  # official | random | grouped
    seed: int | None  # None: official
    source: str
    records_digest: str
