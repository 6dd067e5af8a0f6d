"""The cell and the sites that a block lists: elements, coordinates, and what forbids calling it ordered.

In: Block.  Out: lattice [3, 3] in Å; Sites. Raises InvalidCrystalError with the site's name.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.cif.numbers import number, step
from crystalmatrix.crystals.cif.syntax import UNKNOWN, Block
from crystalmatrix.crystals.crystal import (
    CONTRADICTORY,
    DISORDERED,
    MALFORMED,
    NO_STRUCTURE,
    UNKNOWN_ELEMENT,
    InvalidCrystalError,
)
from crystalmatrix.crystals.geometry import inverse
from crystalmatrix.crystals.symbols import HYDROGEN, Z_OF, element, element_of_label, plain_element
from crystalmatrix.elements import SYMBOLS

FULL = 0.995  # an occupancy below this is a partial one; 0.9995 and 0.999(2) are full
FLAT = 1e-6  # sine of an angle of a cell without volume
FARTHEST = 1e6  # lattice vectors or Å from the origin: no coordinate
NOT_ITS_CELL = 0.05  # relative, of a metric tensor
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Sites:
    """`n` sites of the asymmetric unit."""

    label: list[str]  # [n]
    species: NDArray[np.int64]  # [n] Z
    fractional: NDArray[np.float64]  # [n, 3] as given
    step: NDArray[np.float64]  # [n] unit of the last digit given, in lattice vectors; 0: exact
    multiplicity: NDArray[np.int64]  # [n] atoms of each site in the cell, as the block says; 0: not said
    attached_hydrogens: int  # said to sit on the sites and not listed
    notes: tuple[str, ...]


def read_lattice(block: Block) -> NDArray[np.float64]:
    """Rows a, b, c in Å: a along x, b in the xy plane."""
    a, b, c = (_cell_number(block, f"_cell_length_{axis}", None) for axis in "abc")
    alpha, beta, gamma = (_cell_number(block, f"_cell_angle_{angle}", 90.0) for angle in ("alpha", "beta", "gamma"))
    cos = np.cos(np.radians([alpha, beta, gamma]))
    cos[np.abs(cos) < 1e-12] = 0.0
    sin_gamma = np.sqrt(1 - cos[2] ** 2)
    y = (cos[0] - cos[1] * cos[2]) / max(sin_gamma, FLAT)
    z_squared = 1 - cos[1] ** 2 - y**2
    if z_squared <= 0 or sin_gamma <= FLAT:
        angles = f"{alpha:g}, {beta:g}, {gamma:g}"
        raise InvalidCrystalError(MALFORMED, f"{block.where}: cell angles {angles} make no cell")
    return np.array([[a, 0, 0], [b * cos[2], b * sin_gamma, 0], [c * cos[1], c * y, c * np.sqrt(z_squared)]])


def assumed_angles(block: Block) -> tuple[str, ...]:
    """A note where the block leaves out angles of its cell."""
    missing = [angle for angle in ("alpha", "beta", "gamma") if block.column(f"_cell_angle_{angle}") is None]
    return (f"the cell's {', '.join(missing)} is not given; 90 degrees is used, as CIF says",) if missing else ()


def _cell_number(block: Block, tag: str, default: float | None) -> float:
    column = block.column(tag)
    if column is None and default is not None:  # CIF's own default for an angle that is not given
        return default
    value = number(column[0]) if column else None
    end = 180.0 if "angle" in tag else np.inf
    if value is None or not 0 < value < end:
        found = f"found {column[0]!r}" if column else "not found"
        expected = "expected degrees below 180" if "angle" in tag else "expected a positive number"
        raise InvalidCrystalError(MALFORMED, f"{block.where}: {tag} {found}, {expected}")
    return value


def has_atoms(block: Block) -> bool:
    return any(tag.startswith("_atom_site_") and ("_fract_" in tag or "_cartn_" in tag) for tag in _tags(block))


def _tags(block: Block) -> list[str]:
    return [*block.values, *block.columns]


def read_sites(block: Block, lattice: NDArray[np.float64], *, known: frozenset[int] | None) -> Sites:
    """`known`: the elements of the block's formula."""
    labels = block.column("_atom_site_label")
    types = block.column("_atom_site_type_symbol")
    if labels is None and types is None:
        raise InvalidCrystalError(NO_STRUCTURE, f"{block.where}: sites without _atom_site_label or _type_symbol")
    names = labels if labels is not None else types or []
    flags = block.column("_atom_site_calc_flag") or [""] * len(names)
    real = [k for k in range(len(names)) if flags[k].lower() != "dum"]  # dummy sites are no atoms
    if not real:
        raise InvalidCrystalError(NO_STRUCTURE, f"{block.where}: no atom among the sites, expected at least one")
    fractional, steps = _coordinates(block, lattice, names, real)
    _check_occupancies(block, names, real)
    _check_groups(block, names, real)
    mixed_case = any(label[:2] in Z_OF and label[1].islower() for label in labels or () if len(label) > 1)
    remarks: list[tuple[str, str]] = []  # (label, note)
    species = []
    for k in real:
        try:
            if types and types[k] not in UNKNOWN:
                z, note = element(types[k])
            else:
                z, note = element_of_label(labels[k] if labels else "?", known=known, mixed_case=mixed_case)
        except InvalidCrystalError as invalid:
            raise InvalidCrystalError(UNKNOWN_ELEMENT, f"{block.where}, site {names[k]}: {invalid.detail}") from None
        species.append(z)
        if note:
            remarks.append((names[k], note))
    notes = _together(remarks)
    if types and labels and (note := _unlike_label([(labels[k], z) for k, z in zip(real, species, strict=True)])):
        notes.append(note)
    attached = [number(text) or 0 for text in block.column("_atom_site_attached_hydrogens") or []]
    hydrogens = 0 if HYDROGEN in species else int(sum(attached))
    said = block.column("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
    multiplicity = [int(number(said[k]) or 0) if said else 0 for k in real]
    return Sites(
        label=[names[k] for k in real],
        species=np.array(species, np.int64),
        fractional=fractional,
        step=steps,
        multiplicity=np.array(multiplicity, np.int64),
        attached_hydrogens=hydrogens,
        notes=tuple(notes),
    )


def _together(remarks: list[tuple[str, str]]) -> list[str]:
    """One note for all labels of which the same is said."""
    notes: dict[str, list[str]] = {}
    for label, note in remarks:
        notes.setdefault(note.replace(f"label {label} is", "{} is", 1), []).append(label)
    return [
        note.replace("{} is", f"label {labels[0]} is" if len(labels) == 1 else f"labels {_listed(labels)} are", 1)
        for note, labels in notes.items()
    ]


def _listed(labels: list[str]) -> str:
    return ", ".join(labels[:5]) + f" and {len(labels) - 5} more" * (len(labels) > 5)


def _unlike_label(sites: list[tuple[str, int]]) -> str | None:
    """A note where a label names another element than the type symbol, as where columns or rows are mixed up."""
    present = {z for _, z in sites}
    for label, z in sites:
        named = plain_element(label)
        if named in (None, z) or SYMBOLS[named].startswith(SYMBOLS[z]):  # Ca1 may be a carbon
            continue
        if len(SYMBOLS[named]) > 1 or named in present:  # M1, W1, B1 are names of sites
            return f"site {label} is {SYMBOLS[z]} by its type symbol, which counts"
    return None


def _coordinates(
    block: Block, lattice: NDArray[np.float64], names: list[str], real: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[n, 3] in lattice vectors, and [n] their steps."""
    columns = [block.column(f"_atom_site_fract_{axis}") for axis in AXES]
    cartesian = any(column is None for column in columns)
    if cartesian:
        columns = [block.column(f"_atom_site_cartn_{axis}") for axis in AXES]
    complete = [column for column in columns if column is not None]
    if len(complete) < 3:
        raise InvalidCrystalError(MALFORMED, f"{block.where}: sites without all of _atom_site_fract_x, _y and _z")
    texts = [[column[k] for column in complete] for k in real]
    read = [list(map(number, row)) for row in texts]
    for k, row, numbers in zip(real, texts, read, strict=True):
        strange = [text for text, value in zip(row, numbers, strict=True) if value is None or abs(value) > FARTHEST]
        if strange:
            text = strange[0]
            found = "has no position" if text in UNKNOWN else f"has {text!r:.30} as a coordinate, expected a number"
            raise InvalidCrystalError(MALFORMED, f"{block.where}, site {names[k]} {found}")
    values = np.array(read, np.float64).reshape(-1, 3)
    steps = np.array([max(map(step, row)) for row in texts]).reshape(-1)
    if not cartesian:
        return values, steps
    shortest = np.linalg.norm(lattice, axis=1).min()
    return _to_fractional(block, values, lattice), steps / shortest


def _to_fractional(block: Block, values: NDArray[np.float64], lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the file's own matrix and vector where it has them, else with a along x and b in the xy plane.

    Raises InvalidCrystalError for a matrix of another cell."""
    given = _transformation(block, "fract")
    if given is None:
        backwards = _transformation(block, "cartn")
        if backwards is None or not np.isfinite(inverse(backwards[0])).all():
            return values @ inverse(lattice)
        given = inverse(backwards[0]), -inverse(backwards[0]) @ backwards[1]
    matrix, vector = given
    if np.abs(matrix @ matrix.T @ lattice @ lattice.T - np.eye(3)).max() > NOT_ITS_CELL:
        said = "its matrix from Cartesian coordinates is that of another cell"
        raise InvalidCrystalError(CONTRADICTORY, f"{block.where}: {said}")
    return values @ matrix.T + vector


def _transformation(block: Block, kind: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Matrix [3, 3] and vector [3] that give coordinates of this kind; None where the matrix is not there."""
    tag = f"_atom_sites_{kind}"
    matrix = [
        number(block.value(f"{tag}_tran_matrix_{i}{j}", f"{tag}_transf_matrix[{i}][{j}]") or "?")
        for i in (1, 2, 3)
        for j in (1, 2, 3)
    ]
    if None in matrix:
        return None
    vector = [number(block.value(f"{tag}_tran_vector_{i}", f"{tag}_transf_vector[{i}]") or "?") for i in (1, 2, 3)]
    return np.array(matrix, np.float64).reshape(3, 3), np.array([value or 0.0 for value in vector])


def _check_occupancies(block: Block, names: list[str], real: list[int]) -> None:
    texts = block.column("_atom_site_occupancy")
    if texts is None:
        return
    values = {k: 1.0 if texts[k] in UNKNOWN else number(texts[k]) for k in real}
    largest = max((value for value in values.values() if value is not None), default=1.0)
    scale = 100.0 if largest > 2 else 1.0  # percentages without their sign
    for k, value in values.items():
        if value is None:
            found = f"has the occupancy {texts[k]!r:.30}, expected a number"
            raise InvalidCrystalError(MALFORMED, f"{block.where}, site {names[k]} {found}")
        if not FULL <= value / scale <= 2 - FULL:
            found = f"site {names[k]} has the occupancy {texts[k]}"
            raise InvalidCrystalError(DISORDERED, f"{block.where}, {found}, expected 1 everywhere")


def _check_groups(block: Block, names: list[str], real: list[int]) -> None:
    texts = block.column("_atom_site_disorder_group")
    if texts is None:
        return
    groups = {texts[k]: names[k] for k in reversed(real) if texts[k] not in (*UNKNOWN, "0")}
    if len(groups) > 1 or any(group.startswith("-") for group in groups):
        listed = ", ".join(f"{name} (group {group})" for group, name in sorted(groups.items()))
        raise InvalidCrystalError(DISORDERED, f"{block.where}: disorder groups {listed}, expected none")
