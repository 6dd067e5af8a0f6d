"""Which symmetry a block means: its sources in the order of trust, each held against the evidence.

In: Block, lattice, Sites, Evidence.  Out: Reading, the atoms of the cell with notes; InvalidCrystalError.

A source that the evidence contradicts (cell shape, formula, Z, density, distances) gives way to a less trusted one only
if formula and Z confirm that one. Where a source leaves several settings open, the evidence picks, and a note says so;
where it cannot, the block is refused.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.cif.evidence import Evidence, judge
from crystalmatrix.crystals.cif.expand import Atoms, alike, expand, shortest_bond
from crystalmatrix.crystals.cif.operations import Operations
from crystalmatrix.crystals.cif.sites import Sites
from crystalmatrix.crystals.cif.statements import Source, read_sources
from crystalmatrix.crystals.cif.syntax import Block
from crystalmatrix.crystals.crystal import CONTRADICTORY, MALFORMED, InvalidCrystalError
from crystalmatrix.crystals.plausible import SENSIBLE

MOST_MISFIT, ODD_MISFIT = 0.03, 0.005  # of the metric of a cell under its symmetry: 1.5 % and 0.25 % of an edge

MISSHAPEN = "the symmetry does not fit the shape of the cell"


class Reading(NamedTuple):
    """The atoms of the cell under one choice of symmetry."""

    atoms: Atoms
    notes: tuple[str, ...]
    confirmed: bool


class Rejected(NamedTuple):
    """A choice of symmetry under which the block makes no sense."""

    error: InvalidCrystalError


def read_atoms(block: Block, lattice: NDArray[np.float64], sites: Sites, evidence: Evidence) -> Reading:
    """Raises InvalidCrystalError that says what contradicts what, or what is missing."""
    first: InvalidCrystalError | None = None
    sources = read_sources(block)
    for place, source in enumerate(sources):
        tried = [_read(operations, lattice, sites, evidence) for _, operations in source.choices]
        readings = [(k, found) for k, found in enumerate(tried) if isinstance(found, Reading)]
        if first is not None or source.doubtful:
            readings = [(k, found) for k, found in readings if found.confirmed]
        if readings:
            k, reading = _pick(source, readings, lattice, sites)
            notes = [] if first is None else [f"{source.said} is used, since {first.detail}"]
            notes += [source.remark] if source.remark and not reading.confirmed else []
            if len(source.choices) > 1:
                notes.append(f"{source.said} leaves the setting open; {source.choices[k][0]} fits the file and is used")
            notes += _disagreements(source, source.choices[k][1], sources[place + 1 :])
            return reading._replace(notes=(*notes, *reading.notes))
        if first is None:
            rejected = sorted((found.error for found in tried if isinstance(found, Rejected)), key=_is_of_shape)
            unsure = InvalidCrystalError(MALFORMED, f"{source.said} does not settle the symmetry; give the operations")
            first = next(iter(rejected), unsure)
    assert first is not None  # there is always a source
    raise InvalidCrystalError(first.reason, f"{block.where}: {first.detail}")


def _is_of_shape(error: InvalidCrystalError) -> bool:
    """What a setting that fits the cell has against it tells more."""
    return error.detail == MISSHAPEN


def _disagreements(source: Source, used: Operations, others: list[Source]) -> list[str]:
    """Less trusted sources that mean another space group, or another setting of it, than the one used.

    A name or a number says nothing of the origin where International Tables have only one: authors choose their own.
    """
    return [
        f"{other.said} disagrees with {source.said}, which is used"
        for other in others
        if (source.numbers and other.numbers and not source.numbers & other.numbers)
        or not any(
            _agree(operations, used, exactly=other.n_standard == len(other.choices))
            or (other.numbers and ":" not in name and used.is_moved(operations))
            for name, operations in other.choices
        )
    ]


def _agree(one: Operations, other: Operations, *, exactly: bool) -> bool:
    """A number leaves the axes and the origin open, so of its settings only the order counts."""
    if exactly:
        return one.group == other.group
    return len(one.rotation) == len(other.rotation) and one.n_rotations == other.n_rotations


def _read(operations: Operations, lattice: NDArray[np.float64], sites: Sites, evidence: Evidence) -> Reading | Rejected:
    misfit = operations.misfit(lattice @ lattice.T)
    if misfit > MOST_MISFIT:
        return Rejected(InvalidCrystalError(CONTRADICTORY, MISSHAPEN))
    try:
        atoms = expand(sites, operations, lattice, listed_twice=evidence.formula is not None)
    except InvalidCrystalError as invalid:
        return Rejected(invalid)
    volume = abs(float(np.linalg.det(lattice)))
    counts = Counter(atoms.species.tolist())
    verdict = judge(evidence, counts, volume=volume, attached_hydrogens=sites.attached_hydrogens)
    if verdict.against:
        return Rejected(InvalidCrystalError(CONTRADICTORY, verdict.against))
    notes = verdict.notes
    if misfit > ODD_MISFIT:
        notes = (*notes, "edges or angles of the cell, which are used as they are, depart from its symmetry")
    if other := _unlike_said(atoms, sites, len(operations.rotation)):
        notes = (*notes, other)
    if atoms.merged:
        notes = (*notes, f"sites {', '.join(atoms.merged[:5])} repeat atoms of others and are left out")
    return Reading(atoms, notes, verdict.confirmed)


def _unlike_said(atoms: Atoms, sites: Sites, n_operations: int) -> str | None:
    """A note where a site has not as many atoms as the block says; files of SHELXL-97 say n_operations / so many."""
    found = np.bincount(atoms.site, minlength=len(sites.multiplicity))
    said = sites.multiplicity
    other = (said > 0) & (found > 0) & (said != found) & (said * found != n_operations)
    if not other.any():
        return None
    k = int(other.argmax())
    return f"site {sites.label[k]} has {found[k]} atoms in the cell, its multiplicity says {said[k]}"


def _pick(
    source: Source, readings: list[tuple[int, Reading]], lattice: NDArray[np.float64], sites: Sites
) -> tuple[int, Reading]:
    """The reading that convention and evidence support. Raises InvalidCrystalError where several are left."""
    if len(source.choices) == 1:
        return readings[0]
    if any(reading.confirmed for _, reading in readings):
        readings = [(k, reading) for k, reading in readings if reading.confirmed]
    readings = [(k, reading) for k, reading in readings if _as_listed(reading.atoms, sites)] or readings
    sensible = [(k, reading) for k, reading in readings if shortest_bond(reading.atoms, lattice) > SENSIBLE]
    standard = [(k, reading) for k, reading in sensible if k < source.n_standard]
    left = standard or sensible or readings
    different = [(k, reading) for k, reading in left[1:] if not alike(left[0][1].atoms, reading.atoms, lattice)]
    if different:
        names = ", ".join(source.choices[k][0] for k, _ in (left[0], *different[:3]))
        raise InvalidCrystalError(
            CONTRADICTORY, f"{source.said} leaves the setting open ({names}); give the symmetry operations"
        )
    return left[0]


def _as_listed(atoms: Atoms, sites: Sites) -> bool:
    """Whether each site has as many atoms as the block says."""
    found = np.bincount(atoms.site, minlength=len(sites.multiplicity))
    asked = (sites.multiplicity > 0) & (found > 0)
    return bool(asked.any() and (found[asked] == sites.multiplicity[asked]).all())
