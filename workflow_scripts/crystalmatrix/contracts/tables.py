"""What tables say of themselves: the metadata of records.parquet, of splits and leakage.parquet, and of graph shards.

In: nothing.  Out: RecordsMetadata, ExtraSource, SplitsMetadata, GraphsMetadata.
"""

from typing import Any, ClassVar

from pydantic import Field, field_serializer

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.document import Document, Part


class ExtraSource(Part):
    """More crystals for training, of another source (data.extra)."""

    name: str  # their ids read <name>:<id>
    source: str
    raw_sha256: str
    n_crystals: int
    fields: dict[str, str]  # property: key in the data set


class RecordsMetadata(Document):
    """Where the records come from and how they were read."""

    VERSION: ClassVar[int] = columns.RECORDS_VERSION

    source: str  # data.source
    release: str | None  # file name of a JARVIS release; None: a source of the user's own
    raw_sha256: str  # of raw.json.zip
    digest: str  # sha256 of the table's content
    symprec: float  # Å, of the symmetry search
    fields: dict[str, str]  # property: key in the data set
    extra: tuple[ExtraSource, ...] = ()  # what the records end with: more crystals for training


class SplitsMetadata(Document):
    """How the folds were drawn."""

    VERSION: ClassVar[int] = columns.SPLITS_VERSION

    scheme: str  # official | random | grouped
    seed: int | None  # None: official
    source: str
    records_digest: str
    lists: dict[str, str] = Field(default_factory=dict)  # sha256 of the csv files beside the splits


class GraphsMetadata(Document):
    """Which graphs a shard holds."""

    VERSION: ClassVar[int] = columns.GRAPHS_VERSION

    graph: GraphConfig  # of which only the identity is written
    shard: int
    n_shards: int
    records_digest: str  # see RecordsMetadata

    @field_serializer("graph")
    def _only_what_counts(self, graph: GraphConfig) -> dict[str, Any]:
        return graph.identity
