"""Provenance: configuration, versions, digests, folds and seeds, enough to make everything again.

In: Inputs.  Out: what provenance.html.j2 shows.
"""

from collections.abc import Iterable
from typing import Any

import yaml

from crystalmatrix.config import Config
from crystalmatrix.contracts.descriptors import beyond
from crystalmatrix.contracts.summary import ModelSummary
from crystalmatrix.report.inputs import Inputs


def provenance(inputs: Inputs) -> dict[str, Any]:
    """The configuration as YAML, and facts that the models agree on; where they differ, every value is listed."""
    models = [model.model for model in inputs.models]
    raw, records = inputs.quality.source, inputs.source
    return {
        "config": _as_yaml(inputs.config) if inputs.config else "",
        "versions": _merge([model.versions for model in models]),
        "facts": [
            ("Source", records.source),
            ("Release", records.release or "not recorded"),
            ("Origin", raw.origin),
            ("Fetched", raw.date),
            ("Raw file, sha256", records.raw_sha256),
            ("Records, digest", records.digest),
            ("Symmetry tolerance", f"{records.symprec} Å (spglib)"),
            ("Folds", inputs.splits.scheme),
            ("Seeds per model", _distinct(str(model.seeds) for model in models)),
            (
                "Hold-out of the multi-task models",
                _distinct(m.model.hold_out for m in inputs.models if m.is_multitask),
            ),
            (
                "More training crystals",
                _distinct(name for model in models for name in model.source.extra or ["none"]),
            ),
            ("Data beyond the source", _beyond(models)),
            ("Devices", _distinct(model.device for model in models)),
            ("Bootstrap", f"{inputs.settings.bootstrap} resamples of the test crystals"),
        ],
        "data_digests": sorted({model.data_digest for model in models}),
    }


def _beyond(models: list[ModelSummary]) -> str:
    """The tiers that read pretrained potentials: they are another track than those that know this source alone."""
    tiers = sorted({model.tier for model in models if model.potentials})
    if not tiers:
        return "none"
    potentials = sorted({name for model in models for name in model.potentials})
    return f"{', '.join(tiers)}: {beyond(potentials)}; no other tier"


def _as_yaml(config: Config) -> str:
    """The sections that were given, as they stand in config.yaml."""
    content = config.model_dump(mode="json", exclude_unset=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _merge(versions: list[dict[str, str]]) -> list[tuple[str, str]]:
    packages = sorted({package for table in versions for package in table})
    return [(package, _distinct(table[package] for table in versions if package in table)) for package in packages]


def _distinct(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values))) or "not recorded"
