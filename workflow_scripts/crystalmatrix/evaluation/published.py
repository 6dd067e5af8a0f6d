"""Published results: errors on the full official test sets, and per-crystal predictions in the leaderboard's format.

In: a folder with <model>/AI-SinglePropertyPrediction-<field>-dft_3d-test-mae.csv.zip, the JARVIS-Leaderboard's layout
(Choudhary et al., npj Comput. Mater. 10, 93 (2024)).  Out: {model: {id: prediction}} by property, and FULL_TEST.
"""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crystalmatrix.contracts.comparison import FullTest
from crystalmatrix.errors import DataError
from crystalmatrix.properties import PROPERTIES, Property

MOST_UNPACKED = 64 << 20  # bytes; the largest archive of the leaderboard has two million
_NAMES = {  # folder on the leaderboard: name in the literature
    "alignn_model": "ALIGNN",
    "atomgpt_model": "AtomGPT",
    "cfid": "CFID",
    "cgcnn_model": "CGCNN (DGL)",
    "kgcnn_cgcnn": "CGCNN",
    "kgcnn_coGN": "coGN",
    "kgcnn_coNGN": "coNGN",
    "kgcnn_megnet": "MEGNet",
    "kgcnn_schnet": "SchNet",
    "matformer_256": "Matformer",
    "matminer_rf": "matminer RF",
    "matminer_xgboost": "matminer XGBoost",
    "potnet": "PotNet",
}


# Recomputed from the leaderboard's per-id predictions, except where the model's name says "README".
FULL_TEST: dict[str, FullTest] = {
    "formation_energy": FullTest(44569, 5572, 5572, 0.843, 0.0551, 0.0331, 0.0270, "CartNet (README)"),
    "band_gap": FullTest(44569, 5572, 5572, 0.698, 0.186, 0.142, 0.1153, "CartNet (README)"),
    "band_gap_mbj": FullTest(14535, 1817, 1815, 1.483, 0.326, 0.310, 0.2530, "CartNet (README)"),
    "bulk_modulus": FullTest(15744, 1968, 1968, 52.5, 11.01, 10.40, 8.70, "coNGN"),
    "shear_modulus": FullTest(15744, 1968, 1968, 26.1, 10.08, 9.48, 8.49, "coNGN"),
    "dielectric": FullTest(3764, 470, 470, 29.2, 30.96, 28.15, 24.31, "ALIGNN 2.0"),
    "piezoelectric": FullTest(2677, 334, 334, 14.8, 16.01, 20.57, 12.50, "ALIGNN 2.0"),
    "spillage": FullTest(9101, 1137, 1137, 0.4925, 0.384, 0.351, 0.3456, "ALIGNN 2.0"),
    "ehull": FullTest(44290, 5537, 5537, 1.144, 0.0590, 0.0763, 0.0439, "CartNet (README)"),
}


def full_test(quantity: Property) -> FullTest | None:
    """Published errors of a property; None where there is no official test split of the field that it was read from."""
    return FULL_TEST.get(quantity.name) if quantity == PROPERTIES[quantity.name] else None


def archive_name(field: str) -> str:
    """File name of the leaderboard's archive for a JARVIS field."""
    return f"AI-SinglePropertyPrediction-{field}-dft_3d-test-mae.csv.zip"


def display_name(folder: str) -> str:
    """The name of a published model as the literature writes it; the folder's own name where it is not known."""
    return _NAMES.get(folder, folder)


def read_archive(path: Path) -> dict[str, float]:
    """{id: prediction} of one archive. Raises DataError, one line, for one that is not in the format."""
    try:
        table = pd.read_csv(io.BytesIO(_only_member(path)), skipinitialspace=True)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise DataError(f"{path}: not a csv in a zip ({said[0]}); download it again") from None
    if not {"id", "prediction"} <= set(table.columns):
        raise DataError(f"{path}: found columns {', '.join(table.columns)}, expected id and prediction")
    values = pd.to_numeric(table["prediction"], errors="coerce")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: found a prediction that is not a finite number; correct or remove the archive")
    # an id listed twice counts once: its first row
    return dict(zip(reversed(table["id"].astype(str).tolist()), reversed(values.tolist()), strict=True))


def _only_member(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.filename.startswith("__MACOSX")]
        if len(members) != 1:
            raise ValueError(f"found {len(members)} files in it, expected one")
        if members[0].file_size > MOST_UNPACKED:
            raise ValueError(f"it unpacks to {members[0].file_size:,} bytes, expected at most {MOST_UNPACKED:,}")
        return archive.read(members[0])


def read_published(folder: Path, field: str) -> dict[str, dict[str, float]]:
    """{model: {id: prediction}} of a JARVIS field, models by name. Raises DataError where the folder is missing."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; report.published expects <model>/{archive_name('<field>')} in it")
    archives = sorted(folder.glob(f"*/{archive_name(field)}"))
    return {archive.parent.name: read_archive(archive) for archive in archives}


def aligned(predictions: dict[str, float], jid: NDArray[np.str_]) -> NDArray[np.float64]:
    """Predictions in the order of `jid`, [n]; NaN where the model has none."""
    return np.array([predictions.get(key, np.nan) for key in jid.tolist()], dtype=np.float64)
