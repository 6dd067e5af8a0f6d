"""The leaderboard's archive: what is written is read back, and the check says what is missing."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.contracts.cases import summary

from crystalmatrix.config import SubmissionConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.summary import PredictionsMetadata
from crystalmatrix.contracts.tables import RecordsMetadata
from crystalmatrix.data.official import official_folds
from crystalmatrix.evaluation.predictions import FoldPredictions, ModelPredictions
from crystalmatrix.evaluation.submission import check, contribution, pack
from crystalmatrix.files import write_table

NAME = "piezoelectric"
OFFICIAL = sorted(jid for jid, fold in official_folds(NAME).items() if fold == "test")
FACTS = summary(tier="pro", task=NAME)
ABOUT = RecordsMetadata(source="a", release=None, raw_sha256="0", digest="1", symprec=0.01, fields={}).to_dict()
SUBMITTER = SubmissionConfig(
    team_name="team", author_email="a@b.org", project_url="https://example.org", date_submitted="01-31-2026"
)


def fold_of(jid: list[str]) -> FoldPredictions:
    target = np.arange(len(jid), dtype=float)
    return FoldPredictions(np.array(jid), target, target + 0.25, None, None, None, None)


def checked(jid: list[str], submitter: SubmissionConfig = SUBMITTER) -> tuple[bytes, dict]:
    fold = fold_of(jid)
    archive = pack(fold, NAME)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        rows = [line.split(",") for line in opened.read(opened.namelist()[0]).decode().splitlines()[1:]]
    about = contribution(ModelPredictions(FACTS, {(NAME, c.TEST): fold}), NAME, submitter)
    predicted = {key: float(value) for key, value in rows}
    return archive, check(predicted, fold, NAME, official=set(OFFICIAL), metadata=about).to_dict()


def test_a_complete_archive_is_valid_and_always_the_same_bytes() -> None:
    archive, result = checked(OFFICIAL)
    assert result["complete"]
    assert result["n_predicted"] == result["n_official"] == 334
    assert result["mae"] == pytest.approx(0.25)
    assert archive == checked(OFFICIAL)[0]
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.namelist() == ["AI-SinglePropertyPrediction-dfpt_piezo_max_dij-dft_3d-test-mae.csv"]


def test_missing_and_unknown_ids_and_an_unnamed_author_are_said() -> None:
    _, result = checked([*OFFICIAL[:100], "mp-1"], SubmissionConfig(author_email="nobody"))
    assert not result["complete"]
    text = "\n".join(result["problems"])
    assert "234 of the 334 official test ids are missing" in text
    assert "1 ids are not in the official test split" in text
    assert "report.submission.project_url" in text
    assert "holds no @" in text


def test_metadata_has_the_keys_that_the_leaderboard_asks_for() -> None:
    about = contribution(ModelPredictions(FACTS, {}), NAME, SUBMITTER)
    asked = "author_email project_url git_url model_name team_name time_taken_seconds software_used hardware_used"
    assert set(asked.split()) <= set(about.to_dict())
    assert about.model_name == "crystalmatrix_pro"


def test_the_script_writes_the_folder_and_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    rows = {
        c.JID: OFFICIAL[:3],
        c.PROPERTY: [NAME] * 3,
        c.FOLD: [c.TEST] * 3,
        c.TARGET: [0.0, 1.0, 2.0],
        c.PREDICTION: [0.5, 1.5, 2.5],
        **{key: pa.nulls(3, pa.float64()) for key in (c.SPREAD, c.LOWER, c.UPPER, c.NOVELTY)},
    }
    write_table(
        path,
        pa.table(rows).cast(c.PREDICTIONS),
        version=c.PREDICTIONS_VERSION,
        metadata=PredictionsMetadata(model=FACTS).to_dict(),
    )
    records = tmp_path / "records.parquet"
    write_table(records, pa.table({c.JID: OFFICIAL[:3]}), version=c.RECORDS_VERSION, metadata=ABOUT)
    script = Path(__file__).parents[2] / "workflow_scripts/leaderboard.py"
    command = [sys.executable, str(script), "--property", NAME, "--predictions", str(path)]
    command += ["--records", str(records)]
    done = subprocess.run(
        [*command, "--tier", "pro", "--out-dir", str(tmp_path / "out")], capture_output=True, text=True, check=True
    )
    assert "3 of 334 official test ids, MAE 0.5 pC/N on them; not a valid submission yet" in done.stdout
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "AI-SinglePropertyPrediction-dfpt_piezo_max_dij-dft_3d-test-mae.csv.zip",
        "metadata.json",
        "run.sh",
        "check.json",
    }
    assert not json.loads((tmp_path / "out/check.json").read_text())["complete"]
    eij = ABOUT | {"fields": {NAME: "dfpt_piezo_max_eij"}}
    write_table(records, pa.table({c.JID: OFFICIAL[:3]}), version=c.RECORDS_VERSION, metadata=eij)
    done = subprocess.run(
        [*command, "--tier", "pro", "--out-dir", str(tmp_path / "x")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "read from dfpt_piezo_max_eij, which the leaderboard has no test for" in done.stderr
    other = subprocess.run(
        [*command, "--tier", "std", "--out-dir", str(tmp_path / "x")], capture_output=True, text=True, check=False
    )
    assert other.returncode == 2
    assert other.stderr.count("\n") == 1
