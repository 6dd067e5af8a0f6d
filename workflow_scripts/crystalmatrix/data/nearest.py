"""The least different of many crystals of one composition, among those of about one volume.

In: volumes and signatures (data/leakage.py).  Out: the nearest, with its distance.

Sorted by volume, the crystals in question lie side by side. They are looked for in a k-d tree for every aligned run of
1, 2, 4, 8 ... blocks of them, of which a few cover any stretch: work that grows with n log n and not with n squared,
where a data set holds one composition thousands of times.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.spatial import KDTree

BLOCK = 32  # crystals: so few are compared one by one


class Found(NamedTuple):
    """The nearest of a search."""

    distance: float  # root mean square difference of the signatures
    row: int  # of equally near ones the first


class Nearest:
    """Searches among the same crystals again and again."""

    def __init__(self, rows: NDArray[np.int64], volumes: NDArray[np.float64], points: NDArray[np.float64]) -> None:
        """`rows` [n] are what `within` names them by, `volumes` [n] of any unit, `points` [n, d] signatures."""
        order = np.argsort(volumes, kind="stable")
        self._rows, self._volumes, self._points = rows[order], volumes[order], points[order]
        self._trees: dict[tuple[int, int], tuple[KDTree, NDArray[np.int64]]] = {}  # and the places of its points

    def within(self, low: float, high: float, point: NDArray[np.float64]) -> Found | None:
        """The nearest to `point` [d] of those with volumes from `low` to `high`; None where there are none."""
        begin = int(np.searchsorted(self._volumes, low, side="left"))
        end = int(np.searchsorted(self._volumes, high, side="right"))
        first, last = -(-begin // BLOCK), end // BLOCK
        if first >= last:
            return self._compared(np.arange(begin, end), point)
        candidates = [np.arange(begin, first * BLOCK), np.arange(last * BLOCK, end)]
        while first < last:
            n_blocks = 1 << ((last - first).bit_length() - 1)
            if first:
                n_blocks = min(n_blocks, first & -first)  # aligned, so that other searches meet the same trees
            candidates.append(self._in_tree(first, n_blocks, point))
            first += n_blocks
        return self._compared(np.concatenate(candidates), point)

    def _in_tree(self, first: int, n_blocks: int, point: NDArray[np.float64]) -> NDArray[np.int64]:
        if (first, n_blocks) not in self._trees:
            from scipy.spatial import KDTree  # half a second, for data with many of one composition

            places = np.arange(first * BLOCK, (first + n_blocks) * BLOCK)
            places = places[np.argsort(self._rows[places])]
            _, kept = np.unique(self._points[places], axis=0, return_index=True)  # of equal points the first row's
            self._trees[first, n_blocks] = KDTree(self._points[places[kept]]), places[kept]
        tree, held = self._trees[first, n_blocks]
        return held[[tree.query(point)[1]]]

    def _compared(self, places: NDArray[np.int64], point: NDArray[np.float64]) -> Found | None:
        if not len(places):
            return None
        distance = np.sqrt(np.mean((self._points[places] - point) ** 2, axis=1))
        best = np.lexsort((self._rows[places], distance))[0]
        return Found(float(distance[best]), int(self._rows[places[best]]))
