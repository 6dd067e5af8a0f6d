"""A section of config.yaml as a strict, frozen object; what every section has in common.

In: nested dictionaries, or JSON.  Out: the object, JSON; ConfigError, one line, for anything that does not fit.
"""

import json
from itertools import pairwise
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from crystalmatrix.errors import ConfigError, nearest


class Section(BaseModel):
    """A section of config.yaml: frozen, and an unknown key is an error that names the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    where: ClassVar[str] = "config"

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_keys(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            raise ValueError(f"found {values!r}, expected a section with keys: {', '.join(cls.model_fields)}")
        for key in values:
            if key not in cls.model_fields:
                raise ValueError(f"unknown key {key!r}{nearest(str(key), cls.model_fields)}")
        return values

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Validate nested dictionaries. Raises ConfigError, one line, for anything that does not fit."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_one_line(cls.where, error)) from None

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`: how settings travel from the Snakefile to a script's command line."""
        return cls.parse(json.loads(text))

    def to_json(self, *keys: str) -> str:
        """Compact JSON with sorted keys, so that equal settings are equal text.

        With `keys`, only those: a stage that is given no more than it reads does not run again for the rest.
        """
        content = self.model_dump(mode="json", include=set(keys) or None)
        return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _one_line(where: str, error: ValidationError) -> str:
    """The first error as `config: tiers.pro.training: unknown key 'seed'; did you mean 'seeds'?`."""
    first = error.errors()[0]
    # After `model` pydantic puts the architecture that it chose, which is no key of the file.
    place = [str(part) for before, part in pairwise(("", *first["loc"])) if before != "model"]
    start = ": ".join([where, ".".join(place)] if place else [where])
    if first["type"] == "value_error":
        return f"{start}: {first['ctx']['error']}"
    if first["type"] == "missing":
        return f"{start}: not found, expected a value"
    if first["type"] == "union_tag_invalid":
        return f"{start}: unknown architecture {first['ctx']['tag']!r}; known: {first['ctx']['expected_tags']}"
    if first["type"] == "union_tag_not_found":
        return f"{start}: found no architecture in {first['input']!r}, expected {{architecture: <name>, ...}}"
    return f"{start}: found {first['input']!r}: {first['msg']}"
