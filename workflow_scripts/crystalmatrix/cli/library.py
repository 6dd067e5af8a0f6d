"""The models that are here: shipped with the project, released, or trained in this folder.

In: folders.  Out: ModelFile, best first. Reads cards and metrics, never a checkpoint: a list appears at once.

shipped   models/<name>.pt of the project, with a card models/<name>.json
released  results/release/<tier>/<task>.pt, with a card .md
trained   results/<tier>/<task>.pt, with its metrics
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crystalmatrix.errors import DataError, nearest
from crystalmatrix.properties import MULTITASK
from crystalmatrix.shipped import MODELS, of_tasks, shipped_folder

if TYPE_CHECKING:
    from crystalmatrix.contracts.card import ModelCard

SHIPPED, RELEASED, TRAINED = "shipped", "released", "trained"
RESULTS = "results"
CARD_DIGEST = "sha256"  # key of the JSON card; in a Markdown card the word before the digest
_IN_MARKDOWN = re.compile(rf"{CARD_DIGEST} `([0-9a-f]{{64}})`")
METRICS = ".metrics.json"


@dataclass(frozen=True)
class ModelFile:
    """One checkpoint and what lies beside it."""

    path: Path
    origin: str  # SHIPPED | RELEASED | TRAINED
    tier: str  # "" where neither card nor folder says
    task: str  # a property or multitask
    card: Path | None
    errors: dict[str, tuple[float, str]] = field(default_factory=dict)  # property: (test MAE, unit)

    @property
    def name(self) -> str:
        """What `models NAME` takes: lite/band_gap, or models/band_gap for a shipped one."""
        return f"{MODELS if self.origin == SHIPPED else self.path.parent.name}/{self.path.stem}"

    @property
    def expected_sha256(self) -> str | None:
        """What the card says; None: there is no card, or it says nothing."""
        if self.card is None:
            return None
        if self.card.suffix == ".md":
            found = _IN_MARKDOWN.search(self.card.read_text(encoding="utf-8"))
            return found[1] if found else None
        return _card(self.card).sha256

    def digest_fits(self) -> bool | None:
        """None: no card says what to expect."""
        expected = self.expected_sha256
        if expected is None:
            return None
        with self.path.open("rb") as handle:  # not files.sha256, with which pyarrow comes
            return hashlib.file_digest(handle, "sha256").hexdigest() == expected


def known_models(folder: Path | None = None) -> list[ModelFile]:
    """Shipped, then released, then trained, the newest first; `folder`: where results/ lies, here by default."""
    folder = folder or Path()
    results = folder / RESULTS
    return [
        *shipped_models(folder),
        *_by_age(results.glob("release/*/*.pt"), RELEASED),
        *_by_age(results.glob("*/*.pt"), TRAINED),
    ]


def shipped_models(folder: Path) -> list[ModelFile]:
    """Those of a folder `models/` here, else of the project that the package is installed from."""
    found = shipped_folder(folder)
    return [_model(path, SHIPPED) for path in sorted(found.glob("*.pt"))] if found else []


def find_model(name: str, models: list[ModelFile], *, also: Iterable[str] = ()) -> ModelFile:
    """By its name or path, or by the task alone (the first of that task). Raises DataError.

    `also`: what else a user may have meant.
    """
    for model in models:
        if name in (model.name, str(model.path), f"{model.origin}/{model.task}"):
            return model
    for model in models:
        if name in (model.task, model.path.stem):
            return model
    raise DataError(f"no model {name!r} here{nearest(name, {*also, *(model.name for model in models)})}")


def default_models(wanted: Iterable[str], models: list[ModelFile]) -> list[ModelFile]:
    """Those that predict the properties `wanted` (none: all): the shipped ones, else the newest multi-task model.

    A property's own model goes before the multi-task one. Raises DataError where there is none.
    """
    chosen = of_tasks(list(wanted), {model.task: model for model in models if model.origin == SHIPPED})
    if not chosen:
        chosen = [model for model in models if model.task == MULTITASK and model.origin != SHIPPED][:1]
    if not chosen:
        raise DataError(
            f"no model: found neither {MODELS}/*.pt of the project nor {RESULTS}/*/{MULTITASK}.pt in {Path.cwd()}; "
            "give one with --model, or train one: snakemake --cores all"
        )
    return chosen


def trunk_model(models: list[ModelFile]) -> ModelFile:
    """Whose features are the most general: a multi-task model, else any. Raises DataError where there is none."""
    return next((model for model in models if model.task == MULTITASK), None) or default_models((), models)[0]


def chosen_path(text: str, *, also: Iterable[str] = ()) -> Path:
    """The model that a user names: a path, or a name in the list. Raises DataError."""
    path = Path(text)
    return path if path.is_file() else find_model(text, known_models(), also=also).path


def _by_age(paths: Iterable[Path], origin: str) -> list[ModelFile]:
    return [_model(path, origin) for path in sorted(paths, key=lambda path: -path.stat().st_mtime)]


def _model(path: Path, origin: str) -> ModelFile:
    card = next((p for p in (path.with_suffix(".json"), path.with_suffix(".md")) if p.exists()), None)
    if origin == SHIPPED:
        known = _card(card) if card is not None and card.suffix == ".json" else None
        errors = {name: (score.mae, score.unit) for name, score in known.properties.items()} if known else {}
        return ModelFile(path, origin, known.tier if known else "", path.stem, card, errors)
    metrics = path.parents[2 if origin == RELEASED else 1] / path.parent.name / f"{path.stem}{METRICS}"
    return ModelFile(path, origin, path.parent.name, path.stem, card, _errors(metrics))


def _card(path: Path) -> "ModelCard":
    from crystalmatrix.contracts.card import ModelCard  # pyarrow comes with it

    return ModelCard.read(path)


def _errors(metrics: Path) -> dict[str, tuple[float, str]]:
    """{property: (MAE, unit)}; of a model that was not evaluated, or by another version, nothing."""
    from crystalmatrix.contracts.scores import ModelScores

    try:
        scores = ModelScores.read(metrics)
    except DataError:
        return {}
    return {name: (score.mae, score.unit) for name, score in scores.properties.items()}
