"""GPUs are shared out by file locks, one a card and a user; torch's view of the cards is simulated."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock

from crystalmatrix.errors import ConfigError
from crystalmatrix.training import device
from crystalmatrix.training.device import claim_device


@pytest.fixture
def visible(monkeypatch, tmp_path):
    """Set which cards, by UUID, torch sees; locks lie in the test's own folder."""

    def see(*cards: str | None) -> None:
        properties = [SimpleNamespace() if card is None else SimpleNamespace(uuid=card) for card in cards]
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cards))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cards))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties[index])

    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "a GPU")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return see


def test_each_job_takes_a_free_card(visible):
    visible("one", "two")
    first, lock = claim_device("auto")
    second, other = claim_device("cuda")
    assert (first, second) == (torch.device("cuda", 0), torch.device("cuda", 1))
    assert lock.is_locked
    assert other.is_locked


@pytest.mark.parametrize(("n_jobs", "expected"), [(1, [0, 1]), (2, [0, 1]), (3, [0, 1, 0, 1]), (5, [0, 1, 0, 1, 0, 1])])
def test_jobs_share_cards_evenly_where_more_may_run_than_there_are(visible, monkeypatch, n_jobs, expected):
    """`gpu=3` on two cards: two jobs a card, and the fifth waits."""
    visible("one", "two")
    claims = [claim_device("auto", jobs=n_jobs) for _ in expected]
    assert [claimed.index for claimed, _ in claims] == expected

    def end_of_the_first(seconds: float) -> None:
        claims[0][1].release()

    monkeypatch.setattr(device.time, "sleep", end_of_the_first)
    waited, _ = claim_device("auto", jobs=n_jobs)
    assert waited.index == 0


def test_processes_of_one_training_share_no_card(visible, monkeypatch):
    visible("one", "two")
    claims = [claim_device("auto", jobs=8, together=2) for _ in range(2)]
    assert [claimed.index for claimed, _ in claims] == [0, 1]
    monkeypatch.setattr(device.time, "sleep", lambda seconds: claims[1][1].release())
    third, _ = claim_device("auto", jobs=8, together=2)
    assert third.index == 1


def test_jobs_that_see_different_cards_as_the_first_do_not_wait_for_each_other(visible):
    visible("one")
    _, lock = claim_device("auto")
    visible("two")
    claimed, other = claim_device("auto")
    assert claimed == torch.device("cuda", 0)
    assert Path(lock.lock_file) != Path(other.lock_file)


@pytest.mark.parametrize("card", ["one", None])
def test_a_taken_card_is_waited_for(visible, monkeypatch, capsys, card):
    visible(card)
    held = FileLock(device._lock_path(0))
    held.acquire()
    monkeypatch.setattr(device.time, "sleep", lambda seconds: held.release())
    _, lock = claim_device("auto")
    assert lock.is_locked
    assert f"crystalmatrix-{os.getuid()}-gpu-{card or 0}.lock" == Path(lock.lock_file).name
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "all 1 GPUs are taken by other jobs: waiting\nusing GPU 0: a GPU\n"


def test_without_a_gpu(visible, capsys):
    visible()
    assert claim_device("auto") == (torch.device("cpu"), None)
    assert capsys.readouterr().err == "no GPU found: using the CPU\n"
    with pytest.raises(ConfigError, match="PyTorch sees no GPU"):
        claim_device("cuda")


def test_numbers_too_small_for_the_processor_are_zero() -> None:
    tiny = torch.tensor(1e-30)
    try:
        torch.set_flush_denormal(False)
        assert tiny * 1e-10 != 0  # the control
        device.flush_denormals()
        assert tiny * 1e-10 == 0
    finally:
        torch.set_flush_denormal(False)
