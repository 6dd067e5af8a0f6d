"""The card of a shipped model, for programs: models/<task>.json. In: nothing.  Out: ModelCard."""

from typing import ClassVar

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.versions import CARD_VERSION


class CardScore(Part):
    """What a model reached on the test crystals of one property."""

    mae: float
    unit: str


class ModelCard(Document):
    """The whole file."""

    VERSION: ClassVar[int] = CARD_VERSION

    tier: str
    sha256: str  # of the checkpoint beside it
    properties: dict[str, CardScore]
