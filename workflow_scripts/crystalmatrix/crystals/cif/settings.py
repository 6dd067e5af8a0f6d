"""Names of space groups, in every spelling, and the settings that each may mean.

In: a Hermann-Mauguin name as a file has it, or a number.  Out: Settings in order of preference, from gemmi's table.
"""

import re
from collections import defaultdict
from functools import cache, lru_cache
from typing import NamedTuple

import gemmi

IN_INTERNATIONAL_TABLES = 530  # the first so many of gemmi's; the rest are cells with further centrings
MONOCLINIC, CUBIC = range(3, 16), range(195, 231)
# What ICSD and others write behind a name, and what it means: origin choice 1 or 2, hexagonal or rhombohedral axes.
_SUFFIX = re.compile(
    r"(?:\s*:\s*([12hrsz])"  # F d -3 m:2
    r"|\s*[,(\[{]?\s*(?:origin\s*(?:choice|no\.?)?|choice|setting|o)\s*([12])\s*[)\]}]?"  # (origin choice 2), O2
    r"|\s*(hr?|[rsz])"  # R -3 m H
    r"|\s*[,(\[{]?\s*(hex|rhomb)[a-z.]*(?:\s*(?:axes|setting))?\s*[)\]}]?)$"  # R -3 m (rhombohedral axes)
)
_NUMBERED = re.compile(r"\s*(?:#\s*\d{1,3}$|[(\[]\s*(?:#|no\.?)?\s*\d{1,3}\s*[)\]])", re.IGNORECASE)  # Fm-3m (No. 225)
_REMARK = re.compile(r"\s*[(\[]\s*origin at [^)\]]*[)\]]", re.IGNORECASE)  # whichever that is: the file's evidence says
_MEANING = {"s": "1", "z": "2", "hr": "h"}


class Setting(NamedTuple):
    """One choice of axes and origin of a space group."""

    number: int
    name: str  # extended Hermann-Mauguin: "F d -3 m:2"
    hall: str
    extension: str  # "1", "2", "H", "R" or ""


@cache
def all_settings() -> tuple[Setting, ...]:
    """gemmi's table, with each group's reference setting first."""
    return tuple(_setting(group) for group in gemmi.spacegroup_table())


@cache
def of_number(number: int) -> list[Setting]:
    """Every setting of a group, the standard one of International Tables (both origins) first."""
    return [setting for setting in all_settings()[:IN_INTERNATIONAL_TABLES] if setting.number == number]


@lru_cache(maxsize=4096)
def of_name(name: str) -> list[Setting]:
    """The settings that a name may mean: several where axes or origin are not said. Empty for an unknown name."""
    spelled = _folded(name)
    for text, extension in _readings(spelled):
        for key in (text, text.replace(" ", ""), _shortened(text)):
            found = _names().get(key, [])
            chosen = [setting for setting in found if not extension or setting.extension.lower() == extension]
            if chosen:
                return chosen
            if found and extension and not any(setting.extension for setting in found):
                return found
        if full := _full_names().get(text.replace(" ", "")):
            return [setting for setting in full if not extension or setting.extension.lower() == extension]
    return []


def _readings(spelled: str) -> list[tuple[str, str]]:
    """(name, extension): as it stands, and with a suffix taken off."""
    readings = [(f"r{spelled[1:]}", "h")] if spelled.startswith("h") else [(spelled, "")]  # H 3: R 3, hexagonal axes
    if found := _SUFFIX.search(spelled):
        extension = found[1] or found[2] or found[3] or found[4][0]
        readings.append((spelled[: found.start()].strip(), _MEANING.get(extension, extension)))
    return readings


def _folded(name: str) -> str:
    spelled = _REMARK.sub("", _NUMBERED.sub("", re.sub(r"(\d)\((\d)\)", r"\1\2", name)))  # P 2(1)/n
    spelled = spelled.lower().replace("_", "").replace("~", " ")
    return re.sub(r"\s+", " ", spelled).strip(" '\"")


@cache
def _names() -> dict[str, list[Setting]]:
    """By every spelling with and without blanks; of a shortened monoclinic name b is the first of the unique axes."""
    table: dict[str, list[Setting]] = defaultdict(list)
    for group in gemmi.spacegroup_table():
        setting = _setting(group)
        spelled = group.hm.lower()
        forms = [spelled]
        if group.number in MONOCLINIC:
            forms.append(" ".join(part for part in spelled.split(" ") if part != "1"))
        if group.number in CUBIC and not spelled[2:].startswith("-"):
            forms.append(spelled.replace("-3", "3"))  # F m 3 m, as it was written before 1983
        forms += [form for form in _with_e_glides(spelled, group.number) if not _taken(table.get(form), setting)]
        for form in forms:
            for key in {form, form.replace(" ", "")}:
                if setting not in table[key]:
                    table[key].append(setting)
    for settings in table.values():
        settings.sort(key=_unique_axis)
    return dict(table)


def _taken(others: list[Setting] | None, setting: Setting) -> bool:
    """Whether a name with e means another setting already: C m m e is C m m a, not C m m b, in either origin."""
    return any(other.extension == setting.extension for other in others or ())


def _unique_axis(setting: Setting) -> int:
    parts = setting.name.split(" ")
    if setting.number not in MONOCLINIC or len(parts) < 4:
        return 0
    return 0 if parts[1] == parts[3] == "1" else 1 if parts[1] == "1" else 2


def _with_e_glides(spelled: str, number: int) -> list[str]:
    """The names of 1992 with e for a double glide: A e m 2 for A b m 2, C m c e for C m c a."""
    if number not in (39, 41, 64, 67, 68):
        return []
    centring, *parts = spelled.split(" ")
    axis = "abc".index(centring) if centring in "abc" else 2  # the e stands for the mirror across the centred axis
    return [" ".join([centring, *(part if k != axis else "e" for k, part in enumerate(parts))])]


@cache
def _full_names() -> dict[str, list[Setting]]:
    """By the full names without blanks, p21/n21/m21/a, which nothing but a table can tell apart."""
    import spglib  # late: hardly any file needs it

    table: dict[str, list[Setting]] = defaultdict(list)
    by_hall = {setting.hall: setting for setting in all_settings()[:IN_INTERNATIONAL_TABLES]}
    for hall_number in range(1, IN_INTERNATIONAL_TABLES + 1):
        group = spglib.get_spacegroup_type(hall_number)
        if group and (setting := by_hall.get(group.hall_symbol)):
            table[re.sub("[ _]", "", group.international_full).lower()].append(setting)
    return dict(table)


def _shortened(spelled: str) -> str:
    """A full name such as F 4/m -3 2/m in its usual short form, F m -3 m."""
    centring, *parts = spelled.split(" ")
    if len(parts) < 2:
        return spelled
    main_axis = parts[0][:1] in "46" and parts[1] not in ("3", "-3")  # 4/m and 6/m stay
    short = (part if k == 0 and main_axis else re.sub(r"^\d+/", "", part) for k, part in enumerate(parts))
    return " ".join([centring, *short])


def _setting(group: gemmi.SpaceGroup) -> Setting:
    extension = group.ext if group.ext.isalnum() else ""
    return Setting(group.number, group.xhm(), group.hall, extension)
