"""JARVIS releases by name, from jarvis-tools' own table.

In: a name of `jarvis.db.figshare.get_db_info`.  Out: the address and the file name behind it.

`dft_3d` is a moving name: the file it stands for today is recorded in raw.meta.json and in the report. The two pinned
releases must resolve to the files that they stood for when the official splits were drawn.
"""

from typing import NamedTuple

from crystalmatrix.errors import ConfigError, DataError, nearest


class Release(NamedTuple):
    """One file of a JARVIS data set."""

    url: str
    file: str  # the JSON file inside the archive
    n_entries: int | None  # None for a release that is not pinned


PINNED = {
    "dft_3d_2021": Release("https://ndownloader.figshare.com/files/29204826", "jdft_3d-8-18-2021.json", 55_723),
    "dft_3d_2022": Release("https://ndownloader.figshare.com/files/38521619", "jdft_3d-12-12-2022.json", 75_993),
}


def find_release(name: str) -> Release:
    """Raises ConfigError for an unknown name, DataError where a pinned name has come to mean another file."""
    from jarvis.db.figshare import get_db_info  # late: a second, for the matplotlib that nothing else here needs

    table = get_db_info()
    if name not in table:
        close = [key for key in table if key.startswith("dft_3d")]
        raise ConfigError(f"data.source: no file, folder or release {name!r}{nearest(name, ['minerals', *close])}")
    url, file = table[name][:2]
    pinned = PINNED.get(name)
    if pinned is None:
        return Release(url, file, None)
    if (url, file) != pinned[:2]:
        raise DataError(
            f"data.source: jarvis-tools resolves {name} to {file} ({url}), expected {pinned.file} ({pinned.url}); "
            "set data.source to the address that you mean"
        )
    return pinned
