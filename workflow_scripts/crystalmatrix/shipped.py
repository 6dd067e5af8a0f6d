"""What comes with the project: models/<task>.pt here, else in the folder that the package is installed from; files.

In: properties, names.  Out: paths.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from crystalmatrix.errors import DataError
from crystalmatrix.properties import MULTITASK, PROPERTIES

T = TypeVar("T")
MODELS = "models"
PROJECT = Path(__file__).parents[2]


def project_file(name: str) -> Path:
    """A file of the project that no wheel holds, such as its config.yaml. Raises DataError."""
    if not (path := PROJECT / name).is_file():
        raise DataError(
            f"this command needs the project's folder: found no {name} in {PROJECT}; "
            "get a clone and install it in place: pip install -e ."
        )
    return path


def shipped_folder(folder: Path | None = None) -> Path | None:
    """`folder`/models (default: here), else that of the project, where it holds checkpoints."""
    places = ((folder or Path()) / MODELS, PROJECT / MODELS)
    return next((place for place in places if any(place.glob("*.pt"))), None)


def shipped_models(wanted: Sequence[str] = ()) -> list[Path]:
    """A property's own model, and the multi-task one for what these cannot give. Raises DataError."""
    folder = shipped_folder()
    chosen = of_tasks(wanted, {path.stem: path for path in sorted(folder.glob("*.pt"))} if folder else {})
    if not chosen:
        raise DataError(
            f"no model: found no {MODELS}/*.pt of the project; give one, such as results/lite/{MULTITASK}.pt, "
            "or train one: snakemake --cores all"
        )
    return chosen


def of_tasks(wanted: Sequence[str], models: Mapping[str, T]) -> list[T]:
    """Of {task: model} those that give the properties `wanted` (none: all).

    Their own models come first; then the multi-task one, for the others and for crystals with an element that a
    property's own model never saw.
    """
    chosen = [models[name] for name in wanted or list(PROPERTIES) if name in models]
    return [*chosen, models[MULTITASK]] if MULTITASK in models else chosen
