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
)
OTHER_NAME_TAGS = ("_space_group_name_h-m_full", "_space_group_name_h-m_ref")  # the latter may be of another setting
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
    lists, damaged = _operations(block)
    sources = [Source(said, [("the operations", operations)], 1) for said, operations in lists.items()]
    if not lists and _is_magnetic(block):
        raise damaged or InvalidCrystalError(
            MALFORMED,
            f"{block.where}: a magnetic group without its operations, expected _space_group_symop_magn_operation.xyz",
        )
    for hall in block.every(*HALL_TAGS):
        try:
            sources.append(Source("its Hall symbol", [(hall, from_hall(hall))], 1))
        except InvalidCrystalError as invalid:
            damaged = damaged or invalid
    names = block.every(*NAME_TAGS) or block.every(*OTHER_NAME_TAGS)[:1]
    named = {name: of_name(name) for name in names}
    numbered = {number: of_number(_whole(number)) for number in block.every(*NUMBER_TAGS)}
    numbers = {settings[0].number for settings in numbered.values() if settings}
    for name, settings in named.items():
        if settings:
            agreeing = [setting for setting in settings if setting.number in numbers]
            sources.append(_named(f"its space group {name}", agreeing or settings))
        else:
            damaged = damaged or _unknown_group(block, f"{name!r:.30}")
    doubtful = bool(named) and not any(named.values()) and not lists
    for number, settings in numbered.items():
        if settings:
            source = _named(f"its space group number {number}", settings, standard=settings[0])
            sources.append(replace(source, doubtful=doubtful))
        else:
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
    return any(tag.startswith(marks) for tag in block.said)


def _is_magnetic(block: Block) -> bool:
    return block.column(*MAGNETIC_TAGS) is not None or (_has_moments(block) and block.column(*OPERATION_TAGS) is None)


def _operations(block: Block) -> tuple[dict[str, Operations], InvalidCrystalError | None]:
    """The lists of operations in the block, old tags and new ones; and what is wrong with one."""
    magnetic = block.column(*MAGNETIC_TAGS[:1])
    columns = [magnetic] if magnetic else [block.column(tag) for tag in OPERATION_TAGS]
    centrings = block.column(CENTRING_TAG) if magnetic else None
    lists: dict[str, Operations] = {}
    damaged = None
    for texts in columns:
        known = tuple(text for text in texts or () if text not in UNKNOWN)
        try:
            said = f"its {'other ' * bool(lists)}list of operations"
            lists |= {said: parse_operations(known, tuple(centrings or ()))} if known else {}
        except InvalidCrystalError as invalid:
            damaged = damaged or InvalidCrystalError(invalid.reason, f"{block.where}: {invalid.detail}")
    return lists, damaged
