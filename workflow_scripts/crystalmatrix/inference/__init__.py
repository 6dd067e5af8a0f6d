"""Trained models on crystals of one's own.

In: a checkpoint; structures.  Out: values with units, intervals and warnings.
"""

from crystalmatrix.inference.calculator import PropertyCalculator as PropertyCalculator
from crystalmatrix.inference.predictor import Predictor as Predictor
