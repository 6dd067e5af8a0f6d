"""Crystals as dictionaries, the way they lie in JSON: of jarvis-tools, pymatgen and ASE.

In: one entry, which is a crystal or holds one under one of HOLDERS, as a dictionary or as JSON text within.
Out: Parts, plain arrays; InvalidCrystalError, which says the key and what was found there.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import gemmi
import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts import columns
from crystalmatrix.crystals.cif.formula import parse_formula, written
from crystalmatrix.crystals.crystal import (
    CONTRADICTORY,
    DISORDERED,
    MALFORMED,
    NO_STRUCTURE,
    NOT_PERIODIC,
    Crystal,
    InvalidCrystalError,
    encodable,
    make_crystal,
)
from crystalmatrix.crystals.values import (
    as_array,
    atomic_numbers,
    check_occupancy,
    check_periodic,
    flag,
    is_full,
    rows_of_three,
)

HOLDERS = ("atoms", "structure", "attributes")  # keys under which an entry holds its crystal
OPTIMADE = ("species_at_sites", "cartesian_site_positions", "lattice_vectors")
_OF_OPTIMADE = (*OPTIMADE, "dimension_types", "species", "structure_features", "nperiodic_dimensions")
OURS = (columns.SPECIES, columns.FRACTIONAL, columns.LATTICE)
FORMULAS = ("formula", "formula_pretty", "chemical_formula_reduced")  # of JARVIS, the Materials Project, OPTIMADE
_FLAT = ("numbers", "symbols", "positions", "cell", "pbc", "elements", "coords", "cartesian")
_PARTS = ("lattice_mat", "abc", "angles", "sites")
KEYS = frozenset([*HOLDERS, *_OF_OPTIMADE, *OURS, *FORMULAS, *_FLAT, *_PARTS])  # all that is looked at
IDS = ("jid", "id", "material_id", "immutable_id")  # and its id
_EQUAL = 0.02  # relative: formulas may be rounded
_APART = 0.05  # Å between a site's position in lattice vectors and the one in Å
_AGREE = 0.01, 1.0  # edges (relative) and angles (degrees) that contradict the lattice by more are an error


class Parts(NamedTuple):
    """What an entry says, read but not yet checked."""

    species: NDArray[np.uint8]  # [n_atoms] atomic number Z
    lattice: NDArray[np.float64]  # [3, 3] rows are a, b, c in Å
    coordinates: NDArray[np.float64]  # [n_atoms, 3] in Å or in lattice vectors, see `cartesian`
    cartesian: bool
    notes: tuple[str, ...] = ()

    def crystal(self, identity: str) -> Crystal:
        """Raises InvalidCrystalError."""
        return make_crystal(
            identity,
            numbers=self.species,
            lattice=self.lattice,
            coordinates=self.coordinates,
            cartesian=self.cartesian,
            notes=self.notes,
        )


def is_entry(thing: Any) -> bool:
    """Whether it is a dictionary that means to be one crystal, however damaged."""
    if not isinstance(thing, Mapping):
        return False
    return any(key in thing for key in HOLDERS) or _is_bare(thing)


def _is_bare(thing: Mapping[str, Any]) -> bool:
    """Whether it is a crystal itself: jarvis-tools, pymatgen, ASE."""
    if OPTIMADE[0] in thing or OURS[1] in thing:
        return True
    if "lattice_mat" in thing or "sites" in thing or ("elements" in thing and "coords" in thing):
        return True
    return "positions" in thing and ("numbers" in thing or "cell" in thing)


def own_id(entry: Any) -> str | None:
    """The id that an entry holds, if any."""
    if not isinstance(entry, Mapping):
        return None
    for key in IDS:
        value = entry.get(key)
        if value and isinstance(value, str | int):
            return encodable(str(value))
    return None


def read_parts(entry: Any) -> Parts:
    """Raises InvalidCrystalError."""
    if isinstance(entry, Mapping) and not _is_bare(entry):
        held = next((key for key in HOLDERS if key in entry), None)
        if held is None:
            found = ", ".join(map(str, list(entry)[:6])) or "no key at all"
            raise InvalidCrystalError(NO_STRUCTURE, f"found {found:.80}, expected 'atoms' with a crystal in it")
        return _compared(entry, _read_bare(_parsed(entry[held]), f"{held!r} is "))
    parts = _read_bare(_parsed(entry), "found ")
    return _compared(entry, parts) if isinstance(entry, Mapping) else parts


def _compared(entry: Mapping[str, Any], parts: Parts) -> Parts:
    """With a note where the entry's formula is not that of its atoms."""
    said = next((entry[key] for key in FORMULAS if isinstance(entry.get(key), str)), None)
    formula = parse_formula(said) if said else None
    if formula is None:
        return parts
    counts = Counter(parts.species.tolist())
    shares = [counts[z] / n for z, n in formula.items() if n]
    if counts.keys() == formula.keys() and max(shares) <= (1 + _EQUAL) * min(shares):
        return parts
    return parts._replace(notes=(*parts.notes, f"the formula says {said:.40}, the atoms are {written(counts)}"))


def _parsed(thing: Any) -> Any:
    """A dictionary that was written into JSON as text is a dictionary."""
    if not (isinstance(thing, str) and thing.lstrip().startswith("{")):
        return thing
    try:
        return json.loads(thing)
    except (ValueError, RecursionError):
        raise InvalidCrystalError(MALFORMED, f"text that is no valid JSON: {thing:.40}") from None


def _read_bare(inner: Any, found: str) -> Parts:
    if not isinstance(inner, Mapping):
        raise InvalidCrystalError(NO_STRUCTURE, f"{found}{inner!r:.40}, expected a dictionary of a crystal")
    if "sites" in inner:
        return _of_pymatgen(inner)
    if OPTIMADE[0] in inner:
        return _of_optimade(inner)
    if OURS[1] in inner:
        return _of_flat(inner, OURS, cartesian=False)
    return _of_ase(inner) if "positions" in inner else _of_jarvis(inner)


def _of_jarvis(inner: Mapping[str, Any]) -> Parts:
    species, notes = atomic_numbers(_item(inner, "elements"), "'elements'")
    cartesian = flag(_item(inner, "cartesian"), "'cartesian'")
    coordinates = rows_of_three(_item(inner, "coords"), len(species), "'coords'")
    check_periodic(inner.get("pbc", True), "'pbc'")
    edges = _edges(inner)
    if "lattice_mat" not in inner and edges and not cartesian:
        return Parts(species, _from_edges(edges), coordinates, False, notes)
    lattice = rows_of_three(_item(inner, "lattice_mat"), 3, "'lattice_mat'")
    if edges:
        _check_edges(lattice, edges, "'abc' and 'angles'", "'lattice_mat'")
    return Parts(species, lattice, coordinates, cartesian, notes)


def _of_pymatgen(inner: Mapping[str, Any]) -> Parts:
    lattice, sites = inner.get("lattice"), inner["sites"]
    if not isinstance(lattice, Mapping):
        raise InvalidCrystalError(NOT_PERIODIC, "no 'lattice', expected three lattice vectors")
    if not isinstance(sites, list | tuple) or not all(isinstance(site, Mapping) for site in sites):
        raise InvalidCrystalError(MALFORMED, f"'sites' is {sites!r:.40}, expected a list of dictionaries")
    check_periodic(lattice.get("pbc", True), "'pbc' of the lattice")
    species, notes = atomic_numbers([_only_element(site, k) for k, site in enumerate(sites)], "'sites'")
    angles = [lattice.get(angle) for angle in ("alpha", "beta", "gamma")]
    edges = _edges({"abc": [lattice.get(axis) for axis in "abc"], "angles": angles})
    if "matrix" not in lattice and edges:
        matrix = _from_edges(edges)
    else:
        matrix = rows_of_three(lattice.get("matrix"), 3, "'matrix' of the lattice")
        if edges:
            _check_edges(matrix, edges, "'a' to 'gamma'", "'matrix'")
    fractional, cartesian = (_coordinates(sites, key) for key in ("abc", "xyz"))
    if fractional is None:
        given = rows_of_three([site.get("xyz") for site in sites], len(sites), "'xyz' of the sites")
        return Parts(species, matrix, given, True, notes)
    if cartesian is not None and np.abs(fractional @ matrix - cartesian).max(initial=0) > _APART:
        notes = (*notes, "'abc' and 'xyz' of the sites disagree; 'abc' is used")
    return Parts(species, matrix, fractional, False, notes)


def _coordinates(sites: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64] | None:
    """[n_sites, 3]; None where they are not given for all. Raises InvalidCrystalError."""
    if not all(key in site for site in sites):
        return None
    return rows_of_three([site[key] for site in sites], len(sites), f"{key!r} of the sites")


def _of_optimade(inner: Mapping[str, Any]) -> Parts:
    """Its sites hold names of kinds, and "species", where it is there, says what a kind is: also a mixture, a vacancy.

    Of the specification of OPTIMADE, entries of the type `structures`.
    """
    if "disorder" in str(inner.get("structure_features")):
        raise InvalidCrystalError(DISORDERED, "'structure_features' says so, expected one element on each site")
    if inner.get("nperiodic_dimensions") not in (None, 3):
        raise InvalidCrystalError(NOT_PERIODIC, f"'nperiodic_dimensions' is {inner['nperiodic_dimensions']!r:.40}")
    names, kinds = _item(inner, OPTIMADE[0]), inner.get("species")
    if isinstance(names, list) and isinstance(kinds, list):
        used = {name for name in names if isinstance(name, str)}
        known = {kind["name"]: kind for kind in kinds if isinstance(kind, Mapping) and kind.get("name") in used}
        meant = {name: _element_of_kind(kind) for name, kind in known.items()}
        inner = {**inner, OPTIMADE[0]: [meant.get(name, name) if isinstance(name, str) else name for name in names]}
    return _of_flat(inner, OPTIMADE, cartesian=True)


def _element_of_kind(kind: Mapping[str, Any]) -> Any:
    symbols, shares = kind.get("chemical_symbols"), kind.get("concentration", [1.0])
    if not (isinstance(symbols, list) and isinstance(shares, list) and len(symbols) == len(shares)):
        raise InvalidCrystalError(MALFORMED, f"the kind {kind['name']!r:.40} is {kind!r:.80}, expected its element")
    if len(symbols) != 1 or not is_full(shares[0]) or kind.get("attached"):
        said = f"{symbols} {shares} {kind.get('attached') or ''}".strip()
        raise InvalidCrystalError(
            DISORDERED, f"sites {kind['name']!r:.40} hold {said:.80}, expected one element on each"
        )
    return symbols[0]


def _of_flat(inner: Mapping[str, Any], keys: tuple[str, str, str], *, cartesian: bool) -> Parts:
    """Of columns with elements, coordinates and lattice, which may be one list without rows."""
    species, notes = atomic_numbers(_item(inner, keys[0]), f"{keys[0]!r}")
    coordinates, lattice = (_item(inner, key) for key in keys[1:])
    check_periodic(inner.get("dimension_types", True), "'dimension_types'")
    if not cartesian:
        coordinates, lattice = _in_threes(coordinates), _in_threes(lattice)
    coordinates = rows_of_three(coordinates, len(species), f"{keys[1]!r}")
    return Parts(species, rows_of_three(lattice, 3, f"{keys[2]!r}"), coordinates, cartesian, notes)


def _of_ase(inner: Mapping[str, Any]) -> Parts:
    key = "numbers" if "numbers" in inner else "symbols"
    species, notes = atomic_numbers(as_array(_item(inner, key)), f"{key!r}")
    cell = inner.get("cell")
    cell = as_array(cell.get("array") if isinstance(cell, Mapping) and "array" in cell else cell)
    check_periodic(as_array(_item(inner, "pbc")), "'pbc'")
    positions = rows_of_three(as_array(inner["positions"]), len(species), "'positions'")
    info = inner.get("info")
    check_occupancy(info.get("occupancy") if isinstance(info, Mapping) else None)
    return Parts(species, rows_of_three(cell, 3, "'cell'"), positions, True, notes)


def _only_element(site: Mapping[str, Any], k: int) -> Any:
    """The symbol on a site of pymatgen's."""
    species = site.get("species")
    if not isinstance(species, list) or not species or not all(isinstance(kind, Mapping) for kind in species):
        raise InvalidCrystalError(MALFORMED, f"site {k + 1}: 'species' is {species!r:.40}, expected one element")
    occupancy = species[0].get("occu", 1)
    if len(species) > 1 or not is_full(occupancy):
        shared = ", ".join(f"{kind.get('element')} {kind.get('occu')}" for kind in species)
        raise InvalidCrystalError(DISORDERED, f"site {k + 1} holds {shared:.80}, expected one element on each")
    return species[0].get("element")


def _item(inner: Mapping[str, Any], key: str) -> Any:
    if key not in inner:
        raise InvalidCrystalError(MALFORMED, f"no {key!r} in 'atoms'")
    return inner[key]


def _edges(inner: Mapping[str, Any]) -> tuple[float, ...] | None:
    """a, b, c in Å and the angles in degrees, where both are there."""
    try:
        edges = tuple(map(float, (*inner["abc"], *inner["angles"])))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return edges if len(edges) == 6 else None


def _from_edges(edges: tuple[float, ...]) -> NDArray[np.float64]:
    """[3, 3] a along x, b in the xy plane; from a, b, c in Å and the angles in degrees."""
    return np.array(gemmi.UnitCell(*cast(tuple, edges)).orth.mat.tolist()).T


def _check_edges(lattice: NDArray[np.float64], edges: tuple[float, ...], theirs: str, its: str) -> None:
    """Raises InvalidCrystalError where edges and angles are those of another lattice."""
    a, b, c = lattice.tolist()  # so few numbers: plain Python is three times as fast as arrays
    length = math.hypot(*a), math.hypot(*b), math.hypot(*c)
    if not min(length) > 1e-6:
        return  # also of NaN; said by the checks of a crystal
    angle = (
        _angle(b, c, length[1] * length[2]),
        _angle(c, a, length[2] * length[0]),
        _angle(a, b, length[0] * length[1]),
    )
    relative, degrees = _AGREE
    if all(map(lambda found, said: abs(found - said) <= relative * found, length, edges)) and all(
        map(lambda found, said: abs(found - said) <= degrees, angle, edges[3:])
    ):
        return
    said, found = (" ".join(f"{value:.4g}" for value in values) for values in (edges, (*length, *angle)))
    raise InvalidCrystalError(CONTRADICTORY, f"{theirs} say {said}, {its} {found}")


def _angle(one: list[float], other: list[float], product: float) -> float:
    """Degrees; `product` of the lengths."""
    cosine = (one[0] * other[0] + one[1] * other[1] + one[2] * other[2]) / product
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def _in_threes(value: Any) -> Any:
    """A flat list of numbers in rows of three; anything else as it is."""
    flat = isinstance(value, list) and not any(isinstance(one, list) for one in value)
    return [value[k : k + 3] for k in range(0, len(value), 3)] if flat else value
