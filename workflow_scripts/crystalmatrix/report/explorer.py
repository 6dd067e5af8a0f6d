"""The data behind the explorer: every test crystal, what each model says of it, and where the errors sit.

In: Inputs.  Out: a JSON-able payload that explorer.js draws. Numbers travel as base64 of three bytes each, the upper
24 bits of a float32: exact to 2^-16, which no pixel and no printed digit can tell.
"""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c
from crystalmatrix.elements import SYMBOLS, position
from crystalmatrix.evaluation.breakdown import KINDS, SYSTEMS, by_element, by_group, describe
from crystalmatrix.evaluation.comparison import CONSTANT, ENSEMBLE_NAME, Board
from crystalmatrix.report.inputs import Inputs

Floats = NDArray[np.float64]


def explorer(inputs: Inputs) -> dict[str, Any]:
    """Crystals once, then by property: rows into the crystals, targets and models."""
    every = np.unique(np.concatenate([board.jid for board in inputs.boards.values()]))
    about = describe(inputs.records, every)
    prefix = "JVASP-" if all(jid.startswith("JVASP-") for jid in every.tolist()) else ""
    return {
        "prefix": prefix,
        "ids": "\n".join(jid.removeprefix(prefix) for jid in every.tolist()),
        "formulas": "\n".join(about[c.FORMULA]),
        "systems": list(SYSTEMS),
        "kinds": list(KINDS),
        "elements": [[SYMBOLS[z], *position(z)] for z in range(1, len(SYMBOLS))],
        "properties": [_property(board, every, inputs) for board in inputs.boards.values()],
    }


def _property(board: Board, every: NDArray[np.str_], inputs: Inputs) -> dict[str, Any]:
    about = describe(inputs.records, board.jid)
    values = {key: fold.prediction for key, fold in board.ours.items()}
    for key in (board.best_published, ENSEMBLE_NAME):
        if key in board.published and np.isfinite(board.published[key]).all():
            values[key] = board.published[key]
    return {
        "name": board.quantity.name,
        "label": board.quantity.label,
        "unit": board.quantity.unit,
        "tailed": board.quantity.transform != "identity",
        "constant": _rounded(board.mae(CONSTANT)),
        "recommended": board.recommended,
        "crystals": encode_integers(np.searchsorted(every, board.jid)),
        "targets": encode_floats(board.target),
        "models": [_model(key, board, prediction, about) for key, prediction in values.items()],
    }


def _model(key: str, board: Board, prediction: Floats, about: Any) -> dict[str, Any]:
    error = board.errors[key]
    return {
        "key": key,
        "label": board.label(key),
        "ours": key in board.ours,
        "values": encode_floats(prediction),
        "elements": [[z, _rounded(mae), n] for z, (mae, n) in by_element(error, list(about[c.SPECIES])).items()],
        "systems": [
            [name, _rounded(mae), n] for name, (mae, n) in by_group(error, list(about["system"]), SYSTEMS).items()
        ],
        "kinds": [[name, _rounded(mae), n] for name, (mae, n) in by_group(error, list(about["kind"]), KINDS).items()],
    }


def encode_floats(values: Floats) -> str:
    """Base64 of the upper 24 bits of each float32, rounded, little-endian: [n] to 4 n characters."""
    bits = values.astype("<f4").view("<u4").astype(np.uint64)
    return encode_integers(((bits + 0x80) >> 8).astype(np.int64))


def encode_integers(values: NDArray[np.int64]) -> str:
    """Base64 of three bytes a number, little-endian. Numbers from 0 to 2^24 - 1."""
    three = values.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
    return base64.b64encode(np.ascontiguousarray(three).tobytes()).decode()


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
