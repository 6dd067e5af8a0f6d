"""One definition of a shell: what the search and dense rows keep whole or leave out whole."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.graphs.shells import SHELL_STEPS, SHELL_TOLERANCE, shell_end, shell_start
from tests.graphs.cases import Crystal, graph, ideal

PACKAGE = Path(__file__).parents[2] / "workflow_scripts/crystalmatrix"


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_being_of_one_shell_is_mutual(p: int, q: int) -> None:
    forth, back = shell_start(q) <= p <= shell_end(q), shell_start(p) <= q <= shell_end(p)
    assert forth == back == (abs(p - q) <= SHELL_STEPS)


def test_arrays_are_taken_too() -> None:
    q = np.array([0, 5, 10**7])
    assert (shell_end(q) - shell_start(q) == 2 * SHELL_STEPS).all()


def split(strain: float) -> Crystal:
    """fcc, whose 12 nearest neighbours become 4 + 8."""
    crystal = ideal("fcc", 4.0)
    return crystal._replace(lattice=crystal.lattice * np.array([1, 1, 1 + strain]))


@pytest.mark.parametrize(("strain", "whole"), [(0.0, True), (1e-6, True), (5e-4, True), (9e-4, False), (1e-2, False)])
def test_a_capped_search_keeps_shells_whole(strain: float, whole: bool) -> None:
    """The 4 lie at 2.83 Å, the 8 farther by half the strain times 2.83 / 2: within the tolerance up to 7e-4."""
    assert int(graph(split(strain), max_neighbours=3).edge_pointer[-1]) == (12 if whole else 4)


def test_no_other_file_defines_a_tolerance_of_shells() -> None:
    users = [path.name for path in PACKAGE.rglob("*.py") if "SHELL_TOLERANCE =" in path.read_text()]
    assert users == ["shells.py"]
    assert SHELL_TOLERANCE == SHELL_STEPS * 1e-6
