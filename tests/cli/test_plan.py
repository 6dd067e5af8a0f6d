"""`crystalmatrix plan`: how many crystals a training sees, and how measured rates become hours."""

import json
import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from crystalmatrix.cli.forecast import (
    EVALUATION_STARTS,
    TRAINING_STARTS,
    forecast,
    training,
    wall_seconds,
    wanted_tasks,
)
from crystalmatrix.cli.sizes import Sizes, sizes_of
from crystalmatrix.config import Config, load
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.tables import SplitsMetadata
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.data.records import build_records
from crystalmatrix.data.splits import assign_folds, splits_table
from crystalmatrix.errors import ConfigError
from crystalmatrix.files import write_table
from crystalmatrix.properties import MULTITASK
from crystalmatrix.tiers import TierConfig
from crystalmatrix.training.rates import MemberRates, Rates
from crystalmatrix.training.stopwatch import line_through

from ..features.cases import ORIGIN
from ..workflow.running import ROOT
from .conftest import Run

BLEND: dict[str, Any] = {
    "architecture": "blend",
    "members": [
        {"architecture": "readout", "descriptors": ["chgnet"], "channels": 8},
        {"architecture": "equivariant", "channels": 8, "edge_channels": 8, "layers": 1, "l_max": 1},
        {"architecture": "kernel", "descriptors": ["chgnet"], "components": 8},
    ],
}
NETWORK = MemberRates(step_seconds=0.01, atom_seconds=0.001, validation_seconds=0.00025)
RATES = Rates(
    members=[NETWORK],
    start_seconds=4,
    memory_mb=500,
    bytes_per_atom=800,
    n_parameters=1000,
    device="CPU",
)
SIZES = Sizes(
    n_train={"band_gap": 100, MULTITASK: 1000},
    n_val={"band_gap": 10, MULTITASK: 100},
    multitask={"band_gap": 90, "dielectric": 20},
    train_atoms={"band_gap": 5.0, MULTITASK: 10.0},
    n_crystals=2000,
    mean_atoms=10.0,
    origin="a test",
)


def config_of(**data: str) -> Config:
    return load(ROOT / "config.yaml", {"data": data})


def test_folds_and_what_is_known_before_them_agree_on_the_minerals(tmp_path: Path) -> None:
    config = config_of(source="minerals")
    before = sizes_of(config, tmp_path)
    records = build_records(mineral_entries(), id_key="jid", fields=fields_of({}), workers=1).table
    splits = splits_table(records, assign_folds(records, config.data))
    folds = SplitsMetadata(scheme="official", seed=0, source="minerals", records_digest=ORIGIN.digest)
    (tmp_path / "data").mkdir()
    write_table(tmp_path / "data/records.parquet", records, version=c.RECORDS_VERSION, metadata=ORIGIN.to_dict())
    write_table(tmp_path / "data/splits.parquet", splits, version=c.SPLITS_VERSION, metadata=folds.to_dict())
    after = sizes_of(config, tmp_path)
    for name in ("formation_energy", "bulk_modulus", "dielectric"):
        assert before.n_train[name] == pytest.approx(after.n_train[name], rel=0.03)  # dropped rows
    odd = splits.filter(pa.compute.equal(splits[c.PROPERTY], "piezoelectric"))
    n_labelled = pa.compute.sum(pa.compute.equal(odd[c.FOLD], c.TRAIN)).as_py()
    assert 0 < after.n_train["piezoelectric"] < n_labelled  # what is zero by symmetry teaches nothing
    assert after.mean_atoms == pytest.approx(before.mean_atoms, rel=0.03)


def test_the_time_of_a_training_is_its_crystals_over_the_rate() -> None:
    lite = config_of().tiers["lite"]
    seen, seconds = training(lite, "band_gap", sizes=SIZES, rates=RATES)
    assert seen == 100 * 60  # max_epochs
    steps = 60 * 4  # batches of 32
    assert seconds == pytest.approx(TRAINING_STARTS * 4 + steps * 0.01 + 60 * 100 * 5 / 1000 + 61 * 10 * 5 / 4000)
    seen, _ = training(lite, MULTITASK, sizes=SIZES, rates=RATES)
    assert seen == 60 * 1000


def test_trainings_side_by_side_take_as_long_as_the_longest_or_their_share() -> None:
    assert wall_seconds([10, 10, 10, 10], parallel=2) == 20
    assert wall_seconds([100, 1], parallel=2) == 100
    assert wall_seconds([], parallel=2) == 0


def test_what_is_done_is_not_planned(tmp_path: Path) -> None:
    tasks = ["band_gap", MULTITASK]
    todo = forecast(config_of(), "lite", tasks, sizes=SIZES, rates=RATES, results=tmp_path)
    (tmp_path / "lite").mkdir()
    (tmp_path / "lite/band_gap.pt").touch()
    rest = forecast(config_of(), "lite", tasks, sizes=SIZES, rates=RATES, results=tmp_path)
    assert rest.crystals_per_second == pytest.approx(60 * 1000 / (rest.seconds[0] - TRAINING_STARTS * 4))
    assert (todo.done, rest.done) == (0, 1)
    assert (todo.evaluation_seconds, rest.evaluation_seconds) == (EVALUATION_STARTS * 8, EVALUATION_STARTS * 4)
    assert rest.seconds == todo.seconds[1:]
    assert rest.crystals == 60 * 1000


def test_targets_bring_the_model_they_start_from() -> None:
    config = config_of()
    assert wanted_tasks(config, ["results/std/band_gap.pt"]) == {"std": ["band_gap", MULTITASK]}
    assert wanted_tasks(config, ["lite/band_gap"]) == {"lite": ["band_gap"]}
    with pytest.raises(ConfigError, match="did you mean 'lite'"):
        wanted_tasks(config, ["lit"])


SMALL = {"data": {"source": "minerals"}, "graph": {"shards": 1}, "tiers": {"lite": {"model": BLEND}}}


def test_the_table_is_measured_on_this_machine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crystalmatrix.shipped.PROJECT", ROOT)
    monkeypatch.setattr("crystalmatrix.cli.measuring.SECONDS", 0.2)
    Path("small.yaml").write_text(json.dumps(SMALL))
    ended = run("plan", "lite", "--configfile", "small.yaml", "--device", "cpu", "--cores", "2")
    assert ended.code == 0, ended.err
    lite, described, total = (line.split() for line in ended.out.splitlines()[2:5])
    assert lite[:3] == ["lite", "10", "0"]
    assert total[:3] == ["all", "10", "0"]
    assert float(lite[4].replace(",", "")) > 1
    assert described[:5] == ["descriptors:", "chgnet", "0", "of", "1"]
    assert float(described[6]) > 1
    assert re.match(r"measuring lite, 1 of 2: about 16 s to go\nmeasuring chgnet, 2 of 2: about \d+ s", ended.err)


def test_a_potential_that_is_not_installed_is_said_before_anything_is_measured(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("crystalmatrix.shipped.PROJECT", ROOT)
    monkeypatch.setattr("crystalmatrix.descriptors.potential.version", version)
    Path("small.yaml").write_text(json.dumps(SMALL))
    ended = run("plan", "lite", "--configfile", "small.yaml")
    assert ended.code == 2
    assert ended.err.startswith("error: potential chgnet: the package chgnet is not installed; install it with: pip ")
    assert ended.err.count("\n") == 1


def test_every_member_of_a_blend_has_its_own_epochs() -> None:
    """`min_epochs` of a member, in place of the tier's; each member sees the crystals."""
    small = {"crystals_seen": 100, "max_epochs": 60, "min_epochs": 2}
    readout, network, kernel = BLEND["members"]
    blend = TierConfig.parse({"model": BLEND, "training": small})
    longer = TierConfig.parse(
        {"model": BLEND | {"members": [readout | {"min_epochs": 30}, network, kernel]}, "training": small}
    )
    rates = RATES.model_copy(update={"members": [NETWORK, NETWORK, MemberRates()]})
    seen, seconds = training(blend, "band_gap", sizes=SIZES, rates=rates)
    assert seen == (2 + 2 + 1) * 100
    more_seen, more_seconds = training(longer, "band_gap", sizes=SIZES, rates=rates)
    assert more_seen == (30 + 2 + 1) * 100
    of_an_epoch = 4 * 0.01 + 100 * 5 / 1000 + 10 * 5 / 4000
    assert more_seconds - seconds == pytest.approx(28 * of_an_epoch)


def test_a_kernel_takes_the_square_of_its_crystals() -> None:
    """Beside a network's epochs; a multi-task one fits each property and auxiliary, none more than `most_crystals`."""
    blend = TierConfig.parse({"model": BLEND})
    rates = RATES.model_copy(update={"members": [NETWORK, NETWORK, MemberRates()]})
    slow = RATES.model_copy(update={"members": [NETWORK, NETWORK, MemberRates(kernel_seconds=0.001)]})
    for task, squares in (("band_gap", 100**2), (MULTITASK, 90**2 + (1 + 3) * 20**2)):
        _, without = training(blend, task, sizes=SIZES, rates=rates)
        _, seconds = training(blend, task, sizes=SIZES, rates=slow)
        assert seconds - without == pytest.approx(0.001 * squares)
    few = TierConfig.parse({"model": BLEND["members"][2] | {"most_crystals": 10}})
    alone = RATES.model_copy(update={"members": [MemberRates(kernel_seconds=0.001)]})
    assert training(few, "band_gap", sizes=SIZES, rates=alone) == (
        100,
        pytest.approx(TRAINING_STARTS * 4 + 0.001 * 10**2),
    )


@pytest.mark.parametrize(
    ("large", "small", "expected"),
    [
        ((100, 1.2), (20, 0.4), (0.2, 0.01)),
        ((100, 1.0), (20, 0.2), (0.0, 0.01)),
        ((100, 1.0), (20, 0.1), (0.0, 0.01)),  # a noisy pair: no start below zero
        ((100, 1.0), (20, 1.1), (0.0, 0.01)),  # another: no atom below zero
    ],
)
def test_a_step_is_a_start_and_its_atoms(
    large: tuple[float, float], small: tuple[float, float], expected: tuple[float, float]
) -> None:
    atoms, seconds = (np.array(pair) for pair in zip(large, small, strict=True))
    assert line_through(atoms, seconds) == pytest.approx(expected)


def test_processes_side_by_side_are_averaged() -> None:
    slow = RATES.model_copy(update={"members": [MemberRates(atom_seconds=0.003)], "start_seconds": 8.0})
    mean = Rates.mean([RATES, slow])
    assert mean.members == [MemberRates(step_seconds=0.005, atom_seconds=0.002, validation_seconds=0.000125)]
    assert (mean.start_seconds, mean.memory_mb) == (6.0, 500.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["litte"], "did you mean 'lite'?"),
        (["lite/bandgap"], "did you mean 'band_gap'?"),
        (["--configfile", "none.yaml"], "none.yaml: not found"),
        (["--configfile", "."], "--configfile .: a folder, expected a YAML file"),
        (["--configfile", "text.yaml"], "text.yaml: config: found 'lite'"),
        (["--configfile", "broken.yaml"], "broken.yaml: not valid YAML"),
        (["--directory", "nowhere"], "--directory nowhere: not found, expected a run's folder"),
        (["--cores", "0"], "--cores: found 0, expected at least 1"),
        (["--threads", "0"], "--threads: found 0, expected at least 1"),
        (["--gpus", "-1"], "--gpus: found -1, expected at least 0"),
        (["--configfile", "odd.yaml"], "unknown key 'tires'; did you mean 'tiers'?"),
        (["--configfile", "own.yaml"], "run the data stage first"),
    ],
)
def test_mistakes_are_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str) -> None:
    monkeypatch.setattr("crystalmatrix.shipped.PROJECT", ROOT)
    Path("text.yaml").write_text("lite\n")
    Path("broken.yaml").write_text("data: [\n")
    Path("odd.yaml").write_text("tires: {}\n")
    Path("own.yaml").write_text("data: {source: mine, splits: random}\n")
    ended = run("plan", *arguments)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert said in ended.err, ended.err
