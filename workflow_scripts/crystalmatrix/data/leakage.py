"""Test crystals that are all but known, because a twin stands in the training fold.

In: records, splits.  Out: the table columns.LEAKAGE, one row per test crystal and property, with its closest twin.

Twins have the same composition and space group and volumes per atom within 2 %. Whether they also are the same
structure is told by their interatomic distances (`signature`), blind to settings and sizes of cells.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c
from crystalmatrix.data.nearest import Nearest

VOLUME_TOLERANCE = 0.02  # relative difference of the volumes per atom
REACH = 2.0  # radius of the signature, in units of the cube root of the volume per atom: about 33 neighbours
N_DISTANCES = 12  # per pair of elements
SAME_BELOW = 0.01  # root mean square difference of the distances, in the same unit; JARVIS leaves a gap around it
_TRAIN, _TEST = 1, 2
_NONE = np.empty(0, np.int64)


def leakage_table(records: pa.Table, splits: pa.Table) -> pa.Table:
    """For every test crystal of every property, its closest twin in that property's training fold, if there is one."""
    volumes = records[c.VOLUME].to_numpy() / records[c.N_ATOMS].to_numpy()  # [n_crystals] Å3 per atom
    names, folds = _folds(records, splits)
    signatures = Signatures(records)
    found: list[tuple[int, int, int, float]] = []  # property, crystal, its twin, their distance
    for rows in _groups(group_numbers(records)):
        trains, tests = folds[:, rows] == _TRAIN, folds[:, rows] == _TEST  # [n_properties, n_rows]
        leaking = np.flatnonzero(trains.any(axis=1) & tests.any(axis=1))
        if not len(leaking):
            continue
        point = dict(zip(rows.tolist(), signatures.of(rows), strict=True))
        for k in leaking:
            known = rows[trains[k]]
            training = Nearest(known, volumes[known], np.array([point[row] for row in known.tolist()]))
            for row in rows[tests[k]].tolist():
                low, high = ((1 + sign * VOLUME_TOLERANCE) * volumes[row] for sign in (-1, 1))
                if twin := training.within(low, high, point[row]):
                    found.append((int(k), row, twin.row, twin.distance))
    found.sort()
    prop, test, twin_of, distance = (np.array(side) for side in zip(*found, strict=True)) if found else [_NONE] * 4
    return pa.table(
        {
            c.JID: records[c.JID].take(test),
            c.PROPERTY: pa.array(names).take(prop),
            c.TWIN_JID: records[c.JID].take(twin_of),
            c.KIND: np.where(distance < SAME_BELOW, c.SAME, c.SIMILAR),
            "volume_difference": np.abs(volumes[twin_of] / volumes[test] - 1),
            "distance_difference": distance.astype(float),
        },
        c.LEAKAGE,
    )


def group_numbers(records: pa.Table) -> NDArray[np.int64]:
    """[n_crystals] the same number for the same composition and space group, counted as they come."""
    pairs = zip(records[c.FORMULA].to_pylist(), records[c.SPACE_GROUP].to_pylist(), strict=True)
    number: dict[tuple[str, int | None], int] = {}
    return np.array([number.setdefault(pair, len(number)) for pair in pairs], np.int64)


class Signatures:
    """Of the crystals in a table, whose columns are laid out once: to take rows of a table costs as much each time."""

    def __init__(self, records: pa.Table) -> None:
        self._lattice = _numbers(records[c.LATTICE]).reshape(-1, 3, 3)
        self._fractional = _numbers(records[c.FRACTIONAL]).reshape(-1, 3)
        self._species = _numbers(records[c.SPECIES])
        self._first = np.concatenate([[0], np.cumsum(records[c.N_ATOMS].to_numpy(), dtype=np.int64)])

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """[n_rows, d] of crystals of one composition, each as one row of numbers."""
        found = []
        for row in rows.tolist():
            atoms = slice(self._first[row], self._first[row + 1])
            found.append(signature(self._lattice[row], self._fractional[atoms], self._species[atoms]))
        return np.reshape(found, (len(rows), -1))


def signature(lattice: NDArray, fractional: NDArray, species: NDArray) -> NDArray[np.float64]:
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


def _numbers(column: pa.ChunkedArray) -> NDArray:
    """Of all lists of a column, one after the other."""
    return np.asarray(column.combine_chunks().flatten())


def _groups(numbers: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The rows, ascending, of each group that has more than one."""
    order = np.argsort(numbers, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        if len(rows) > 1:
            yield rows


def _folds(records: pa.Table, splits: pa.Table) -> tuple[list[str], NDArray[np.int8]]:
    """The properties, and [n_properties, n_crystals] _TRAIN, _TEST, or 0 for what is in neither."""
    encoded = splits[c.PROPERTY].combine_chunks().dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    row = pc.index_in(splits[c.JID], value_set=records[c.JID].combine_chunks()).to_numpy()
    folds = np.zeros((len(names), records.num_rows), np.int8)
    for fold, number in ((c.TRAIN, _TRAIN), (c.TEST, _TEST)):
        chosen = pc.equal(splits[c.FOLD], fold).to_numpy()
        folds[encoded.indices.to_numpy()[chosen], row[chosen]] = number
    return names, folds
