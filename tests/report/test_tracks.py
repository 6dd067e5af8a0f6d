"""The matrix keeps models with external data apart from those that know the data set alone."""

from types import SimpleNamespace
from typing import Any

from crystalmatrix.report.matrix import matrix


def shown(**potentials: tuple[str, ...]) -> dict[str, Any]:
    """The matrix of a single and a multi-task model of each tier; `potentials` that each tier reads."""
    models = [
        SimpleNamespace(tier=tier, model=SimpleNamespace(tier=tier, potentials=read))
        for tier, read in potentials.items()
    ]
    columns = [f"{tier}{task}" for tier in potentials for task in ("", "/multitask")]
    return matrix(SimpleNamespace(models=models, columns=columns, boards={}))  # type: ignore[arg-type]  # what matrix() reads of Inputs


def test_tiers_with_a_potential_stand_behind_the_others_under_a_heading_of_their_own() -> None:
    found = shown(lite=(), transfer=("chgnet",), cgcnn=())
    assert [group["name"] for group in found["groups"]] == ["lite", "cgcnn", "transfer"]
    assert [(track["name"], track["span"]) for track in found["tracks"]] == [
        ("this data set alone", 4),
        ("with a pretrained potential", 2),
    ]
    assert "Materials Project" in found["beyond"]


def test_without_potentials_there_is_one_track_and_nothing_to_say() -> None:
    found = shown(lite=(), cgcnn=())
    assert (found["tracks"], found["beyond"]) == ([], "")
    assert [group["name"] for group in found["groups"]] == ["lite", "cgcnn"]
