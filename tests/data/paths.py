"""Where the real data of tests are, and what to skip without them."""

import os
from pathlib import Path

import pytest

FACTS = Path(__file__).parents[1] / "fixtures/published.csv"  # the head of the file says what it is
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
JARVIS = SHARED / "jarvis_dft_3d_part.json.zip"
MEGNET = SHARED / "megnet_part.json.zip"
PREDICTIONS = SHARED / "leaderboard_predictions"
WHEEL = Path(os.environ.get("JARVIS_LEADERBOARD_WHEEL", "set JARVIS_LEADERBOARD_WHEEL to the wheel"))

needs_jarvis = pytest.mark.skipif(not JARVIS.exists(), reason=f"{JARVIS.name} is not beside the project")
needs_megnet = pytest.mark.skipif(not MEGNET.exists(), reason=f"{MEGNET.name} is not beside the project")
needs_predictions = pytest.mark.skipif(not PREDICTIONS.exists(), reason="no published predictions beside the project")
needs_wheel = pytest.mark.skipif(not WHEEL.exists(), reason="JARVIS_LEADERBOARD_WHEEL is not set to the wheel's path")
