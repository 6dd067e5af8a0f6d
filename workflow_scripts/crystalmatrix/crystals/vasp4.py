"""The elements of a VASP 4 file, which names none above its counts.

In: its first line, the number of its counts, its path.  Out: (atomic number, note) for each count, from the POTCAR of
the same run, from a first line that is the list of elements and nothing else, or from the labels behind the atoms, as
pymatgen writes them; InvalidCrystalError says what to add.

A comment is no source otherwise: "BCC Fe" names boron and carbon as much as iron.
"""

from pathlib import Path

from crystalmatrix.crystals.crystal import CONTRADICTORY, NO_STRUCTURE, UNKNOWN_ELEMENT, InvalidCrystalError
from crystalmatrix.crystals.symbols import element
from crystalmatrix.crystals.text import open_text
from crystalmatrix.elements import SYMBOLS

_NAMES = ("POSCAR", "CONTCAR", "XDATCAR")


def elements_of_vasp4(
    first: str, n_counts: int, *, line: int, path: Path | None, labels: list[str]
) -> list[tuple[int, str | None]]:
    """`line`: of the counts; `labels`: behind the rows of each count, where they agree. Raises InvalidCrystalError."""
    listed = _listed(first, n_counts)
    potcar = _potcar(path) if path else None
    if potcar is None:
        if labels and not listed:
            note = f"the file names no elements: {' '.join(labels)} by the labels behind its atoms"
            return [(SYMBOLS.index(symbol), note) for symbol in labels]
        if not listed:
            said = (
                f"line {line} gives {n_counts} count{'s' if n_counts > 1 else ''}, but no line above it names the "
                "elements: add one, such as 'Na Cl', or put the run's POTCAR beside the file"
            )
            raise InvalidCrystalError(NO_STRUCTURE, said)
        return [(SYMBOLS.index(symbol), None) for symbol in listed]
    names = potcar_elements(potcar)
    if len(names) != n_counts:
        said = (
            f"{potcar.name} beside it has {len(names)} elements ({' '.join(names):.60}), line {line} counts {n_counts}"
        )
        raise InvalidCrystalError(CONTRADICTORY, said)
    if listed and listed != names:
        said = f"the first line lists {' '.join(listed):.60}, {potcar.name} beside it {' '.join(names):.60}"
        raise InvalidCrystalError(CONTRADICTORY, said)
    note = f"the file names no elements: {' '.join(names)} by the {potcar.name} beside it"
    return [(element_of_potential(name, potcar.name)[0], note) for name in names]


def element_of_potential(name: str, where: str) -> tuple[int, str | None]:
    """Of Fe, Fe_pv, Fe_pv/0123abcd; raises InvalidCrystalError for anything else, also for H.5 and H1.25, which close
    the bonds of a surface and are no hydrogen."""
    bare = name.split("/")[0].split("_")[0]
    if "." in bare:
        raise InvalidCrystalError(UNKNOWN_ELEMENT, f"{where}: {name:.40}, expected an element of whole charge")
    try:
        return element(bare)
    except InvalidCrystalError as invalid:
        raise InvalidCrystalError(invalid.reason, f"{where}: {name:.40}, expected the symbol of an element") from None


def potcar_elements(path: Path) -> list[str]:
    """By the lines TITEL, `PAW_PBE Fe_pv 02Aug2007`, or in old files VRHFIN, `Fe: 3p 3d 4s`. InvalidCrystalError."""
    titles, configurations = [], []
    with open_text(path) as stream:
        for row in stream:
            key, _, value = row.partition("=")
            if key.strip() == "TITEL":
                titles.append((value.split()[1:] or [""])[0].partition("_")[0])
            elif key.strip() == "VRHFIN":
                configurations.append(value.partition(":")[0].strip())
    return titles or configurations


def _listed(first: str, n_counts: int) -> list[str]:
    words = first.split()
    return words if len(words) == n_counts and all(word in SYMBOLS[1:] for word in words) else []


def _potcar(path: Path) -> Path | None:
    """The POTCAR of the same run: POTCAR for POSCAR, POTCAR_2 for CONTCAR_2, in the same folder.

    A plain POTCAR says nothing of POSCAR_2, which may well be another crystal.
    """
    name = path.name.removesuffix(".gz")
    for known in _NAMES:
        if known in name:
            beside = path.with_name(name.replace(known, "POTCAR", 1))
            return next((file for file in (beside, beside.with_name(f"{beside.name}.gz")) if file.is_file()), None)
    return None
