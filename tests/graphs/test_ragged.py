"""Choosing and thinning graphs, against slow twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalmatrix.graphs.ragged import Graphs
from tests.graphs.cases import SHAPES, graph, random_crystal


def assert_equal(first: Graphs, second: Graphs, *, but: tuple[str, ...] = ()) -> None:
    for name in set(Graphs.__dataclass_fields__) - set(but):
        one, other = getattr(first, name), getattr(second, name)
        assert one.dtype.kind == other.dtype.kind, name
        np.testing.assert_array_equal(one, other, err_msg=name)


SOME = [random_crystal(shape, seed) for shape in SHAPES for seed in range(2)]


@given(st.lists(st.integers(0, len(SOME) - 1), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_selected_crystals_are_those_built_in_that_order(index: list[int]) -> None:
    chosen = graph(*SOME).select(np.array(index))
    assert chosen.n_crystals == len(index)
    assert_equal(chosen, graph(*(SOME[k] for k in index)), but=("jid",))
    assert list(chosen.jid) == [f"crystal-{k}" for k in index]


def test_selecting_nothing_gives_no_crystals() -> None:
    nothing = graph(*SOME).select(np.array([], np.int64))
    assert nothing.n_crystals == 0
    assert len(nothing.cosine) == len(nothing.neighbour) == 0
    assert nothing.edge_pointer.tolist() == [0]
