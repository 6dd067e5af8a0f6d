"""Crystal Matrix: JARVIS-DFT in, a matrix of equivariant crystal-property models and their comparison out."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crystalmatrix.inference import Predictor as Predictor

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`from crystalmatrix import Predictor`, loaded on first use: the data stages must not import torch."""
    if name != "Predictor":
        raise AttributeError(f"module 'crystalmatrix' has no attribute {name!r}")
    from crystalmatrix.inference import Predictor

    return Predictor
