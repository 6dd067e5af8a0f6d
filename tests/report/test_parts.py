"""The parts of the page: numbers as text, scales and their ticks, the payload's encoding, breakdowns, elements."""

import base64
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.elements import SYMBOLS, position
from crystalmatrix.evaluation import breakdown
from crystalmatrix.evaluation.bootstrap import FEWEST, Difference
from crystalmatrix.report import text
from crystalmatrix.report.answer import lines_of
from crystalmatrix.report.explorer import encode_floats, encode_integers
from crystalmatrix.report.svg import Drawing, Scale, tick_label

finite = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6)


@given(finite)
def test_three_significant_digits(value: float) -> None:
    shown = text.significant(value).replace(text.MINUS, "-").replace(",", "")
    assert float(shown) == pytest.approx(value, rel=5e-3, abs=1e-12)


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [(1234.5, 1, "1,234.5"), (-0.5, 2, "\N{MINUS SIGN}0.50"), (-0.001, 2, "0.00"), (math.nan, 1, "\N{EM DASH}")],
)
def test_number(value: float, places: int, shown: str) -> None:
    assert text.number(value, places) == shown


def test_decimals_give_the_smallest_error_three_digits() -> None:
    assert text.decimals([0.0288, 0.857]) == 4
    assert text.decimals([8.29, 51.0]) == 2
    assert text.decimals([27.9, 0.0]) == 1
    assert text.decimals([0.0, math.nan]) == 0


@pytest.mark.parametrize(("seconds", "shown"), [(42, "42 s"), (720, "12 min"), (11160, "3.1 h"), (None, "\N{EM DASH}")])
def test_duration(seconds: float | None, shown: str) -> None:
    assert text.duration(seconds) == shown


@given(finite, finite, finite, st.integers(1, 20))
def test_a_difference_is_claimed_only_where_the_interval_excludes_zero(a: float, b: float, c: float, n: int) -> None:
    low, mean, high = sorted((a, b, c))
    difference = Difference(n, mean, low, high)
    few, claimed = n < FEWEST, low > 0 or high < 0
    said = text.TOO_FEW if few else "not distinguishable" if not claimed else "better" if high < 0 else "worse"
    assert text.verdict(difference) == said
    assert bool(text.size(difference, 4)) == (claimed and not few)


@pytest.mark.parametrize(
    ("low", "values"), [(0.02, "3, 10, 30 and 100"), (0.005, "1, 10 and 100"), (0.001, "0.1, 1, 10 and 100")]
)
def test_the_lines_of_a_chart_are_named_as_they_are_drawn(low: float, values: str) -> None:
    scale = Scale(low, 1.3, 0, 100, log=True)
    assert lines_of(scale) == f"lines: {values}\N{NO-BREAK SPACE}% of the error of the best constant"


@given(st.floats(1e-6, 1e6), st.floats(1.05, 1e6), st.booleans())
def test_ticks_lie_within_the_scale_and_rise(low: float, factor: float, log: bool) -> None:
    scale = Scale(low, low * factor, 10, 200, log=log)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 14
    assert ticks == sorted(set(ticks))
    assert all(low * (1 - 1e-6) <= value <= low * factor * (1 + 1e-6) for value in ticks)
    assert all(10 <= scale(value) <= 200 for value in ticks)
    assert len({tick_label(value) for value in ticks}) == len(ticks)


@pytest.mark.parametrize("log", [False, True])
def test_a_scale_maps_its_ends_and_clamps_what_is_outside(log: bool) -> None:
    scale = Scale(2, 200, 10, 110, log=log)
    assert [scale(value) for value in (2, 200, 1, 1000)] == [10, 110, 10, 110]
    assert scale(20) == pytest.approx(60 if log else 10 + 100 * 18 / 198)
    assert Scale(1, 1, 0, 10, log=log)(1) == 5


def test_text_in_a_drawing_is_escaped() -> None:
    drawing = Drawing(10, 10, 'a "label" <b>')
    drawing.text(1, 1, "<script>")
    drawing.circle(1, 1, 1, "dot", "<title>")
    markup = str(drawing.markup())
    assert "<script>" not in markup
    assert "<title><title>" not in markup
    assert 'aria-label="a &quot;label&quot; &lt;b&gt;"' in markup


def decode(encoded: str) -> np.ndarray:
    """The slow twin of explorer.js: three bytes a number."""
    three = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(-1, 3).astype(np.uint32)
    return three[:, 0] | (three[:, 1] << 8) | (three[:, 2] << 16)


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=20))
def test_floats_survive_the_payload_to_sixteen_bits(values: list[float]) -> None:
    array = np.array(values)
    read = (decode(encode_floats(array)) << np.uint32(8)).view(np.float32)
    assert read == pytest.approx(array, rel=2.0**-16, abs=1e-37)


@given(st.lists(st.integers(0, 2**24 - 1), min_size=1, max_size=20))
def test_integers_survive_the_payload(values: list[int]) -> None:
    assert decode(encode_integers(np.array(values))).tolist() == values


def test_every_element_has_its_own_place() -> None:
    places = [position(z) for z in range(1, len(SYMBOLS))]
    assert len(set(places)) == len(places) == 103
    assert all(1 <= row <= 10 and 1 <= column <= 18 for row, column in places)
    group_14 = [position(SYMBOLS.index(symbol)) for symbol in ("C", "Si", "Ge", "Sn", "Pb")]
    assert group_14 == [(row, 14) for row in range(2, 7)]
    assert position(SYMBOLS.index("He")) == (1, 18)
    assert position(SYMBOLS.index("Gd")) == (9, 10)


crystals = st.lists(
    st.tuples(st.floats(0, 100, width=32), st.sets(st.integers(1, 94), min_size=1, max_size=4)), min_size=1, max_size=20
)


@given(crystals)
def test_errors_by_element_equal_a_slow_loop(rows: list[tuple[float, set[int]]]) -> None:
    error = np.array([value for value, _ in rows])
    found = breakdown.by_element(error, [np.array(sorted(z), dtype=np.uint8) for _, z in rows])
    for z in set().union(*(elements for _, elements in rows)):
        containing = [value for value, elements in rows if z in elements]
        mae, n = found.pop(z)
        assert n == len(containing)
        assert mae == pytest.approx(sum(containing) / n)
    assert found == {}


def test_groups_and_the_worst() -> None:
    error = np.array([1.0, 5.0, 3.0, 5.0])
    assert breakdown.by_group(error, ["b", "a", "b", "a"], ("a", "b", "c")) == {"a": (5.0, 2), "b": (2.0, 2)}
    assert breakdown.worst(error, 3).tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("number", "system"),
    [
        *((1, "triclinic"), (15, "monoclinic"), (62, "orthorhombic"), (136, "tetragonal"), (166, "trigonal")),
        *((194, "hexagonal"), (225, "cubic"), (None, "unknown"), (math.nan, "unknown")),
    ],
)
def test_crystal_system(number: float | None, system: str) -> None:
    assert breakdown.crystal_system(number) == system


def test_metals_have_no_gap() -> None:
    assert [breakdown.conductor(gap) for gap in (0.0, 0.1, None, math.nan)] == ["metal", "non-metal"] + ["unknown"] * 2


def test_description_keeps_the_order_asked_for() -> None:
    records = pd.DataFrame(
        {
            "species": [np.array([22, 82, 8, 8, 8]), np.array([26])],
            "space_group": [225, None],
            "band_gap": [4.4, 0.0],
        },
        index=["JVASP-1", "JVASP-2"],
    )
    about = breakdown.describe(records, np.array(["JVASP-2", "JVASP-1"]))
    assert about["formula"].tolist() == ["Fe", "PbTiO3"]
    assert [z.tolist() for z in about["species"]] == [[26], [8, 22, 82]]
    assert about["system"].tolist() == ["unknown", "cubic"]
    assert about["kind"].tolist() == ["metal", "non-metal"]
