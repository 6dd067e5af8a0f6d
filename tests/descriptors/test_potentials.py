"""The potentials themselves: what their packages say, atom by atom, and every symmetry that a crystal has.

Skipped by name where a package is not installed.
"""

import importlib.metadata
from importlib.util import find_spec

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors import potential as module
from crystalmatrix.descriptors.describe import describe
from crystalmatrix.descriptors.potential import Potential, load_potential
from crystalmatrix.errors import ConfigError

INSTALLED = {name: find_spec(facts.package) is not None for name, facts in POTENTIALS.items()}
NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(not found, reason=f"{POTENTIALS[name].package} is not installed"))
    for name, found in INSTALLED.items()
]
TOLERANCE = {"rtol": 2e-3, "atol": 2e-3}  # float32 networks of five layers, then float16
pytestmark = pytest.mark.filterwarnings("ignore")  # of the packages' own


def crystal(species: list[int], fractional: list[list[float]], edges: list[float], name: str = "one") -> Crystal:
    skew = np.array([[1.0, 0, 0], [0.1, 1, 0], [0.05, -0.1, 1]])
    return Crystal(name, np.array(species, np.uint8), np.array(fractional), skew * np.array(edges)[:, None])


ROCK_SALT = crystal([12, 8], [[0, 0, 0], [0.5, 0.5, 0.45]], [3.0, 3.1, 3.2])
PEROVSKITE = crystal(
    [56, 22, 8, 8, 8], [[0, 0, 0], [0.5, 0.5, 0.52], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], [4.0, 4.0, 4.1]
)
SPARSE = crystal([10], [[0, 0, 0]], [5.5, 5.6, 5.7])  # neighbours, but no angle within CHGNet's 3 Å


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def potential(name: str) -> Potential:
    return load_potential(name, device="cpu")


def pooled(potential: Potential, one: Crystal) -> np.ndarray:
    """Mean and deviation over the atoms."""
    features = potential([one]).features
    return np.concatenate([features.mean(axis=0), features.std(axis=0)])


def test_width_and_energies(name: str, potential: Potential) -> None:
    found = potential([ROCK_SALT, PEROVSKITE])
    assert found.features.shape == (7, POTENTIALS[name].width)
    assert found.site_energy.shape == (7,)
    assert found.features.std(axis=0).max() > 0.1


def test_batch_equals_single(potential: Potential) -> None:
    together = potential([ROCK_SALT, PEROVSKITE, SPARSE])
    first = 0
    for k, one in enumerate([ROCK_SALT, PEROVSKITE, SPARSE]):
        alone = potential([one])
        n = len(one.species)
        np.testing.assert_allclose(together.features[first : first + n], alone.features, **TOLERANCE)
        np.testing.assert_allclose(together.site_energy[first : first + n], alone.site_energy, atol=1e-4)
        np.testing.assert_allclose(together.energy[k], alone.energy[0], atol=1e-4)
        first += n


def test_order_of_the_atoms_is_kept(potential: Potential) -> None:
    order = np.array([3, 0, 4, 2, 1])
    other = Crystal("other", PEROVSKITE.species[order], PEROVSKITE.fractional[order], PEROVSKITE.lattice)
    expected = potential([PEROVSKITE]).features
    np.testing.assert_allclose(potential([other]).features, expected[order], **TOLERANCE)
    assert np.abs(potential([other]).features - expected).max() > 0.1  # the control: without the order they differ


def test_supercell_and_rotation(potential: Potential) -> None:
    expected = pooled(potential, PEROVSKITE)
    shifts = np.array([[0, 0, 0], [0.5, 0, 0]])
    fractional = (PEROVSKITE.fractional[None] / [2, 1, 1] + shifts[:, None]).reshape(-1, 3)
    double = Crystal("2", np.tile(PEROVSKITE.species, 2), fractional, PEROVSKITE.lattice * np.array([[2], [1], [1]]))
    np.testing.assert_allclose(pooled(potential, double), expected, **TOLERANCE)
    rotation = Rotation.random(random_state=0).as_matrix()
    turned = Crystal("r", PEROVSKITE.species, PEROVSKITE.fractional, PEROVSKITE.lattice @ rotation.T)
    np.testing.assert_allclose(pooled(potential, turned), expected, **TOLERANCE)
    longer = Crystal("l", PEROVSKITE.species, PEROVSKITE.fractional, PEROVSKITE.lattice * 1.03)
    assert np.abs(pooled(potential, longer) - expected).max() > 0.05  # the control: a strain is seen


def test_unknown_elements_and_large_cells_get_a_reason(name: str, potential: Potential) -> None:
    strange = crystal([103, 8], [[0, 0, 0], [0.5, 0.5, 0.5]], [4.0, 4.0, 4.0])
    n = 2100
    large = Crystal("large", np.full(n, 6, np.uint8), np.random.default_rng(0).random((n, 3)), np.eye(3) * 30)
    found = describe([strange, ROCK_SALT, large], potential, width=POTENTIALS[name].width)
    assert found.reason[0] == "it knows no Lr"
    assert found.reason[1] is None
    assert "2100 atoms, at most" in str(found.reason[2])
    assert np.isnan(found.features[:2]).all()
    assert np.isfinite(found.features[2:4]).all()


@pytest.mark.skipif(not INSTALLED["chgnet"], reason="chgnet is not installed")
def test_equals_what_chgnet_says() -> None:
    from chgnet.model.model import CHGNet
    from pymatgen.core.structure import Structure

    model = CHGNet.load(use_device="cpu", verbose=False)
    structure = Structure(PEROVSKITE.lattice, PEROVSKITE.species.tolist(), PEROVSKITE.fractional)
    expected = model.predict_structure(structure, task="em", return_atom_feas=True, return_site_energies=True)
    found = load_potential("chgnet", device="cpu")([PEROVSKITE])
    np.testing.assert_allclose(found.features[:, :64], expected["atom_fea"], atol=1e-5)
    np.testing.assert_allclose(found.features[:, 64], expected["m"], atol=1e-5)
    np.testing.assert_allclose(found.site_energy, expected["site_energies"], atol=1e-5)
    np.testing.assert_allclose(found.energy[0], expected["e"], atol=1e-5)


@pytest.mark.skipif(not INSTALLED["7net-0"], reason="sevenn is not installed")
def test_equals_what_sevennet_says() -> None:
    import ase
    from sevenn.calculator import SevenNetCalculator

    atoms = ase.Atoms(PEROVSKITE.species, scaled_positions=PEROVSKITE.fractional, cell=PEROVSKITE.lattice, pbc=True)
    atoms.calc = SevenNetCalculator("7net-0", device="cpu")
    found = load_potential("7net-0", device="cpu")([PEROVSKITE])
    np.testing.assert_allclose(found.energy[0], atoms.get_potential_energy() / 5, atol=1e-4)
    np.testing.assert_allclose(found.site_energy, atoms.calc.results["energies"], atol=1e-4)


def test_a_package_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(module, "version", missing)
    with pytest.raises(ConfigError, match=r"potential chgnet: the package chgnet is not installed; install it with"):
        load_potential("chgnet")


def test_another_version_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "version", lambda package: "0.1")
    with pytest.raises(ConfigError, match=r"potential 7net-0: found sevenn 0\.1, expected 0\.13\.0"):
        load_potential("7net-0")


@pytest.mark.skipif(not INSTALLED["chgnet"], reason="chgnet is not installed")
def test_other_weights_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POTENTIALS, "chgnet", POTENTIALS["chgnet"]._replace(sha256="f" * 64))
    with pytest.raises(ConfigError, match=r"expected ffffffffffff\.\.\.: other weights give other descriptors"):
        load_potential("chgnet")


def test_an_unknown_potential_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"no potential 'chgnt'.*chgnet"):
        load_potential("chgnt")
