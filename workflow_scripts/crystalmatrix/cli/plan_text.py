"""The table of `crystalmatrix plan`.

In: Forecast of each tier, Describing of each potential.  Out: text.
"""

from crystalmatrix.cli.forecast import Describing, Forecast, wall_seconds
from crystalmatrix.cli.text import file_size, table_text

HEADER = ("tier", "trainings", "done", "crystals seen", "crystals/s", "time", "memory", "disk")


def plan_text(
    rows: list[Forecast], describing: list[Describing], *, parallel: int, evaluation: float, features: float
) -> str:
    """A row a tier and a potential, and their sum.

    `parallel`: trainings side by side; `evaluation`: seconds of all of them; `features`: GB of all of them.
    """
    cells = []
    for row in rows:
        wall = wall_seconds(row.seconds, parallel=parallel)
        numbers = [
            f"{row.trainings}",
            f"{row.done}",
            f"{row.crystals:,}",
            f"{row.crystals_per_second:,.0f}" if row.crystals_per_second else "",
        ]
        if not row.seconds:
            cells.append([row.tier, *numbers[:2], "0", "", "nothing left", "", ""])
            continue
        cells.append([row.tier, *numbers, _time(wall), file_size(row.memory_gb * 1e9), file_size(row.disk_gb * 1e9)])
    for one in describing:
        done = f"{one.done} of {one.shards}"  # shards
        if not one.seconds:
            cells.append([f"descriptors: {one.potential}", "", done, "0", "", "nothing left", "", ""])
            continue
        memory, disk = file_size(one.memory_gb * 1e9), file_size(one.disk_gb * 1e9)
        numbers = [f"{one.crystals:,}", f"{one.crystals_per_second:,.0f}", _time(one.seconds)]
        cells.append([f"descriptors: {one.potential}", "", done, *numbers, memory, disk])
    every = [second for row in rows for second in row.seconds]
    total = wall_seconds(every, parallel=parallel) + evaluation + sum(one.seconds for one in describing)
    memories = [parallel * row.memory_gb for row in rows] + [one.parallel * one.memory_gb for one in describing]
    disk_gb = features + sum(row.disk_gb for row in rows) + sum(one.disk_gb for one in describing)
    summed = [sum(row.trainings for row in rows), sum(row.done for row in rows), sum(row.crystals for row in rows)]
    sizes = [file_size(max(memories) * 1e9), file_size(disk_gb * 1e9)] if total else ["", ""]
    cells.append(["all", *(f"{n:,}" for n in summed), "", _time(total) if total else "nothing left", *sizes])
    return table_text(HEADER, cells, right=range(1, len(HEADER)))


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
