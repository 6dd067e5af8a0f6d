"""What a run of the workflow has in the end, without what depends on the clock.

In: the run's folder.  Out: {path: digest of the content}: of models every bit of their weights, of tables the columns,
of all other files the bytes; seconds, rates and memory of a training are left out wherever they stand.
"""

import re
from pathlib import Path
from typing import Any

from crystalmatrix.contracts import columns as c
from crystalmatrix.errors import UserError
from crystalmatrix.files import SET_ASIDE, read_json, read_table
from crystalmatrix.trained.checkpoint import load_checkpoint

from .mutations import content_digest, frame_of

# No results: texts for people, timings, and the states from which an interrupted training goes on.
LEFT_OUT = ("logs", "benchmarks", "runs")
MEASURED = {"train_seconds", "energy_joules", "peak_memory_mb", "crystals_per_second", "seconds", "joules",
            "time_taken_seconds", "content_sha256", "files", "date"}  # fmt: skip
_TIMED_ROW = '<tr id="model-'  # of the page's table of trainings
_TIMED = re.compile(r"\d+ s on CPU|sha256 `[0-9a-f]{64}`")  # of a model's card; the file holds its seconds too


def results(folder: Path, *, as_bytes: bool = False) -> dict[str, str]:
    """`as_bytes`: of a file that its reader refuses, its bytes."""
    found = {}
    for path in sorted((folder / "results").rglob("*")):
        name = path.relative_to(folder / "results")
        kept_aside = any(part.endswith(SET_ASIDE) for part in name.parts)
        if path.is_file() and name.parts[0] not in LEFT_OUT and path.name != ".snakemake_timestamp" and not kept_aside:
            try:
                found[str(name)] = content_digest(_content(path))
            except UserError:
                if not as_bytes:
                    raise
                found[str(name)] = content_digest(path.read_bytes())
    return found


def _content(path: Path) -> Any:
    if path.suffix == ".pt":
        held = load_checkpoint(path)
        return {**vars(held), "summary": untimed(held.summary.model_dump())}
    if path.name.endswith(".predictions.parquet"):
        return untimed(frame_of(read_table(path, version=c.PREDICTIONS_VERSION)))
    if path.suffix == ".json":
        return untimed(read_json(path))
    if path.suffix == ".html":
        return [line for line in path.read_text().split("\n") if not line.startswith(_TIMED_ROW)]
    if path.suffix == ".md":
        return _TIMED.sub("", path.read_text())
    return path.read_bytes()


def untimed(content: Any) -> Any:
    """Without the measured values."""
    if isinstance(content, dict):
        return {key: untimed(value) for key, value in content.items() if key not in MEASURED}
    return [untimed(item) for item in content] if isinstance(content, (list, tuple)) else content
