"""GPUs are shared out by file locks, one a card and a user; torch's view of the cards is simulated."""

import multiprocessing
import os
import re
import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock

from crystalmatrix import cluster
from crystalmatrix.errors import ConfigError
from crystalmatrix.training import device
from crystalmatrix.training.device import claim_device
from crystalmatrix.training.world import ALONE, World, joined

from .fitting import free_ports

ROOT = Path(__file__).parents[2]


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
    first, [lock] = claim_device("auto")
    second, [other] = claim_device("cuda")
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
        claims[0][1][0].release()

    monkeypatch.setattr(device.time, "sleep", end_of_the_first)
    waited, _ = claim_device("auto", jobs=n_jobs)
    assert waited.index == 0


class Together(World):
    """A process of two without the other: the first gives its own numbers away."""

    def of_the_first(self, numbers):
        assert self.leads
        return numbers


def test_processes_of_one_training_share_no_card(visible, monkeypatch):
    """Not with each other, and not with a job that is there; where several jobs share a card, neither."""
    visible("one", "two", "three")
    others = [claim_device("auto")[1][0] for _ in range(2)]
    monkeypatch.setattr(device.time, "sleep", lambda seconds: others[1].release())
    claimed, locks = claim_device("auto", jobs=9, world=Together(0, 2))
    assert claimed.index == 2
    assert [Path(lock.lock_file) for lock in locks] == [device._lock_path(2), device._lock_path(1)]


def test_jobs_that_see_different_cards_as_the_first_do_not_wait_for_each_other(visible):
    visible("one")
    _, [lock] = claim_device("auto")
    visible("two")
    claimed, [other] = claim_device("auto")
    assert claimed == torch.device("cuda", 0)
    assert Path(lock.lock_file) != Path(other.lock_file)


@pytest.mark.parametrize("card", ["one", None])
def test_a_taken_card_is_waited_for(visible, monkeypatch, capsys, card):
    visible(card)
    held = FileLock(device._lock_path(0))
    held.acquire()
    monkeypatch.setattr(device.time, "sleep", lambda seconds: held.release())
    _, [lock] = claim_device("auto")
    assert lock.is_locked
    assert f"crystalmatrix-{os.getuid()}-gpu-{card or 0}.lock" == Path(lock.lock_file).name
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "all 1 GPUs are taken by other jobs: waiting\nusing GPU 0: a GPU\n"


def test_without_a_gpu(visible, capsys):
    visible()
    assert claim_device("auto") == (torch.device("cpu"), [])
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


def test_more_processes_than_gpus_are_refused(visible):
    """They would wait for each other."""
    visible("one", "two")
    with pytest.raises(ConfigError, match=r"gpus_per_model: found 4 processes for 2 GPUs.*--resources gpu=2"):
        claim_device("auto", jobs=4, world=World(0, 4))


def _one_of_two(port: int, rank: int, each_for_itself: bool, folder: Path, name: str) -> None:
    """A process of a training: claims, and works once the other has a card too."""
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    device.PAUSE = 0.05
    with joined() as world:
        time.sleep(0.3 * rank)  # the first processes of both trainings are there before the second ones
        claimed, _locks = claim_device("auto", jobs=2, world=ALONE if each_for_itself else world)
        torch.distributed.barrier()
        (folder / f"{name}-{rank}").write_text(str(claimed.index))


@pytest.mark.parametrize("each_for_itself", [False, True], ids=["together", "the control"])
def test_two_trainings_of_two_processes_on_two_cards_both_end(visible, monkeypatch, tmp_path, each_for_itself):
    """Where every process takes a card for itself, each training holds one and waits for the other's."""
    visible("one", "two")
    monkeypatch.setattr(torch.distributed, "init_process_group", partial(_gloo, torch.distributed.init_process_group))
    fork = multiprocessing.get_context("fork")
    ports = free_ports(2)
    processes = [
        fork.Process(target=_one_of_two, args=(port, rank, each_for_itself, tmp_path, name))
        for name, port in zip("ab", ports, strict=True)
        for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    end = time.monotonic() + (3 if each_for_itself else 60)
    for process in processes:
        process.join(max(0, end - time.monotonic()))
    ended = [not process.is_alive() for process in processes]
    for process in processes:
        process.kill()
        process.join()
    assert ended == [not each_for_itself] * 4
    if not each_for_itself:
        cards = {name: [(tmp_path / f"{name}-{rank}").read_text() for rank in (0, 1)] for name in "ab"}
        assert cards == {"a": ["0", "1"], "b": ["0", "1"]}


def _gloo(start, backend, **options):
    """There is no NCCL without a real card."""
    start("gloo", **options)


def test_every_script_of_a_rule_with_a_gpu_claims_one():
    """As one of the jobs that may run at once, so that several share a card where they should."""
    rules = re.split(r"\n\s*rule ", "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk")))[1:]
    scripts = [re.search(r'"\$SCRIPTS"/(\w+\.py)', rule)[1] for rule in rules if re.search(r"\bgpu=", rule)]
    assert len(scripts) == len(cluster.GPU_RULES)
    for script in scripts:
        text = (ROOT / "workflow_scripts" / script).read_text()
        assert "_locks = claim_device(arguments.device, jobs=gpu_jobs()" in text, script
