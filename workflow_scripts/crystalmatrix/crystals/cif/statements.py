"""What a block says of its symmetry: operations, Hall symbol, name, number.

In: Block.  Out: Sources, the most trusted first, each with the settings that it may mean.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from crystalmatrix.crystals.cif.operations import IDENTITY, Operations, from_hall, parse_operations
from crystalmatrix.crystals.cif.settings import Setting, of_name, of_number
from crystalmatrix.crystals.cif.syntax import UNKNOWN, Block
from crystalmatrix.crystals.crystal import MALFORMED, InvalidCrystalError

OPERATION_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
MAGNETIC_TAGS = ("_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_operation_mxmymz")
CENTRING_TAG = "_space_group_symop_magn_centering_xyz"
HALL_TAGS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
NAME_TAGS = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m",
    "_space_group_name_h-m_full",
    "_space_group_name_h-m_ref",
)
NUMBER_TAGS = ("_space_group_it_number", "_symmetry_int_tables_number", "_symmetry_space_group_number")


@dataclass(frozen=True)
class Source:
    """One statement of the block about its symmetry."""

    said: str  # for notes: "its Hall symbol"
    choices: list[tuple[str, Operations]]  # (name of the setting, operations), the preferred first
    n_standard: int  # the first so many are what the statement means by convention
    numbers: frozenset[int] = frozenset()  # of the space groups that it may mean; empty where it names none
    doubtful: bool = False  # taken only where formula and Z confirm it


def read_sources(block: Block) -> Iterator[Source]:
    """What the block says of its symmetry, most trusted first; without a word, that there is none."""
    operations, damaged = _operations(block)
    if operations is not None:
        yield Source("its list of operations", [("the operations", operations)], 1)
    elif any(tag in block.columns or tag in block.values for tag in MAGNETIC_TAGS) or _is_magnetic(block):
        raise damaged or InvalidCrystalError(
            MALFORMED,
            f"{block.where}: a magnetic group without its operations, expected _space_group_symop_magn_operation.xyz",
        )
    silent = operations is None
    if hall := block.value(*HALL_TAGS):
        try:
            yield Source("its Hall symbol", [(hall, from_hall(hall))], 1)
            silent = False
        except InvalidCrystalError as invalid:
            damaged = damaged or invalid
    name, number = block.value(*NAME_TAGS), _number(block)
    settings = of_name(name) if name else []
    agreeing = [setting for setting in settings if number in (None, setting.number)]
    if settings:
        yield _named(f"its space group {name}", agreeing or settings)
    elif name:
        damaged = damaged or InvalidCrystalError(
            MALFORMED, f"{block.where}: space group {name!r:.30} is unknown; give the symmetry operations"
        )
    numbered = of_number(number) if number is not None else []
    if numbered:
        source = _named(f"its space group number {number}", numbered, standard=numbered[0])
        yield replace(source, doubtful=bool(name) and not settings and operations is None)
    if silent and not settings and not numbered:
        if damaged:
            raise damaged
        yield Source("no symmetry", [("P 1", IDENTITY)], 1)


def _named(said: str, settings: list[Setting], standard: Setting | None = None) -> Source:
    """`standard`: by convention that one, in any origin and on any of its axes; else each of the settings is meant."""
    meant = settings
    if standard is not None:
        base = standard.name.partition(":")[0]
        meant = [setting for setting in settings if setting.name.partition(":")[0] == base]
    rest = [setting for setting in settings if setting not in meant]
    choices = [(setting.name, from_hall(setting.hall)) for setting in (*meant, *rest)]
    return Source(said, choices, len(meant), frozenset(setting.number for setting in settings))


def _number(block: Block) -> int | None:
    text = block.value(*NUMBER_TAGS)
    digits = re.fullmatch(r"\s*['\"]?(\d{1,3})['\"]?\s*", text) if text else None
    return int(digits[1]) if digits and 1 <= int(digits[1]) <= 230 else None


def _is_magnetic(block: Block) -> bool:
    marks = ("_space_group_magn_", "_atom_site_moment")
    marked = any(tag.startswith(marks) for tag in (*block.values, *block.columns))
    return marked and block.column(*OPERATION_TAGS) is None


def _operations(block: Block) -> tuple[Operations | None, InvalidCrystalError | None]:
    """The operations that the block lists, or None; and what is wrong with them."""
    magnetic = block.column(*MAGNETIC_TAGS[:1])
    texts = magnetic or block.column(*OPERATION_TAGS)
    centrings = block.column(CENTRING_TAG) if magnetic else None
    known = tuple(text for text in texts or () if text not in UNKNOWN)
    if not known:
        return None, None
    try:
        return parse_operations(known, tuple(centrings or ())), None
    except InvalidCrystalError as invalid:
        return None, InvalidCrystalError(invalid.reason, f"{block.where}: {invalid.detail}")
