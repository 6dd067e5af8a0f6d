"""`crystalmatrix plan`: how a run uses this machine, and what describing atoms takes; how a run says where to ask."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crystalmatrix.cli.forecast import describing, shards_to_describe
from crystalmatrix.cli.measuring import Machine, machine_of, side_by_side
from crystalmatrix.cli.plan import hint
from crystalmatrix.cli.plan_text import plan_text
from crystalmatrix.config import load
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.potential import Batch
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.training.describing import describing_seconds
from crystalmatrix.training.rates import DescribingRate

from ..workflow.running import ROOT
from .test_plan import BLEND, SIZES

RATE = DescribingRate(start_seconds=5.0, atom_seconds=0.01, memory_mb=1000.0)


def test_descriptors_that_are_here_are_not_planned(tmp_path: Path) -> None:
    """Two of four shards are made: of 2,000 crystals of 10 atoms 1,000 are left, two shards side by side."""
    config = load(ROOT / "config.yaml", {"graph": {"shards": 4}, "tiers": {"lite": {"model": BLEND}}})
    assert shards_to_describe(config, ["lite"], tmp_path) == {"chgnet": 4}
    folder = tmp_path / "descriptors/chgnet"
    folder.mkdir(parents=True)
    for k in (0, 2):
        (folder / f"shard-{k}.parquet").touch()
    assert shards_to_describe(config, ["lite", "std"], tmp_path) == {"chgnet": 2}
    assert shards_to_describe(config, ["std"], tmp_path) == {}
    row = describing("chgnet", 2, config, sizes=SIZES, rate=RATE, parallel=2)
    assert (row.done, row.shards, row.crystals) == (2, 4, 1000)
    assert row.seconds == pytest.approx(5 + 500 * 10 * 0.01)
    assert describing("chgnet", 2, config, sizes=SIZES, rate=RATE, parallel=1).seconds == pytest.approx(2 * row.seconds)
    assert row.crystals_per_second == pytest.approx(10)
    done = describing("chgnet", 0, config, sizes=SIZES, rate=None, parallel=1)
    assert (done.done, done.seconds, done.disk_gb) == (4, 0, 0)
    both = plan_text([], [row, done], parallel=1, evaluation=0, features=0).splitlines()
    assert both[2].split() == [
        "descriptors:",
        "chgnet",
        "2",
        "of",
        "4",
        "1,000",
        "10",
        "55",
        "s",
        "1.0",
        "GB",
        "1.3",
        "MB",
    ]
    assert both[3].endswith("nothing left")
    assert both[4].split()[:6] == ["all", "0", "0", "0", "55", "s"]


class Minute:
    """A potential that takes a second an atom, by a clock of its own."""

    elements, most_atoms, atoms_at_once = frozenset({11, 17}), 100, 4

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.batches = 0.0, []
        monkeypatch.setattr("crystalmatrix.training.describing.time.monotonic", lambda: self.now)

    def __call__(self, crystals: list[Crystal]) -> Batch:
        n_atoms = sum(len(crystal.species) for crystal in crystals)
        self.batches.append(n_atoms)
        self.now += n_atoms
        return Batch(np.zeros((n_atoms, 2), np.float32), np.zeros(n_atoms, np.float32), np.zeros(len(crystals)))


def test_a_potential_is_timed_in_whole_batches_after_one_to_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    salt = Crystal("salt", np.array([11, 17], np.uint8), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), 4.0 * np.eye(3))
    potential = Minute(monkeypatch)
    assert describing_seconds(potential, [salt] * 5, width=2, seconds=10.0) == pytest.approx(1.0)
    assert potential.batches == [4, 4, 2, 4]  # the first is not timed; ten seconds are over after three more


@pytest.mark.parametrize(
    ("cores", "threads", "gpus", "found", "wish", "expected"),
    [
        (8, None, 1, "cuda", "auto", (4, 1, "auto")),
        (8, None, 2, "cuda", "auto", (4, 2, "auto")),
        (8, 1, 4, "cuda", "auto", (1, 4, "auto")),
        (4, None, 4, "cuda", "auto", (2, 2, "auto")),  # Snakemake gives each its threads
        (8, 1, 2, "driver", "auto", (1, 2, "cpu")),  # a driver, and a PyTorch without CUDA: jobs still ask for a GPU
        (8, 1, 0, "cuda", "auto", (1, 8, "cpu")),
        (8, 1, 2, "cuda", "cpu", (1, 8, "cpu")),
        (2, 1, 1, "nothing", "auto", (1, 2, "cpu")),
        (2, 4, 1, "nothing", "auto", (2, 1, "cpu")),
        (8, None, 1, "nothing", "cuda", (4, 1, "cuda")),  # the trial says what is missing
    ],
)
def test_how_a_run_uses_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    threads: int | None,
    gpus: int,
    found: str,
    wish: str,
    expected: tuple[int, int, str],
) -> None:
    monkeypatch.setattr("crystalmatrix.machine.shutil.which", lambda name: None if found == "nothing" else name)
    monkeypatch.setattr("torch.cuda.is_available", lambda: found == "cuda")
    machine = machine_of(cores=cores, threads=threads, gpus=gpus, wish=wish)
    assert (machine.threads, machine.parallel, machine.device) == expected


def dying(**how: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refusing(**how: object) -> None:
    raise ConfigError(f"found {how['device']}, expected a GPU")


def full(**how: object) -> None:
    raise MemoryError


def broken(**how: object) -> None:
    raise ZeroDivisionError("ours")


def talking(**how: object) -> int:
    print("using GPU 0")
    print("using GPU 0", file=sys.stderr)
    return 1


def test_trials_say_nothing_between_the_lines(capfd: pytest.CaptureFixture[str]) -> None:
    assert side_by_side(talking, Machine(2, 1, 2, "cpu"), n=2, threads=1, what="lite") == [1, 1]
    assert capfd.readouterr() == ("", "")
    talking()
    assert capfd.readouterr().out == "using GPU 0\n", "the control"


@pytest.mark.parametrize(
    ("trial", "error", "said"),
    [
        (dying, DataError, "the trial of lite died, as where memory runs out; try fewer --cores"),
        (full, DataError, "the trial of lite died"),
        (refusing, ConfigError, "found cpu, expected a GPU"),
        (broken, ZeroDivisionError, "ours"),  # a defect of ours keeps its traceback
    ],
)
def test_a_trial_that_fails_says_why(trial: Callable[..., None], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        side_by_side(trial, Machine(2, 1, 2, "cpu"), n=2, threads=1, what="lite")


def test_the_hint_has_the_options_of_the_run() -> None:
    assert hint([], {}, None).endswith(": crystalmatrix plan")
    said = hint([Path("/a b/config.yaml")], {}, Path("mine"))
    assert said.endswith("crystalmatrix plan --configfile '/a b/config.yaml' --directory mine")
    assert hint([Path("a.yaml"), Path("b.yaml")], {}, None) == hint([], {"a": 1}, None) == ""
