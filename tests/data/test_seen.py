"""An id is new once, however many lie between, and memory is 16 bytes an id."""

from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.data.seen import N_BYTES, Seen


@given(st.lists(st.text(max_size=2), max_size=300), st.integers(1, 40))
def test_new_as_a_set_says(ids: list[str], recent: int) -> None:
    seen, known = Seen(recent=recent), set()
    for identity in ids:
        assert seen.add(identity) == (identity not in known)
        known.add(identity)


def test_digests_that_end_with_zeros_are_told_apart() -> None:
    """About 80 of 20,000 do: NumPy's bytes leave zeros at their end out."""
    seen = Seen(recent=256)
    ids = [f"JVASP-{k}" for k in range(20_000)]
    assert all(map(seen.add, ids))
    assert not any(map(seen.add, ids))
    assert seen.n_bytes == N_BYTES * (20_000 // 256) * 256
    assert len(seen._sorted) < 10
