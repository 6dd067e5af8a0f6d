"""Test crystals that are all but known, because a twin stands in the training fold.

In: records, splits.  Out: the table columns.LEAKAGE, one row per test crystal and property, with its closest twin.

Twins have the same composition and space group and volumes per atom within 2 %. Whether they also are the same
structure is told by their interatomic distances (`fingerprint`), blind to settings and sizes of cells.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c

VOLUME_TOLERANCE = 0.02  # relative difference of the volumes per atom
REACH = 2.0  # radius of the fingerprint, in units of the cube root of the volume per atom: about 33 neighbours
N_DISTANCES = 12  # per pair of elements
FEW = 16  # training crystals of a group that are compared one by one, equal or not
SAME_BELOW = 0.01  # root mean square difference of the distances, in the same unit; JARVIS leaves a gap around it


def leakage_table(records: pa.Table, splits: pa.Table) -> pa.Table:
    """For every test crystal of every property, its closest twin in that property's training fold, if there is one."""
    jids = records[c.JID].to_pylist()
    row_of = {jid: row for row, jid in enumerate(jids)}
    volumes = records[c.VOLUME].to_numpy() / records[c.N_ATOMS].to_numpy()  # [n_crystals] Å3 per atom
    groups = list(zip(records[c.FORMULA].to_pylist(), records[c.SPACE_GROUP].to_pylist(), strict=True))

    fingerprints = Fingerprints(records)
    found: list[dict[str, Any]] = []
    for name, (train, test) in _rows_by_property(splits, row_of).items():
        training: dict[tuple[str, int | None], list[int]] = defaultdict(list)
        for row in train:
            training[groups[row]].append(row)
        training = {group: fingerprints.distinct(rows) for group, rows in training.items()}
        for row in test:
            twins = [t for t in training.get(groups[row], ()) if abs(volumes[t] / volumes[row] - 1) <= VOLUME_TOLERANCE]
            if not twins:
                continue
            twin = fingerprints.nearest(row, twins)
            distance = fingerprints.difference(row, twin)
            found.append(
                {
                    c.JID: jids[row],
                    c.PROPERTY: name,
                    c.TWIN_JID: jids[twin],
                    c.KIND: c.SAME if distance < SAME_BELOW else c.SIMILAR,
                    "volume_difference": abs(volumes[twin] / volumes[row] - 1),
                    "distance_difference": distance,
                }
            )
    return pa.Table.from_pylist(found, c.LEAKAGE)


class Fingerprints:
    """Of the crystals in a table, each made once, when it is asked for."""

    def __init__(self, records: pa.Table) -> None:
        self._records = records
        self._known: dict[int, NDArray[np.float64]] = {}

    def difference(self, one: int, other: int) -> float:
        """Root mean square difference of two rows of one composition, 1 = (volume per atom)^1/3."""
        return float(np.sqrt(np.mean((self._of(one) - self._of(other)) ** 2)))

    def distinct(self, rows: list[int]) -> list[int]:
        """The first of each that are equal to the last bit: a million equal crystals are compared as one."""
        if len(rows) <= FEW:
            return rows
        equal = self._records.select([c.SPECIES, c.LATTICE, c.FRACTIONAL]).take(rows).to_pylist()
        first: dict[str, int] = {}
        for row, content in zip(rows, equal, strict=True):
            first.setdefault(repr(content), row)
        return list(first.values())

    def nearest(self, row: int, others: Sequence[int]) -> int:
        """The least different of `others`, at least one."""
        return min(others, key=lambda other: self.difference(row, other))

    def _of(self, row: int) -> NDArray[np.float64]:
        if row not in self._known:
            one = self._records.slice(row, 1).to_pylist()[0]
            lattice, fractional = np.reshape(one[c.LATTICE], (3, 3)), np.reshape(one[c.FRACTIONAL], (-1, 3))
            self._known[row] = fingerprint(lattice, fractional, np.array(one[c.SPECIES]))
        return self._known[row]


def fingerprint(lattice: NDArray, fractional: NDArray, species: NDArray) -> NDArray[np.float64]:
    """[n_elements, n_elements, N_DISTANCES]: for each pair of elements (by Z), the ascending distances from an atom of
    the first to its nearest atoms of the second, averaged over the former, in units of (volume per atom)^1/3.

    What lies beyond REACH counts as REACH, so nothing jumps when a neighbour crosses it.
    """
    n_atoms = len(species)
    unit = (abs(np.linalg.det(lattice)) / n_atoms) ** (1 / 3)  # Å
    centre, neighbour, distance = neighbour_list(
        "ijd", positions=fractional @ lattice, cell=lattice, pbc=[True] * 3, cutoff=REACH * unit
    )
    elements, element_of = np.unique(species, return_inverse=True)
    result = np.empty((len(elements), len(elements), N_DISTANCES))
    for second in range(len(elements)):
        nearest = np.full((n_atoms, N_DISTANCES), REACH)
        chosen = np.flatnonzero(element_of[neighbour] == second)
        chosen = chosen[np.lexsort((distance[chosen], centre[chosen]))]
        rank = np.arange(len(chosen)) - np.searchsorted(centre[chosen], centre[chosen])
        chosen, rank = chosen[rank < N_DISTANCES], rank[rank < N_DISTANCES]
        nearest[centre[chosen], rank] = distance[chosen] / unit
        for first in range(len(elements)):
            result[first, second] = nearest[element_of == first].mean(axis=0)
    return result


def _rows_by_property(splits: pa.Table, row_of: dict[str, int]) -> dict[str, tuple[list[int], list[int]]]:
    """{property: (rows of the training fold, rows of the test fold)}."""
    rows: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    columns = (splits[name].to_pylist() for name in (c.JID, c.PROPERTY, c.FOLD))
    for jid, name, fold in zip(*columns, strict=True):
        if fold != c.VAL:
            rows[name][fold == c.TEST].append(row_of[jid])
    return rows
