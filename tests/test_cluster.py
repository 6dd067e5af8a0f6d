"""What a run asks of a cluster is checked before it submits anything; memory grows with each try."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yte

from crystalmatrix import cluster, needs
from crystalmatrix.cluster import Partition, check, check_rules, has_gpus, longest_minutes, partitions, status_command
from crystalmatrix.errors import ConfigError

CPU = Partition("cpu", has_gpus=False, is_default=True, most_minutes=60, most_memory_mb=8_000)
GPU = Partition("gpu", has_gpus=True, most_minutes=1_440, most_memory_mb=64_000)
PROFILE = Path(__file__).parents[1] / cluster.PROFILE
RULES = ["train", "predict", "records"]


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """Put a script in the place of one of Slurm's commands; the others are missing."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


SINFO = """
cpu*|(null)|1:00:00|8000
big|(null)|infinite|4000
big|craynetwork:1,gpu:a100:4(S:0-1)|infinite|256000
short|(null)|2-12:30:00|4000
quick|(null)|30:00|4000
""".strip()


def test_partitions_are_those_of_sinfo(commands):
    """A partition has a line for each group of equal nodes; an asterisk marks the default."""
    commands("sinfo", f"echo '{SINFO}'")
    assert partitions() == [
        CPU,
        Partition("big", has_gpus=True, most_minutes=cluster.LONGEST, most_memory_mb=256_000),
        Partition("short", has_gpus=False, most_minutes=60 * 60 + 30, most_memory_mb=4_000),
        Partition("quick", has_gpus=False, most_minutes=30, most_memory_mb=4_000),
    ]
    assert has_gpus()
    asked = [None, "quick", "quick,short", "nowhere"]
    assert [longest_minutes(one) for one in asked] == [60, 30, 3_630, cluster.LONGEST]
    commands("sinfo", "echo 'cpu*|(null)|1:00:00|8000'")
    assert not has_gpus()


@pytest.mark.parametrize("script", [None, "echo 'Unable to contact slurm controller' >&2; exit 1"])
def test_no_slurm_is_one_line(commands, script):
    if script:
        commands("sinfo", script)
    with pytest.raises(ConfigError, match=r"executor slurm: found no sinfo that answers.*on a login node"):
        partitions()
    assert not has_gpus()


@pytest.mark.parametrize(
    ("sacct", "expected"),
    [(None, "squeue"), ("exit 0", "sacct"), ("echo 'Slurm accounting storage is disabled'; exit 1", "squeue")],
)
def test_the_status_command_is_what_the_cluster_has(commands, monkeypatch, sacct, expected):
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: object())
    if sacct:
        commands("sacct", sacct)
    assert status_command() == expected


def test_a_missing_plugin_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"found no snakemake-executor-plugin-slurm.*pip install .*\[slurm\]"):
        status_command()


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ([CPU, GPU], {}),
        ([CPU, GPU], {"gpu": 0, "runtime": 60, "mem_mb": 8_000}),
        ([CPU, GPU], {"gpu": 1, "slurm_partition": "gpu", "runtime": 1_440, "mem_mb": 64_000}),
        ([CPU, GPU], {"gpu": 1, "slurm_partition": "cpu,gpu", "runtime": 61}),
        ([CPU], {"gpu": 0, "mem_mb": "<TBD>"}),
        ([GPU], {"gpu": 1, "mem_mb": 10**9}),  # no default: the cluster chooses by rules of its own
    ],
)
def test_what_the_cluster_has_may_be_asked_for(known, asked):
    check(known, "train", asked)


@pytest.mark.parametrize(
    ("known", "asked", "expected"),
    [
        ([CPU, GPU], {"slurm_partition": "gpus"}, "slurm_partition: no 'gpus' on this cluster; did you mean 'gpu'?"),
        ([CPU, GPU], {"gpu": 1}, "partition 'cpu' has no GPU, 'gpu' has: set gpu_partition, which"),
        ([CPU, GPU], {"gpu": 4, "slurm_partition": "cpu"}, "partition 'cpu' has no GPU, 'gpu' has: set gpu_partition"),
        ([CPU], {"gpu": 1}, "partition 'cpu' has no GPU, nor has any other: set gpu: 0 to train on processors"),
        ([CPU, GPU], {"runtime": 1_000}, "runtime: found 1,000, but partition 'cpu' ends a job after 60 minutes; set"),
        ([CPU, GPU], {"mem_mb": 8_001}, "mem_mb: found 8,001, but partition 'cpu' has no node of more than 8,000 MB"),
        (
            [CPU, GPU],
            {"slurm_partition": "cpu,gpu", "mem_mb": 64_001},
            "mem_mb: found 64,001, but partition 'cpu,gpu' has no node of more than 64,000 MB",
        ),
    ],
)
def test_what_it_lacks_is_named_with_the_rule(known, asked, expected):
    with pytest.raises(ConfigError) as refused:
        check(known, "train", asked)
    assert str(refused.value).startswith(f"{cluster.PROFILE}: train: {expected}")


def profile(monkeypatch, **variables: str) -> dict[str, Any]:
    """profiles/slurm as Snakemake reads it, with some of its variables set."""
    monkeypatch.setattr(cluster, "status_command", lambda: "squeue")
    text = PROFILE.read_text()
    for name, value in variables.items():
        text, n = re.subn(rf"(?m)^(  {name}:) \S+", rf"\1 {value}", text)
        assert n == 1
    return yte.process_yaml(text)


def test_own_resources_and_a_gpu_partition_live_together(monkeypatch, commands):
    own = "{train: {mem_mb: 24000 * attempt}, records: {runtime: 5}, predict: {slurm_partition: cpu}}"
    asked = profile(monkeypatch, gpu_partition="fast", resources=own)["set-resources"]
    assert asked["train"] == {"slurm_partition": "fast", "mem_mb": "24000 * attempt"}
    assert asked["records"] == {"runtime": 5}
    assert asked["predict"] == {"slurm_partition": "cpu"}
    assert asked.keys() == {*cluster.GPU_RULES, "records"}
    assert profile(monkeypatch, resources=own)["set-resources"]["train"] == {"mem_mb": "24000 * attempt"}
    assert "set-resources" not in profile(monkeypatch)
    assert PROFILE.read_text().count("\n  set-resources:") == 1 == PROFILE.read_text().count("set-resources:")


def test_the_time_of_what_starts_afresh_grows_up_to_what_the_partition_allows(monkeypatch, commands):
    commands("sinfo", f"echo '{SINFO}'")
    for partition, expected in (("null", [60, 60]), ("quick", [30, 30]), ("short", [60, 240])):
        runtime = profile(monkeypatch, partition=partition)["default-resources"]["runtime"]
        assert [eval(runtime, {"attempt": attempt}) for attempt in (1, 4)] == expected


@pytest.mark.parametrize("key", ["set-resources", "set-threads", "groups"])
def test_a_rule_that_does_not_exist_is_named_with_the_key(key):
    check_rules(RULES, {"groups": ["predict"], key: ["train"]})
    with pytest.raises(ConfigError, match=f"{key}: no rule 'trian' in the workflow; did you mean 'train'"):
        check_rules(RULES, {"groups": ["predict"], key: ["train", "trian"]})


def test_memory_grows_with_each_try():
    lite, unknown = SimpleNamespace(tier="lite"), SimpleNamespace(tier="mine")
    first, second = (needs.training_memory_mb(lite, attempt) for attempt in (1, 2))
    assert second == 2 * first
    assert needs.training_memory_mb(unknown, 1) == max(need.memory_mb for need in needs.TRAINING.values())
    assert needs.memory_mb("predict")(None, 3) == 3 * needs.RULES["predict"].memory_mb


def test_memory_grows_with_the_files_that_are_read():
    records = needs.RULES["records"]
    asked = needs.memory_mb("records")
    small, large = (asked(None, SimpleNamespace(size_mb=size), 1) for size in (0.0, 2_500.0))
    assert small == records.memory_mb
    assert large == records.memory_mb + 2_500 * records.per_input_mb
    assert asked(None, SimpleNamespace(size_mb=2_500.0), 2) == 2 * large


def test_the_time_of_a_training_does_not_grow():
    lite = SimpleNamespace(tier="lite")
    assert needs.training_minutes(lite) == needs.TRAINING["lite"].minutes


def test_time_grows_up_to_what_the_partition_allows():
    """A need that is more than that is refused when the run starts, and not made small in silence."""
    need = needs.RULES["predict"].minutes
    runtime = needs.minutes("predict", longest={"predict": need * 5 // 2}.__getitem__)
    assert [runtime(None, attempt) for attempt in (1, 2, 3)] == [need, 2 * need, need * 5 // 2]
    small = needs.minutes("predict", longest={"predict": 1}.__getitem__)
    assert [small(None, attempt) for attempt in (1, 2)] == [need, need]


def test_every_need_is_that_of_a_rule():
    rules = "".join(path.read_text() for path in (Path(__file__).parents[1] / "rules").glob("*.smk"))
    assert [name for name in needs.RULES if f"\nrule {name}:" not in rules] == []
    asked = set(re.findall(r'(?:needs\.memory_mb|=minutes)\("(\w+)"\)', rules))
    assert "screen_part" in asked
    assert asked <= needs.RULES.keys()
    assert all(f'("{name}")' in rules for name in needs.RULES)


def test_what_uses_a_gpu_is_listed():
    root = Path(__file__).parents[1]
    rules = re.split(r"\n\s*rule ", "".join(path.read_text() for path in (root / "rules").glob("*.smk")))[1:]
    using = {re.match(r"\w+", rule)[0] for rule in rules if re.search(r"\bgpu=", rule)}
    assert using == set(cluster.GPU_RULES) >= {"train"}
