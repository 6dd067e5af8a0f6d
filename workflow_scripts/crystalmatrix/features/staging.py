"""Where a batch waits on its way to a GPU: pinned memory, of the size of a batch, used again and again.

In: sizes.  Out: tensors to fill. Copies from pinned memory run beside the computation. Two sets of them take turns, so
that the host fills one while the device still copies the other.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from crystalmatrix.contracts.features import Item

_GROWTH = 1.25  # over the largest batch so far


class Staging:
    """`take`, fill, copy to the device without waiting, `sent`; then again."""

    def __init__(self, items: Mapping[str, Item], device: torch.device) -> None:
        self._items = items
        self._stream = torch.cuda.current_stream(device)
        self._room = [0, 0]  # atoms that fit
        self._tensors: list[dict[str, Tensor]] = [{}, {}]
        self._copied = [torch.cuda.Event(), torch.cuda.Event()]
        self._turn = 0

    def take(self, n_atoms: int) -> dict[str, Tensor]:
        """{name: [n_atoms, ...] pinned}, of any content; waits until the device has copied what was in them."""
        self._turn = 1 - self._turn
        self._copied[self._turn].synchronize()
        if n_atoms > self._room[self._turn]:
            self._room[self._turn] = int(n_atoms * _GROWTH)
            self._tensors[self._turn] = {
                name: torch.from_numpy(item.empty(self._room[self._turn])).pin_memory()
                for name, item in self._items.items()
            }
        return {name: tensor[:n_atoms] for name, tensor in self._tensors[self._turn].items()}

    def sent(self) -> None:
        """All copies of what was taken last are queued."""
        self._copied[self._turn].record(self._stream)
