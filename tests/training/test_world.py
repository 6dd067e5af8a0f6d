"""Two processes that train one model: the curve of one process, exact resume, and refusals."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import load_checkpoint, save_checkpoint
from crystalmatrix.training import loop
from crystalmatrix.training.loop import LOG
from crystalmatrix.training.run import train
from crystalmatrix.training.state import check_processes
from crystalmatrix.training.stop import TrainingStoppedError
from crystalmatrix.training.world import World, joined

from .cases import SETTINGS, training_data, with_training
from .fitting import CPU, EAGER, assert_same_weights, fit, free_ports

TASKS = ["formation_energy", "bulk_modulus"]
LEARNED = with_training(task_weights="learned", auxiliary=False)


def _train(rank: int, port: int, folder: Path, settings: TierConfig, stop_at: int | None) -> None:
    """One of two processes. At step `stop_at` the second alone is asked to stop."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    update = loop.Trainer._update_average

    def update_and_ask(trainer: loop.Trainer) -> None:
        update(trainer)
        if rank == 1 and trainer.step == stop_at:
            trainer.stop.number = 15

    loop.Trainer._update_average = update_and_ask
    with joined() as world:
        try:
            checkpoint = train(
                training_data(TASKS), tier="lite", task="multitask", settings=settings, run=folder, device=CPU,
                world=world,
            )  # fmt: skip
        except TrainingStoppedError:
            (folder / f"stopped-{rank}").touch()
        else:
            save_checkpoint(folder / f"process-{rank}.pt", checkpoint)


def together(folder: Path, settings: TierConfig, *, stop_at: int | None = None) -> None:
    """Train in two processes."""
    [port] = free_ports(1)
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=_train, args=(rank, port, folder, settings, stop_at)) for rank in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]


def curve(folder: Path) -> np.ndarray:
    """[n_epochs, 2] training loss and validation score."""
    state = torch.load(folder / "seed-0/state.pt", weights_only=True)
    assert len((folder / "seed-0" / LOG).read_text().splitlines()) == len(state["history"])
    return np.array([[entry["train_loss"], entry["val_score"]] for entry in state["history"]])


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    together(folder, LEARNED)
    return folder


def test_two_processes_give_the_curve_of_one(two: Path, tmp_path: Path) -> None:
    """30 crystals in batches of 8, so that the last batches are odd; learned weights of tasks among the parameters."""
    fit(tmp_path, LEARNED, tasks=TASKS)
    np.testing.assert_allclose(curve(two), curve(tmp_path), rtol=1e-4)
    other = tmp_path / "control"
    fit(
        other,
        LEARNED.model_copy(update={"training": LEARNED.training.model_copy(update={"batch_size": 4})}),
        tasks=TASKS,
    )
    assert np.abs(curve(other) / curve(two) - 1).max() > 1e-2, "the control: half the batch is another curve"


def test_both_processes_hold_the_same_weights(two: Path) -> None:
    assert_same_weights(load_checkpoint(two / "process-0.pt"), load_checkpoint(two / "process-1.pt"))


def test_a_signal_to_one_stops_both_and_resume_is_exact(tmp_path: Path) -> None:
    """With dropout, whose masks differ between the processes and are those of the step all the same."""
    together(tmp_path / "whole", EAGER)
    together(tmp_path / "parts", EAGER, stop_at=5)
    assert sorted(path.name for path in (tmp_path / "parts").glob("stopped-*")) == ["stopped-0", "stopped-1"]
    assert torch.load(tmp_path / "parts/seed-0/state.pt", weights_only=True)["step"] == 5
    together(tmp_path / "parts", EAGER)
    whole, parts = (load_checkpoint(tmp_path / name / "process-0.pt") for name in ("whole", "parts"))
    assert_same_weights(whole, parts)


def test_another_number_of_processes_is_refused(two: Path) -> None:
    with pytest.raises(DataError, match=r"found a training by 2 processes, expected 1.*give it gpu=2 again"):
        fit(two, LEARNED, tasks=TASKS)
    check_processes({}, two, size=1)  # a state of before there were several


def test_a_model_that_normalises_over_a_batch_is_refused(tmp_path: Path) -> None:
    model = {"architecture": "cgcnn", "channels": 8, "layers": 1}
    settings = TierConfig.parse({"model": model, "training": SETTINGS.training.model_dump()})
    data = training_data(TASKS[:1])
    with pytest.raises(ConfigError, match="gpus_per_model: found 2, but cgcnn normalises over a batch"):
        train(data, tier="cgcnn", task=TASKS[0], settings=settings, run=tmp_path, device=CPU, world=World(0, 2))


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_shares_are_the_batch(n: int) -> None:
    shares = [World(rank, 3).share(np.arange(n)) for rank in range(3)]
    counted = [crystal for mine, weight in shares if weight for crystal in mine.tolist()]
    assert sorted(counted) == list(range(n))
    assert {weight for mine, weight in shares} <= {0.0, 3.0}
    assert all(len(mine) for mine, _ in shares)
