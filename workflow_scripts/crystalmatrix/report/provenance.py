"""How it was made: configuration, versions, digests, folds and seeds, enough to make it again.

In: Inputs.  Out: what made.html.j2 shows.
"""

from typing import Any

import yaml

from crystalmatrix.report.inputs import Inputs


def made(inputs: Inputs) -> dict[str, Any]:
    """The configuration as YAML, and facts that the models agree on; where they differ, every value is listed."""
    facts = [model.model for model in inputs.models]
    source = inputs.quality.get("source", {})
    return {
        "config": yaml.safe_dump(inputs.config, sort_keys=False, allow_unicode=True) if inputs.config else "",
        "versions": _merge([fact.get("versions", {}) for fact in facts]),
        "facts": [
            ("Source", _shown(inputs.source.get("source"))),
            ("Release", _shown(inputs.source.get("release"))),
            ("Origin", _shown(source.get("origin"))),
            ("Fetched", _shown(source.get("date"))),
            ("Raw file, sha256", _shown(inputs.source.get("raw_sha256"))),
            ("Records, digest", _shown(inputs.source.get("digest"))),
            ("Symmetry tolerance", f"{inputs.source.get('symprec')} Å (spglib)"),
            ("Folds", _shown(inputs.splits.get("scheme"))),
            ("Seeds per model", _distinct(fact.get("seeds") for fact in facts)),
            (
                "Training fold of the multi-task models",
                _distinct(m.model.get("fold") for m in inputs.models if m.is_multitask),
            ),
            ("Devices", _distinct(fact.get("device") for fact in facts)),
            ("Bootstrap", f"{inputs.settings.bootstrap} resamples of the test crystals"),
        ],
        "data_digests": sorted({str(fact["data_digest"]) for fact in facts if fact.get("data_digest")}),
    }


def _merge(versions: list[dict[str, str]]) -> list[tuple[str, str]]:
    packages = sorted({package for table in versions for package in table})
    return [(package, _distinct(table.get(package) for table in versions)) for package in packages]


def _distinct(values: Any) -> str:
    found = sorted({str(value) for value in values if value is not None})
    return ", ".join(found) if found else "not recorded"


def _shown(value: Any) -> str:
    return "not recorded" if value is None else str(value)
