"""What a block says about its content beside the sites: formula, Z, volume, density. Does a reading agree with it?

In: Block; how many atoms of each element a reading has.  Out: Evidence; Verdict.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import gemmi

from crystalmatrix.crystals.cif.formula import Formula, parse_formula, written
from crystalmatrix.crystals.cif.numbers import number
from crystalmatrix.crystals.cif.syntax import Block
from crystalmatrix.crystals.symbols import HYDROGEN
from crystalmatrix.elements import SYMBOLS

DALTON_PER_CUBIC_ANGSTROM = 1.66053907  # in g/cm3
_COMMENT = re.compile(r"(?:chemical\s+)?(?:formula|composition)\s*(?:sum)?\s*[:=]?\s*(\S.*)$", re.IGNORECASE)
_WORD = re.compile(r"[A-Z][\w()\[\].]*")
_EQUAL = 0.02  # relative: formulas are rounded
_DENSITY_OFF, _DENSITY_ODD = 0.12, 0.03  # relative: beyond the first atoms are missing, beyond the second it is said
_VOLUME_OFF, _VOLUME_ODD = 0.05, 0.01


@dataclass(frozen=True)
class Evidence:
    """None where the block does not say."""

    formula: Formula | None
    others: tuple[Formula, ...]  # further formulas, whose units Z may count: pymatgen's structural one is the reduced
    remarked: tuple[Formula, ...]  # what words of comments look like
    units: float | None  # Z, formula units in the cell
    density: float | None  # g/cm3
    volume: float | None  # Å3
    unread: str | None = None  # a formula that is none

    @property
    def elements(self) -> frozenset[int] | None:
        return None if self.formula is None else frozenset(self.formula)


@dataclass(frozen=True)
class Verdict:
    """Whether a reading can be what the block means."""

    against: str | None = None  # the contradiction, in words
    confirmed: bool = False  # formula and Z, or formula and density, agree
    notes: tuple[str, ...] = ()


def read_evidence(block: Block) -> Evidence:
    tags = (
        "_chemical_formula_sum",
        "_chemical_formula_moiety",
        "_chemical_formula_structural",
        "_chemical_formula_iupac",
    )
    said = [block.value(tag) for tag in tags]
    formulas = [formula for text in said if text and (formula := parse_formula(text))]
    remarked: list[Formula] = []
    if not formulas:
        for text in block.comments:
            found = _COMMENT.match(text)
            formula = parse_formula(found[1]) if found else _looks_like_formula(text)
            formulas += [formula] if formula else []
            remarked += [formula for word in _WORD.findall(text) if (formula := _looks_like_formula(word))]
    density = _value(block, "_exptl_crystal_density_diffrn", "_exptl_crystal_density_meas", "_exptl_crystal_density")
    return Evidence(
        formula=formulas[0] if formulas else None,
        others=tuple(formulas[1:]),
        remarked=tuple(remarked),
        units=_value(block, "_cell_formula_units_z"),
        density=density / 1000 if density and density > 50 else density,  # kg/m3, as the newer dictionary has it
        volume=_value(block, "_cell_volume"),
        unread=None if formulas else next(filter(None, said), None),
    )


def _value(block: Block, *tags: str) -> float | None:
    text = block.value(*tags)
    value = number(text) if text else None
    return value if value and value > 0 else None


def _looks_like_formula(text: str) -> Formula | None:
    """Of a remark, a formula of two elements and more, which is no word in capitals such as CIF."""
    formula = parse_formula(text) if re.search("[a-z0-9]", text) else None
    return formula if formula and len(formula) > 1 else None


def judge(evidence: Evidence, counts: Mapping[int, int], *, volume: float, attached_hydrogens: int = 0) -> Verdict:
    """Of a reading with so many atoms of each element in a cell of so many Å3."""
    notes: list[str] = []
    if attached_hydrogens:
        notes.append("hydrogen is attached to sites and not listed: it is missing here")
    verdict = _judge_formula(evidence, counts)
    if verdict.against:
        return verdict
    notes += [note for note in verdict.notes if not attached_hydrogens]
    confirmed = verdict.confirmed
    if evidence.density is not None:
        mass = sum(n * gemmi.Element(SYMBOLS[z]).weight for z, n in counts.items())
        ratio = mass * DALTON_PER_CUBIC_ANGSTROM / volume / evidence.density
        found = f"the density is {ratio * evidence.density:.2f} g/cm3, the file says {evidence.density:.2f}"
        if abs(ratio - 1) > _DENSITY_OFF and not confirmed:
            return Verdict(against="; ".join([found, *notes]))  # why, where hydrogen is missing
        if abs(ratio - 1) > _DENSITY_ODD:
            notes.append(found)
        elif evidence.formula is not None:
            confirmed = True
    if evidence.volume is not None:
        off = abs(evidence.volume / volume - 1)
        found = f"the cell has {volume:.1f} Å3, the file says {evidence.volume:.1f}"
        if off > _VOLUME_OFF:
            return Verdict(against=found)
        if off > _VOLUME_ODD:
            notes.append(found)
    return Verdict(confirmed=confirmed, notes=tuple(notes))


def _judge_formula(evidence: Evidence, counts: Mapping[int, int]) -> Verdict:
    formula = evidence.formula
    if formula is None:
        unread = [f"its formula {evidence.unread!r:.40} cannot be compared with its sites"] if evidence.unread else []
        return Verdict(notes=(*unread, *_remarks(evidence, counts)))
    said = f"the formula says {written(formula)}"
    without = {z: n for z, n in formula.items() if z != HYDROGEN or HYDROGEN in counts}
    if other := set(counts) ^ set(without):
        names = ", ".join(sorted(SYMBOLS[z] for z in other))
        return Verdict(against=f"read {written(counts)}, but {said}: {names} on one side only")
    factors = {z: counts[z] / without[z] for z in without}
    heavy = [factor for z, factor in factors.items() if z != HYDROGEN] or list(factors.values())
    unit = sum(heavy) / len(heavy)
    if max(abs(factor - unit) for factor in heavy) > _EQUAL * unit:
        return Verdict(against=f"read {written(counts)}, but {said}")
    notes = []
    if HYDROGEN in formula and factors.get(HYDROGEN, 0) < (1 - _EQUAL) * unit:
        notes.append(f"hydrogen is missing: {said}")
    elif HYDROGEN in formula and factors[HYDROGEN] > (1 + _EQUAL) * unit:
        return Verdict(against=f"read {written(counts)}, but {said}")
    against, more = _judge_units(evidence, counts, unit)
    if against:
        return Verdict(against=against)
    notes += more
    return Verdict(confirmed=evidence.units is not None and not notes, notes=tuple(notes))


def _remarks(evidence: Evidence, counts: Mapping[int, int]) -> list[str]:
    """Formulas in comments that have the elements of the reading in its proportions, and further ones."""
    notes = []
    for formula in evidence.remarked:
        factors = [n / formula[z] for z, n in counts.items() if z in formula]
        if 1 < len(factors) == len(counts) < len(formula) and max(factors) <= (1 + _EQUAL) * min(factors):
            lacking = ", ".join(sorted(SYMBOLS[z] for z in set(formula) - set(counts)))
            notes.append(f"a comment says {written(formula)}: {lacking} may be missing")
    return notes[:1]


def _judge_units(evidence: Evidence, counts: Mapping[int, int], unit: float) -> tuple[str | None, list[str]]:
    """What Z says against `unit` formula units, and what should be said of it."""
    z = evidence.units
    if z is None:
        whole = round(unit) > 0 and abs(unit - round(unit)) <= _EQUAL * unit
        return None, [] if whole else [f"read {unit:g} formula units, expected a whole number: atoms may be missing"]
    n_atoms = sum(counts.values())
    units = [unit, *(n_atoms / sum(other.values()) for other in evidence.others)]
    if any(abs(found - z) <= _EQUAL * z for found in units):
        return None, []
    said = f"read {unit:g} formula units, but Z says {z:g}"
    whole = abs(unit - 1) <= _EQUAL and all(n % z == 0 for n in (evidence.formula or {}).values())
    if whole:  # the sum of the whole cell, with Z of the reduced formula
        return None, []
    if max(units) > z:
        return None, [said]
    return f"{said}: atoms or operations are missing", []
