"""What crosses a file: it comes back equal, and what does not fit is one line that names the file and the key."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.card import CardScore, ModelCard
from crystalmatrix.contracts.comparison import Comparison
from crystalmatrix.contracts.coverage import Coverage, FoldCounts, PropertyCoverage
from crystalmatrix.contracts.descriptors import DescriptorsMetadata
from crystalmatrix.contracts.document import Document
from crystalmatrix.contracts.features import FeaturesMetadata, ListedShard, ViewShards
from crystalmatrix.contracts.origin import Origin
from crystalmatrix.contracts.quality import Quality
from crystalmatrix.contracts.scores import ModelScores, PropertyScores
from crystalmatrix.contracts.screening import BEGIN, PartPlan, ScreenMetadata, ScreenPlan
from crystalmatrix.contracts.statistics import Statistics
from crystalmatrix.contracts.summary import PredictionsMetadata
from crystalmatrix.contracts.tables import GraphsMetadata, RecordsMetadata, SplitsMetadata
from crystalmatrix.contracts.view import View
from crystalmatrix.errors import DataError
from crystalmatrix.tiers import EquivariantConfig

from .cases import summary

ORIGIN = Origin(source="a", release=None, origin="a", bytes=1, sha256="0", n_entries=3, date="2026-01-31")
SCORES = PropertyScores(
    unit="eV", n_train=10, n_val=2, n_test=2, mae=0.1, mae_low=0.05, mae_high=0.2, median_ae=0.1, rmse=0.2, bias=-0.1,
    val_mae=None, constant=1.0, constant_mae=0.5, n_twins=0, mae_without_twins=0.1, interval_coverage=None,
    interval_width=None, spread_correlation=None, error_by_spread=None,
    error_by_distance=None, far_to_near=None,
)  # fmt: skip
DOCUMENTS: list[Document] = [
    ORIGIN,
    Quality(
        source=ORIGIN,
        n_raw=3,
        n_kept=2,
        dropped={"zero volume": 1},
        without_symmetry=0,
        unreadable_labels={},
        known_defects=(),
        properties={},
    ),
    Coverage(
        properties={
            "ehull": PropertyCoverage(
                official=None, held=FoldCounts(train=1, val=0, test=1), strict_train=1, without_fold=0
            )
        }
    ),
    Statistics(
        n_crystals=1,
        n_atoms=1,
        n_edges=1,
        n_angles=0,
        neighbours=(0, 1),
        distance_bin=0.05,
        distances=(1,),
        angles=(),
        example=None,
    ),
    RecordsMetadata(source="a", release=None, raw_sha256="0", digest="1", symprec=0.01, fields={}),
    SplitsMetadata(scheme="random", seed=0, source="a", records_digest="1"),
    PredictionsMetadata(model=summary()),
    ModelScores(
        tier="pro", task="ehull", confidence=0.95, bootstrap=200, model=summary(), properties={"ehull": SCORES}
    ),
    ViewShards(shards=(ListedShard(name="shard-0.arrow", seal="0"),)),
    ScreenPlan(files_digest="0", n_files=1, parts=(PartPlan(file=0, start=BEGIN, n_crystals=3),)),
    ScreenMetadata(units={"ehull": "eV/atom"}, rows=3, failed=0, noted=0, outside=0),
    Comparison(properties={}),
    ModelCard(tier="pro", sha256="0", properties={"ehull": CardScore(mae=0.1, unit="eV/atom")}),
    GraphsMetadata(graph=GraphConfig(), shard=0, n_shards=1, records_digest="1"),
    FeaturesMetadata(
        view=View.of(GraphConfig(), EquivariantConfig(architecture="equivariant")),
        n_slots=16,
        shard=0,
        n_shards=1,
        records_digest="1",
        shard_sha256="0",
    ),
    DescriptorsMetadata(
        potential="chgnet",
        package="chgnet",
        package_version="1",
        weights_sha256="0",
        licence="a",
        trained_on="a",
        layers={"last": (0, 64)},
        shard=0,
        n_shards=1,
        records_digest="1",
        shard_sha256="0",
    ),
]
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)


@every_document
def test_a_document_comes_back_equal(document: Document, tmp_path: Path) -> None:
    document.write(tmp_path / "file.json")
    assert type(document).read(tmp_path / "file.json") == document


@every_document
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content, key: content.pop(key), "{key}: not found"),
        (lambda content, key: content.update(surprise=1), "surprise: unknown key"),
        (lambda content, key: content.update(version=99), "schema 99, this version reads"),
        (lambda content, key: content.pop("version"), "no schema version, this version reads"),
        (lambda content, key: content.update({key: [object]}), "{key}.*found .*not what this version"),
    ],
    ids=["missing", "unknown", "other version", "no version", "another type"],
)
def test_what_does_not_fit_is_one_line(document: Document, change: Callable, said: str) -> None:
    content = document.to_dict()
    key = next(name for name in content if name != "version")
    change(content, key)
    with pytest.raises(DataError, match=said.format(key=key)) as caught:
        type(document).parse(content, where="results/file.json")
    assert str(caught.value).startswith("results/file.json: ")
    assert str(caught.value).endswith("; delete it and run again")
    assert "\n" not in str(caught.value)


def test_a_key_deep_inside_is_named_with_its_place() -> None:
    content = next(one for one in DOCUMENTS if isinstance(one, ModelScores)).to_dict()
    del content["properties"]["ehull"]["mae_low"]
    with pytest.raises(DataError, match=re.escape("properties.ehull.mae_low: not found")):
        ModelScores.parse(content, where="file")


@pytest.mark.parametrize("content", [[], None, "text", 3])
def test_what_is_no_document_is_one_line(content: object, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="expected an object with keys"):
        Origin.read(tmp_path / "file.json")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_say_is_refused_where_it_arises(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        PropertyScores(**{**SCORES.model_dump(), "mae": value})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_to_the_last_bit(value: float) -> None:
    scores = PropertyScores(**{**SCORES.model_dump(), "mae": value})
    text = json.dumps(scores.to_dict(), allow_nan=False)
    assert PropertyScores.parse(json.loads(text), where="file").mae == value
