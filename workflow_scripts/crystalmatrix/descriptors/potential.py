"""What a potential is to the workflow, and where to find each.

In: a name of contracts/descriptors.POTENTIALS.  Out: Potential, with its weights checked and loaded; ConfigError, one
line, for a package that is not installed, another version of it or other weights.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.errors import ConfigError, nearest
from crystalmatrix.files import sha256


class Batch(NamedTuple):
    """What a potential gives for some crystals, one after the other."""

    features: NDArray[np.float32]  # [n_atoms, width]
    site_energy: NDArray[np.float32]  # [n_atoms] eV
    energy: NDArray[np.float64]  # [n_crystals] eV/atom


class Potential(Protocol):
    """A pretrained potential, ready."""

    elements: frozenset[int]  # atomic numbers that it knows
    most_atoms: int  # of a crystal that it describes
    atoms_at_once: int  # in a batch: as fast as larger ones, and small enough for any machine

    def __call__(self, crystals: Sequence[Crystal]) -> Batch:
        """Describe crystals, at least one, as if each were alone."""


def load_potential(name: str, *, device: str = "auto") -> Potential:
    """The potential, its package and weights as contracts/descriptors.py says. Raises ConfigError."""
    if name not in POTENTIALS:
        raise ConfigError(f"no potential {name!r}{nearest(name, POTENTIALS)}")
    installed_version(name)
    return _LOADERS[name](device)


@cache
def shared_potential(name: str, device: str) -> Potential:
    """The same for all models of a process. Raises ConfigError."""
    return load_potential(name, device=device)


def installed_version(name: str) -> str:
    """Of the potential's package. Raises ConfigError unless it is the one that the facts were checked with."""
    facts = POTENTIALS[name]
    needed = f"pip install {facts.package}=={facts.package_version}"
    try:
        found = version(facts.package)
    except PackageNotFoundError:
        raise ConfigError(
            f"potential {name}: the package {facts.package} is not installed; install it with: {needed}"
        ) from None
    if found != facts.package_version:
        raise ConfigError(
            f"potential {name}: found {facts.package} {found}, expected {facts.package_version}, whose features the "
            f"models know; install it with: {needed}"
        )
    return found


def checked_weights(name: str, path: Path) -> Path:
    """The file of the potential's weights, once its digest is the expected one. Raises ConfigError."""
    facts = POTENTIALS[name]
    if not path.exists():
        raise ConfigError(f"potential {name}: no weights at {path}, expected those of {facts.package}; reinstall it")
    if (found := sha256(path)) != facts.sha256:
        raise ConfigError(
            f"potential {name}: {path} has sha256 {found[:12]}..., expected {facts.sha256[:12]}...: other weights give "
            f"other descriptors; reinstall {facts.package} {facts.package_version}"
        )
    return path


def _chgnet(device: str) -> Potential:
    from crystalmatrix.descriptors.chgnet import CHGNetPotential

    return CHGNetPotential(device)


def _sevennet(device: str) -> Potential:
    from crystalmatrix.descriptors.sevennet import SevenNetPotential

    return SevenNetPotential(device)


_LOADERS: dict[str, Callable[[str], Potential]] = {"chgnet": _chgnet, "7net-0": _sevennet}
