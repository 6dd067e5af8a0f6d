"""The potentials whose frozen descriptors models may read, and the columns of results/descriptors/<potential>/.

In: nothing.  Out: POTENTIALS (what is known of each before its package is imported), DESCRIPTORS, DescriptorsMetadata.

Of every atom a potential gives `width` features, kept as float16 (relative error at most 2^-11), and its share of the
energy, kept as float32, since the errors that models reach are far below what float16 resolves of some eV.
"""

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import pyarrow as pa

from crystalmatrix.contracts.columns import DESCRIPTORS_VERSION, JID, list_of
from crystalmatrix.contracts.document import Document

ATOM_FEATURES = "atom_features"
SITE_ENERGY = "site_energy"
ENERGY = "energy"
REASON = "reason"


class PotentialFacts(NamedTuple):
    """What the workflow, the page and the cards say of a potential."""

    package: str  # on the package index
    package_version: str  # that these facts were checked with
    weights: str  # which of the package's weights
    sha256: str  # of the file of weights
    licence: str
    trained_on: str  # a sentence for the page
    width: int  # features of an atom, without the site energy
    layers: dict[str, tuple[int, int]]  # name: first and last + 1 of these features


_MPTRJ = "1.58 million steps of the relaxations of 146,000 materials of the Materials Project (MPtrj), PBE and PBE+U"

POTENTIALS = {
    "chgnet": PotentialFacts(
        package="chgnet",
        package_version="0.4.2",
        weights="0.3.0",
        sha256="d14ab7c0f093efe64b60a7bcd540bca10e74fb7f46c86108a079af60524659d1",
        licence="modified BSD (Lawrence Berkeley National Laboratory)",
        trained_on=_MPTRJ,
        width=65,
        layers={"atoms": (0, 64), "magnetic moment": (64, 65)},
    ),
    "7net-0": PotentialFacts(
        package="sevenn",
        package_version="0.13.0",
        weights="SevenNet_0__11Jul2024",
        sha256="7052cb42b7b3be42b40b97fa0d21077a48c54b5548948fc4dcf346629f813c36",
        licence="MIT",
        trained_on=_MPTRJ,
        width=640,
        layers={f"layer {k + 1}": (128 * k, 128 * (k + 1)) for k in range(5)},
    ),
}


def beyond(potentials: Iterable[str]) -> str:
    """What else than its source a model that reads these potentials knows of, for a card or a page; "" for none."""
    return "; ".join(
        f"frozen descriptors of {name} ({facts.package} {facts.package_version}, {facts.licence}), which was trained "
        f"on {facts.trained_on}: no label of this source, but many of its structures may be relaxed again from those"
        for name in potentials
        for facts in [POTENTIALS[name]]
    )


def n_descriptors(potentials: tuple[str, ...]) -> int:
    """Numbers of an atom that a model reads: the features of all potentials, then their site energies."""
    return sum(POTENTIALS[name].width + 1 for name in potentials)


DESCRIPTORS = pa.schema(
    [
        pa.field(JID, pa.string(), nullable=False),
        pa.field(ATOM_FEATURES, list_of(pa.float16())),  # [n_atoms * width] row-major; null: not described
        pa.field(SITE_ENERGY, list_of(pa.float32())),  # [n_atoms] eV, the potential's own zero
        pa.field(ENERGY, pa.float64()),  # eV/atom, the potential's prediction for the crystal
        pa.field(REASON, pa.string()),  # why the potential does not describe the crystal; null: it does
    ]
)


class DescriptorsMetadata(Document):
    """What a shard says of itself."""

    VERSION: ClassVar[int] = DESCRIPTORS_VERSION

    potential: str
    package: str
    package_version: str  # installed when it was made
    weights_sha256: str
    licence: str
    trained_on: str
    layers: dict[str, tuple[int, int]]
    shard: int
    n_shards: int
    records_digest: str
    shard_sha256: str  # of the graph shard whose crystals these are
