"""The order of an epoch: each crystal once, balanced batches, and for a set larger than memory a window at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.features.sampling import BLOCKS_PER_WINDOW, epoch_batches, inference_batches, resample


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5))
def test_epoch_holds_every_crystal_once(n_crystals, batch_size, epoch):
    n_atoms = np.random.default_rng(0).integers(1, 100, 80)
    crystals = np.arange(80)[-n_crystals:]
    batches = epoch_batches(crystals, n_atoms, batch_size=batch_size, seed=1, epoch=epoch)
    assert sorted(np.concatenate(batches)) == list(crystals)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=50), st.integers(0, 5))
def test_resampling_keeps_the_shares(weights, epoch):
    share = np.array(weights) / np.sum(weights)
    drawn = np.bincount(resample(share, seed=1, epoch=epoch), minlength=len(share))
    assert drawn.sum() == len(share)
    assert np.all(np.abs(drawn - share * len(share)) < 1 + 1e-9)


def test_batches_are_balanced_and_random():
    n_atoms = np.random.default_rng(0).integers(1, 141, 1000)
    arguments = {"batch_size": 50, "seed": 0}
    batches = epoch_batches(np.arange(1000), n_atoms, epoch=0, **arguments)
    atoms = [n_atoms[batch].sum() for batch in batches]
    assert max(atoms) / min(atoms) < 1.1
    again = epoch_batches(np.arange(1000), n_atoms, epoch=0, **arguments)
    other = epoch_batches(np.arange(1000), n_atoms, epoch=1, **arguments)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(batches, other, strict=True))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50))
def test_inference_takes_every_crystal_once(n_atoms):
    batches = inference_batches(np.array(n_atoms), atoms_per_batch=200)
    assert sorted(np.concatenate(batches)) == list(range(len(n_atoms)))


N_ATOMS = np.random.default_rng(0).integers(1, 60, 600)
SIZES = st.integers(1, 600)


@given(st.sets(st.integers(0, 599), min_size=1), st.integers(1, 40), st.integers(20, 20_000), st.integers(0, 5))
def test_windows_change_neither_content_nor_number_of_batches(chosen, batch_size, window_atoms, epoch):
    """Whatever the window: each crystal once, as many batches as without, none too large."""
    crystals = np.array(sorted(chosen))
    arguments = {"batch_size": batch_size, "seed": 1, "epoch": epoch}
    batches = epoch_batches(crystals, N_ATOMS, window_atoms=window_atoms, **arguments)
    assert sorted(np.concatenate(batches)) == crystals.tolist()
    assert len(batches) == len(epoch_batches(crystals, N_ATOMS, **arguments))
    assert max(map(len, batches)) <= batch_size
    assert max(map(len, batches)) - min(map(len, batches)) <= 2


@given(st.lists(st.integers(0, 599), min_size=1, max_size=300), st.integers(20, 20_000))
def test_windows_keep_repeated_draws(drawn, window_atoms):
    """Balanced sampling draws some crystals more than once: as often with windows as without."""
    crystals = np.array(sorted(drawn))
    batches = epoch_batches(crystals, N_ATOMS, batch_size=8, seed=1, epoch=0, window_atoms=window_atoms)
    assert sorted(np.concatenate(batches)) == crystals.tolist()


def spans(batches: list, window_atoms: int) -> float:
    """The most atoms that runs of batches, as long as a window, have in their blocks; in windows."""
    block_atoms = window_atoms // BLOCKS_PER_WINDOW
    block = (np.cumsum(N_ATOMS) - 1) // block_atoms
    atoms_of_block = np.bincount(block, weights=N_ATOMS)
    per_window = max(int(len(batches) * window_atoms / N_ATOMS.sum()), 1)
    runs = [np.concatenate(batches[k : k + per_window]) for k in range(0, len(batches), per_window)]
    return max(atoms_of_block[np.unique(block[run])].sum() for run in runs) / window_atoms


def test_batches_stay_within_windows():
    """A run of batches as long as a window touches two windows at most; without windows, nearly everything."""
    window_atoms = int(N_ATOMS.sum()) // 8
    arguments = {"batch_size": 8, "seed": 0, "epoch": 0}
    assert spans(epoch_batches(np.arange(600), N_ATOMS, window_atoms=window_atoms, **arguments), window_atoms) < 2.2
    assert spans(epoch_batches(np.arange(600), N_ATOMS, **arguments), window_atoms) > 3


def test_windows_are_other_ones_in_another_epoch():
    arguments = {"batch_size": 8, "seed": 0, "window_atoms": int(N_ATOMS.sum()) // 8}
    first, again, other = (epoch_batches(np.arange(600), N_ATOMS, epoch=epoch, **arguments) for epoch in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    early = [set(np.concatenate(batches[:9]).tolist()) for batches in (first, other)]
    assert len(early[0] & early[1]) < 0.6 * len(early[0])  # other crystals meet in the first window


def test_a_window_that_holds_all_changes_nothing():
    """Bit for bit the batches of a set that is in memory."""
    arguments = {"batch_size": 32, "seed": 3, "epoch": 2}
    expected = epoch_batches(np.arange(600), N_ATOMS, **arguments)
    for window_atoms, equal in ((int(N_ATOMS.sum()), True), (int(N_ATOMS.sum()) - 1, False)):
        found = epoch_batches(np.arange(600), N_ATOMS, window_atoms=window_atoms, **arguments)
        assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True)) == equal


@pytest.mark.parametrize("window_atoms", [1, 100, 5000])
def test_inference_in_windows_takes_every_crystal_once(window_atoms):
    batches = inference_batches(N_ATOMS, atoms_per_batch=200, window_atoms=window_atoms)
    assert sorted(np.concatenate(batches)) == list(range(600))
    assert max(N_ATOMS[batch].sum() for batch in batches) <= 200 + N_ATOMS.max()
