"""What crosses a file, typed: frozen models that refuse unknown and missing keys, with one line that names them.

In: parsed JSON, and where it stands.  Out: instances of a Part or Document, or DataError; JSON again.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from crystalmatrix.errors import DataError
from crystalmatrix.files import read_json, read_metadata, write_json

CHECKSUM = "content_sha256"  # key of a file: of all others; a file of an older version has none
_VERSION = "version"
_REMEDY = "delete it and run again"


class Part(BaseModel):
    """A piece of a document. Numbers are finite: JSON knows no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, content: Any, *, where: str) -> Self:
        """The inverse of `to_dict`. Raises DataError, one line, that begins with `where` and names the key."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise DataError(f"{where}: {_complaint(error)}; {_REMEDY}") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return self.model_dump(mode="json")


class Document(Part):
    """A JSON file, or the metadata of a table; it carries the version of its meaning."""

    VERSION: ClassVar[int]

    @classmethod
    def parse(cls, content: Any, *, where: str) -> Self:
        """As Part.parse; another version is an error too."""
        if not isinstance(content, dict):
            raise DataError(f"{where}: found {type(content).__name__}, expected an object with keys; {_REMEDY}")
        if content.get(_VERSION) != cls.VERSION:
            found = f"schema {content[_VERSION]}" if _VERSION in content else "no schema version"
            raise DataError(f"{where}: {found}, this version reads {cls.VERSION}; {_REMEDY}")
        return super().parse({key: value for key, value in content.items() if key != _VERSION}, where=where)

    def to_dict(self) -> dict[str, Any]:
        """Plain values with the version, for JSON."""
        return {_VERSION: self.VERSION, **super().to_dict()}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a JSON file. Raises DataError for a missing, damaged or foreign one, or another version."""
        content = read_json(path)
        if isinstance(content, dict) and content.pop(CHECKSUM, _checksum(content)) != _checksum(content):
            raise DataError(f"{path}: damaged or edited (checksum); {_REMEDY}")
        return cls.parse(content, where=str(path))

    @classmethod
    def of_table(cls, path: Path) -> Self:
        """What a table of ours says of itself. Raises DataError as `read` does."""
        return cls.parse(read_metadata(path, version=cls.VERSION), where=str(path))

    def write(self, path: Path) -> None:
        """Write a JSON file, atomically, with the checksum of its content."""
        content = self.to_dict()
        write_json(path, {**content, CHECKSUM: _checksum(content)})


def _checksum(content: dict[str, Any]) -> str:
    """The same for the values that were written and for those that are read."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _complaint(error: ValidationError) -> str:
    """The first thing that does not fit, by its key: `properties.ehull.mae: not found`."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "content"
    if first["type"] == "missing":
        return f"{key}: not found, expected a value"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    return f"{key}: found {str(first['input'])[:40]!r}, which is not what this version writes"
