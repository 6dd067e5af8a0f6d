"""One change each to a tier: what benchmarks/ablation.py compares.

In: the settings of a tier.  Out: the changed ones.
"""

from dataclasses import dataclass, field
from typing import Any

from crystalmatrix import config
from crystalmatrix.tiers import BlendConfig

Keys = dict[str, Any]
DESCRIPTOR_KEYS = {"descriptors", "descriptor_layers", "descriptors_enter", "components"}


@dataclass(frozen=True)
class Variant:
    """A change that has no effect on a tier leaves its settings as they are."""

    model: Keys = field(default_factory=dict)  # of the network, or of each member of a blend that has all the keys
    of: str | None = None  # ... and is of this architecture
    training: Keys = field(default_factory=dict)
    members: tuple[str, ...] = ()  # architectures that are left of a blend; (): all
    without: str = ""  # extra source (data.extra) whose crystals are left out of the training fold

    def settings(self, tier: config.TierConfig) -> config.TierConfig:
        """The tier with this change."""
        sections = tier.model_dump()
        sections["training"] |= self.training
        if isinstance(tier.model, BlendConfig):
            sections["model"] = self._blend(sections["model"])
        elif not self.members:
            sections["model"] = self._network(sections["model"])
        return config.TierConfig.parse(sections)

    def _blend(self, blend: Keys) -> Keys:
        kept = [self._network(m) for m in blend["members"] if not self.members or m["architecture"] in self.members]
        if not kept:
            return blend
        return kept[0] if len(kept) == 1 else blend | {"members": kept}

    def _network(self, model: Keys) -> Keys:
        fits = self.model.keys() <= model.keys() and self.of in (None, model["architecture"])
        if DESCRIPTOR_KEYS & self.model.keys():
            fits = fits and bool(model["descriptors"])
        return model | self.model if fits else model


VARIANTS: dict[str, Variant] = {
    # of any network
    "no 3-body angles": Variant({"angle_radial": 0}),
    "l_max 0": Variant({"l_max": 0}),
    "l_max 1": Variant({"l_max": 1}),
    "l_max 3": Variant({"l_max": 3}),
    "dropout 0.2": Variant({"dropout": 0.2}),
    "mean pooling": Variant({"pooling": "mean"}),
    "moments pooling": Variant({"pooling": "moments"}),
    "attention pooling": Variant({"pooling": "attention"}),
    "network of 32 channels": Variant({"channels": 32, "edge_channels": 32}, of="equivariant"),
    "network of 64 channels": Variant({"channels": 64, "edge_channels": 64}, of="equivariant"),
    "MSE": Variant(training={"loss": "mse"}),
    "Huber": Variant(training={"loss": "huber"}),
    "no transform": Variant(training={"transform": False}),
    "no EMA": Variant(training={"ema_decay": 0.0}),
    "Muon": Variant(training={"optimiser": "muon"}),
    "hurdle": Variant(training={"hurdle": True}),
    "no composition reference": Variant(training={"composition_reference": False}),
    "from scratch": Variant(training={"init": "scratch"}),
    "from multi-task": Variant(training={"init": "multitask"}),
    "learned task weights": Variant(training={"task_weights": "learned"}),
    "uniform sampling": Variant(training={"sampling": "uniform"}),
    "no auxiliary targets": Variant(training={"auxiliary": False}),
    # of what reads descriptors
    "chgnet": Variant({"descriptors": ("chgnet",), "components": None}),
    "7net-0": Variant({"descriptors": ("7net-0",), "components": None}),
    "7net-0, 128 components": Variant({"descriptors": ("7net-0",), "components": 128}),
    "both potentials": Variant({"descriptors": ("7net-0", "chgnet"), "components": None}),
    "both potentials, 128 components": Variant({"descriptors": ("7net-0", "chgnet"), "components": 128}),
    **{
        f"kernel on 7net-0, {said}": Variant(
            {"descriptors": ("7net-0",), "descriptor_layers": layers, "components": None}, members=("kernel",)
        )
        for said, layers in {
            "all layers": (),
            **{f"layer {k}": (f"layer {k}",) for k in range(1, 6)},
            "layers 1 to 4": tuple(f"layer {k}" for k in range(1, 5)),
        }.items()
    },
    "kernel on both potentials": Variant(
        {"descriptors": ("7net-0", "chgnet"), "components": None}, members=("kernel",)
    ),
    "32 components": Variant({"components": 32}),
    "descriptors early": Variant({"descriptors_enter": "early"}),
    "descriptors late": Variant({"descriptors_enter": "late"}),
    "network without descriptors": Variant({"descriptors": (), "components": None}, of="equivariant"),
    "readout of 96 channels": Variant({"channels": 96}, of="readout"),
    "readout of 384 channels": Variant({"channels": 384}, of="readout"),
    # of a blend
    "readout alone": Variant(members=("readout",)),
    "network alone": Variant(members=("equivariant",)),
    "kernel alone": Variant(members=("kernel",)),
    "no readout": Variant(members=("equivariant", "kernel")),
    "no network": Variant(members=("readout", "kernel")),
    "no kernel": Variant(members=("readout", "equivariant")),
    # of the data
    "no proxies": Variant(without="proxies"),
    "no MEGNET": Variant(without="megnet"),
}
ONLY_MULTITASK = ("learned task weights", "uniform sampling", "no auxiliary targets")
ONLY_SINGLE = ("from scratch", "from multi-task")
