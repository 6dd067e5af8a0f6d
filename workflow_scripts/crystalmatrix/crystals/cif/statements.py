"""What a block says of its symmetry: operations, Hall symbol, name, number.

In: Block.  Out: Sources, the most trusted first, each with the settings that it may mean.
"""

from dataclasses import dataclass, replace

from crystalmatrix.crystals.cif.numbers import number as parsed
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
    remark: str = ""  # what the user should know where it is used and nothing confirms it


def read_sources(block: Block) -> list[Source]:
    """What the block says of its symmetry, most trusted first; without a word, that there is none."""
    operations, damaged = _operations(block)
    sources = []
    if operations is not None:
        sources.append(Source("its list of operations", [("the operations", operations)], 1))
    elif _is_magnetic(block):
        raise damaged or InvalidCrystalError(
            MALFORMED,
            f"{block.where}: a magnetic group without its operations, expected _space_group_symop_magn_operation.xyz",
        )
    if hall := block.value(*HALL_TAGS):
        try:
            sources.append(Source("its Hall symbol", [(hall, from_hall(hall))], 1))
        except InvalidCrystalError as invalid:
            damaged = damaged or invalid
    name, number = block.value(*NAME_TAGS), block.value(*NUMBER_TAGS)
    settings, numbered = of_name(name) if name else [], of_number(_whole(number)) if number else []
    agreeing = [setting for setting in settings if not numbered or setting.number == numbered[0].number]
    if settings:
        sources.append(_named(f"its space group {name}", agreeing or settings))
    if numbered:
        source = _named(f"its space group number {number}", numbered, standard=numbered[0])
        sources.append(replace(source, doubtful=bool(name) and not settings and operations is None))
    if name and not settings:
        damaged = damaged or _unknown_group(block, f"{name!r:.30}")
    if number and not numbered:
        damaged = damaged or _unknown_group(block, f"number {number!r:.10}")
    return _with_remarks(block, sources, damaged)


def _unknown_group(block: Block, said: str) -> InvalidCrystalError:
    return InvalidCrystalError(MALFORMED, f"{block.where}: space group {said} is unknown; give the symmetry operations")


def _with_remarks(block: Block, sources: list[Source], damaged: InvalidCrystalError | None) -> list[Source]:
    """What the user should know of the first source. Raises `damaged` where nothing else is said."""
    if not sources and damaged:
        raise damaged
    if not sources:
        return [Source("no symmetry", [("P 1", IDENTITY)], 1, remark="no symmetry is given; P 1 is used")]
    remark = ""
    if damaged:
        remark = f"{damaged.detail.removeprefix(f'{block.where}: ')}; {sources[0].said} is used"
    elif _has_moments(block) and block.column(*MAGNETIC_TAGS) is None:
        remark = "the structure is magnetic, but only operations without time reversal are given; they are used"
    return [replace(sources[0], remark=remark), *sources[1:]]


def _named(said: str, settings: list[Setting], standard: Setting | None = None) -> Source:
    """`standard`: by convention that one, in any origin and on any of its axes; else each of the settings is meant."""
    meant = settings
    if standard is not None:
        base = standard.name.partition(":")[0]
        meant = [setting for setting in settings if setting.name.partition(":")[0] == base]
    rest = [setting for setting in settings if setting not in meant]
    choices = [(setting.name, from_hall(setting.hall)) for setting in (*meant, *rest)]
    return Source(said, choices, len(meant), frozenset(setting.number for setting in settings))


def _whole(text: str) -> int:
    """0, the number of no space group, for what is no whole number."""
    value = parsed(text)
    return int(value) if value is not None and value == int(value) else 0


def _has_moments(block: Block) -> bool:
    marks = ("_space_group_magn_", "_atom_site_moment")
    return any(tag.startswith(marks) for tag in (*block.values, *block.columns))


def _is_magnetic(block: Block) -> bool:
    return block.column(*MAGNETIC_TAGS) is not None or (_has_moments(block) and block.column(*OPERATION_TAGS) is None)


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
