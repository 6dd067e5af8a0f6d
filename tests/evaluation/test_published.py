"""Reading published predictions; and the known errors of published models on the ids held, to their printed digits."""

import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from crystalmatrix.config import ReportConfig
from crystalmatrix.data.official import official_folds
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation import metrics
from crystalmatrix.evaluation.comparison import ENSEMBLE, Board
from crystalmatrix.evaluation.predictions import FoldPredictions
from crystalmatrix.evaluation.published import FULL_TEST, aligned, archive_name, read_archive, read_published
from crystalmatrix.properties import PROPERTIES

FACTS = Path(__file__).parents[1] / "fixtures/published.csv"
SHARED = Path(__file__).parents[2].parent / "shared/data"
PREDICTIONS = SHARED / "leaderboard_predictions"
CRYSTALS = SHARED / "jarvis_dft_3d_part.json.zip"

needs_shared_data = pytest.mark.skipif(not PREDICTIONS.is_dir(), reason="no published predictions beside the project")


class Source(NamedTuple):
    """Published predictions with their DFT values, and what is known of their errors."""

    known: dict[str, tuple[int, dict[str, str]]]  # {property: (number of test ids, {model: MAE as printed})}
    constant: dict[str, str]  # the median of the test targets themselves, which no other constant beats
    four: dict[str, str]  # the median of the four models of ENSEMBLE


# On the test ids of the part beside the project, as printed elsewhere.
KNOWN = {
    "formation_energy": (
        885,
        {"coGN": "0.0288", "coNGN": "0.0317", "potnet": "0.0310", "alignn": "0.0395", "matformer_256": "0.0346"},
    ),
    "band_gap": (885, {"coGN": "0.228", "coNGN": "0.229", "potnet": "0.232", "alignn": "0.249"}),
    "band_gap_mbj": (298, {"coGN": "0.391", "coNGN": "0.406", "potnet": "0.415", "alignn": "0.381"}),
    "bulk_modulus": (284, {"coGN": "9.09", "coNGN": "8.29", "alignn": "11.14", "schnet": "11.60"}),
    "shear_modulus": (284, {"coGN": "8.05", "coNGN": "7.22", "alignn": "9.17", "cgcnn": "9.92"}),
    "dielectric": (118, {"coNGN": "30.7", "alignn": "28.8", "schnet": "27.9"}),
    "piezoelectric": (85, {"coGN": "10.87", "alignn": "16.6", "cgcnn": "10.37"}),
    "spillage": (111, {"coGN": "0.348", "coNGN": "0.375", "alignn": "0.386"}),
    "ehull": (
        888,
        {"coGN": "0.0532", "coNGN": "0.0659", "potnet": "0.0674", "alignn": "0.0868", "matminer_xgboost": "0.0616"},
    ),
}
KNOWN_CONSTANT = {
    "formation_energy": "0.857",
    "band_gap": "1.358",
    "band_gap_mbj": "2.131",
    "bulk_modulus": "50.9",
    "shear_modulus": "27.3",
    "dielectric": "36.5",
    "piezoelectric": "9.82",
    "spillage": "0.454",
    "ehull": "0.854",
}
KNOWN_FOUR = {"formation_energy": "0.0272", "band_gap": "0.204", "band_gap_mbj": "0.351", "ehull": "0.0484"}
# On the ids of tests/fixtures/published.csv, by a few lines of Python's statistics module on that file.
KNOWN_IN_FACTS = {
    "formation_energy": (100, {"coGN": "0.02007", "coNGN": "0.02584", "potnet": "0.02334", "alignn": "0.02993"}),
    "band_gap": (100, {"coGN": "0.2228", "coNGN": "0.2348", "potnet": "0.1777", "alignn": "0.2803"}),
    "band_gap_mbj": (100, {"coGN": "0.5264", "coNGN": "0.5251", "potnet": "0.5130", "alignn": "0.4741"}),
    "bulk_modulus": (100, {"coGN": "9.812", "coNGN": "8.874", "alignn": "12.324", "schnet": "12.421"}),
    "shear_modulus": (100, {"coGN": "10.139", "coNGN": "8.329", "alignn": "10.165", "cgcnn": "10.135"}),
    "dielectric": (100, {"coNGN": "35.58", "alignn": "32.12", "schnet": "31.21"}),
    "piezoelectric": (85, {"coGN": "10.87", "alignn": "16.61", "cgcnn": "10.37"}),
    "spillage": (100, {"coGN": "0.3214", "coNGN": "0.3685", "alignn": "0.3888"}),
    "ehull": (100, {"coGN": "0.0478", "coNGN": "0.0630", "potnet": "0.0451", "matminer_xgboost": "0.0602"}),
}
CONSTANT_IN_FACTS = {
    "formation_energy": "0.8942",
    "band_gap": "1.408",
    "band_gap_mbj": "2.049",
    "bulk_modulus": "49.24",
    "shear_modulus": "26.49",
    "dielectric": "39.03",
    "piezoelectric": "9.821",
    "spillage": "0.4647",
    "ehull": "1.0524",
}
FOUR_IN_FACTS = {"formation_energy": "0.01942", "band_gap": "0.1884", "band_gap_mbj": "0.4722", "ehull": "0.03598"}
SOURCES = {
    "facts": Source(KNOWN_IN_FACTS, CONSTANT_IN_FACTS, FOUR_IN_FACTS),
    "part": Source(KNOWN, KNOWN_CONSTANT, KNOWN_FOUR),
}
FOLDERS = {
    "coGN": "kgcnn_coGN",
    "coNGN": "kgcnn_coNGN",
    "alignn": "alignn_model",
    "schnet": "kgcnn_schnet",
    "cgcnn": "kgcnn_cgcnn",
}
WITHOUT_A_WINNER = "piezoelectric"  # no published model beats the constant there


def printed(value: float, like: str) -> str:
    """`value` with as many decimals as `like`."""
    return f"{value:.{len(like.partition('.')[2])}f}"


def facts_folder(folder: Path) -> tuple[Path, dict[str, dict]]:
    """The repository's facts in the leaderboard's layout, and {id: JARVIS entry} of their DFT values."""
    table = pd.read_csv(FACTS, comment="#")
    labels: dict[str, dict] = {}
    for field, rows in table.groupby("field"):
        for jid, target in zip(rows["id"], rows["target"], strict=True):
            labels.setdefault(jid, {})[field] = target
        for model in table.columns[3:]:
            predictions = rows[["id", model]].dropna().rename(columns={model: "prediction"})
            if len(predictions):
                path = folder / model / archive_name(str(field))
                path.parent.mkdir(exist_ok=True)
                predictions.to_csv(path, index=False, compression="zip")
    return folder, labels


@pytest.fixture(scope="module", params=["facts", pytest.param("part", marks=needs_shared_data)])
def source(request: pytest.FixtureRequest) -> str:
    """A hundred ids a property in the repository, and all ids held where the data lie beside the project."""
    return request.param


@pytest.fixture(scope="module")
def boards(source: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Board]:
    """A board a property with the published models, and the best constant in the place of ours."""
    if source == "facts":
        folder, labels = facts_folder(tmp_path_factory.mktemp("published"))
    else:
        folder = PREDICTIONS
        with zipfile.ZipFile(CRYSTALS) as archive:
            labels = {row["jid"]: row for row in json.loads(archive.read(archive.namelist()[0]))}
    result = {}
    settings = ReportConfig(published=str(folder), bootstrap=200)
    for name in KNOWN:
        row = PROPERTIES[name]
        official = official_folds(name)
        test = sorted(jid for jid, entry in labels.items() if official.get(jid) == "test" and row.field in entry)
        target = np.array([float(labels[jid][row.field]) for jid in test])
        published = {k: aligned(v, np.array(test)) for k, v in read_published(folder, row.field).items()}
        constant = float(np.median(target))
        ours = FoldPredictions(np.array(test), target, np.full(len(test), constant), None, None, None, None)
        result[name] = Board(row, ours.jid, target, {"lite": ours}, {"lite": 1.0}, published, constant, settings)
    return result


@pytest.mark.parametrize("name", KNOWN)
def test_known_errors_are_reproduced_to_their_digits(boards: dict[str, Board], source: str, name: str) -> None:
    board = boards[name]
    n, known = SOURCES[source].known[name]
    assert board.n == n
    ours = {model: printed(board.mae(FOLDERS.get(model, model)), text) for model, text in known.items()}
    assert ours == known
    constant = SOURCES[source].constant[name]
    assert printed(board.mae("constant"), constant) == constant
    assert all(board.n_predicted(key) == n for key in board.published)


@pytest.mark.parametrize("name", [name for name in KNOWN if name != WITHOUT_A_WINNER])
def test_best_published_is_the_best_known(boards: dict[str, Board], source: str, name: str) -> None:
    known = SOURCES[source].known[name][1]
    best = min(known, key=lambda model: float(known[model]))
    assert boards[name].best_published == FOLDERS.get(best, best)


def test_no_published_model_beats_the_constant_for_piezoelectric(boards: dict[str, Board]) -> None:
    board = boards[WITHOUT_A_WINNER]
    assert all(board.mae(key) > board.mae("constant") for key in board.published)


@pytest.mark.parametrize("name", KNOWN_FOUR)
def test_the_median_of_four_published_models_is_as_good_as_known(
    boards: dict[str, Board], source: str, name: str
) -> None:
    board = boards[name]
    four = [board.published[key] for key in ENSEMBLE]
    error = metrics.mae(board.target, np.median(four, axis=0))
    expected = SOURCES[source].four[name]
    assert printed(error, expected) == expected
    assert error < np.median([board.mae(key) for key in ENSEMBLE])
    if source == "part":
        assert error < board.mae(board.best_published)


def test_full_test_table_has_the_official_counts() -> None:
    assert set(FULL_TEST) <= set(PROPERTIES)
    for name, row in FULL_TEST.items():
        folds = list(official_folds(name).values())
        assert row.n_test == folds.count("test")
        assert row.best < row.cgcnn
        assert abs(row.n_train - folds.count("train")) <= 4  # ids that stand in two folds are held out


def write_archive(folder: Path, text: str, field: str = "ehull") -> Path:
    path = folder / "some_model" / archive_name(field)
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.name.removesuffix(".zip"), text)
    return path


def test_an_archive_with_spaces_and_a_repeated_id(tmp_path: Path) -> None:
    path = write_archive(tmp_path, "id,prediction\nJVASP-1, 0.5\nJVASP-2,1\nJVASP-1,9\n")
    assert read_archive(path) == {"JVASP-1": 0.5, "JVASP-2": 1.0}
    assert read_published(tmp_path, "ehull") == {"some_model": {"JVASP-1": 0.5, "JVASP-2": 1.0}}
    assert read_published(tmp_path, "spillage") == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,value\nJVASP-1,1\n", "expected id and prediction"),
        ("id,prediction\nJVASP-1,none\n", "not a finite number"),
        ("", "not a csv in a zip"),
    ],
)
def test_a_bad_archive_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        read_archive(write_archive(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_zip_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / archive_name("ehull")
    path.write_text("<html>")
    with pytest.raises(DataError, match="not a csv in a zip"):
        read_archive(path)
    with pytest.raises(DataError, match="no such folder"):
        read_published(tmp_path / "nowhere", "ehull")
