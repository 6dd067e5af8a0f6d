"""The turns of pinned memory, with a device that is a list of what was asked of it; on a real one: test_dataset.py."""

import numpy as np
import pytest
import torch

from crystalmatrix.contracts.features import Item
from crystalmatrix.features.staging import Staging

CPU = torch.device("cpu")


class Event:
    """What torch.cuda.Event is asked for, in order."""

    asked: list[tuple[str, int]]
    made = 0

    def __init__(self) -> None:
        self.number = Event.made
        Event.made += 1

    def synchronize(self) -> None:
        Event.asked.append(("wait", self.number))

    def record(self, stream: object) -> None:
        Event.asked.append(("sent", self.number))


@pytest.fixture
def staging(monkeypatch: pytest.MonkeyPatch) -> Staging:
    Event.asked, Event.made = [], 0
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "the stream")
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    return Staging({"vector": Item(np.dtype(np.float32), (3,))}, CPU)


def test_a_batch_is_overwritten_only_after_its_copy(staging: Staging) -> None:
    """Two sets take turns; each is waited for before it is filled again."""
    places = []
    for _ in range(4):
        places.append(staging.take(10)["vector"].data_ptr())
        staging.sent()
    assert places[0] != places[1]
    assert places == places[:2] * 2
    assert Event.asked == [("wait", 1), ("sent", 1), ("wait", 0), ("sent", 0)] * 2


def test_room_grows_with_the_largest_batch_and_is_kept(staging: Staging) -> None:
    sizes, places = (10, 10, 40, 40, 10, 45), []
    for n in sizes:
        taken = staging.take(n)["vector"]
        assert taken.shape == (n, 3)
        places.append(taken.data_ptr())
        staging.sent()
    assert len({*places[:4]}) == 4  # each set is made anew for 40
    assert places[4:] == places[2:4]  # and then serves both what is smaller and a little more
