"""Which features a network sees: the settings that decide them, and the name of the folder that holds them.

In: graph settings, a model's settings.  Out: View. Tiers with equal views share results/features/<name>/.
Imports neither torch nor numba: the Snakefile names the folders.
"""

import hashlib
from typing import Any, ClassVar, Self

from pydantic import SerializerFunctionWrapHandler, field_serializer, model_serializer

from crystalmatrix.config import GraphConfig
from crystalmatrix.section import Section
from crystalmatrix.tiers import Seeing


class View(Section):
    """What features depend on, and nothing else."""

    where: ClassVar[str] = "view"
    graph: GraphConfig
    neighbours: int | None  # slots K of an atom; null: as many as any atom of the shards has neighbours
    angular_basis: tuple[int, int]  # radial and angular functions of the 3-body fingerprint; (0, 0): none
    descriptors: tuple[str, ...] = ()  # potentials whose descriptors of the atoms it holds

    @classmethod
    def of(cls, graph: GraphConfig, model: Seeing) -> Self:
        """What a model sees of graphs; neither the number of shards nor the search makes a difference."""
        return cls(
            graph=GraphConfig.parse(graph.identity),
            neighbours=model.neighbours,
            angular_basis=model.angular_basis,
            descriptors=model.descriptors,
        )

    @field_serializer("graph")
    def _only_what_counts(self, graph: GraphConfig) -> dict[str, Any]:
        return graph.identity

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A view without descriptors has the text, and so the name, that it had before there were any."""
        content: dict[str, Any] = handler(self)
        return content if self.descriptors else {k: v for k, v in content.items() if k != "descriptors"}

    @property
    def n_angular(self) -> int:
        """Length of the fingerprint of an edge."""
        return self.angular_basis[0] * self.angular_basis[1]

    @property
    def name(self) -> str:
        """Short and readable, and another one for every other view: k16-a3x6-5c23fd73, k24-5b1d09e7, kall-..."""
        angles = "a{}x{}-".format(*self.angular_basis) if self.n_angular else ""
        potentials = "".join(f"{name}-" for name in self.descriptors)
        digest = hashlib.sha256(self.to_json().encode()).hexdigest()[:8]
        return f"k{self.neighbours or 'all'}-{angles}{potentials}{digest}"
