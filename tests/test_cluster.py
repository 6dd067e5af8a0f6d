"""What a run asks of a cluster is checked before it submits anything; memory grows with each try."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from crystalmatrix import cluster, needs
from crystalmatrix.cluster import Partition, check, check_rules, has_gpus, partitions, status_command
from crystalmatrix.errors import ConfigError

CPU, GPU = Partition("cpu", has_gpus=False), Partition("gpu", has_gpus=True)
RULES = ["train", "predict", "records"]


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """Put a script in the place of one of Slurm's commands; the others are missing."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


def test_partitions_are_those_of_sinfo(commands):
    """A partition has a line for each group of equal nodes."""
    commands("sinfo", "echo 'cpu|(null)'; echo 'big|(null)'; echo 'big|craynetwork:1,gpu:a100:4(S:0-1)'")
    assert partitions() == [CPU, Partition("big", has_gpus=True)]
    assert has_gpus()
    commands("sinfo", "echo 'cpu|(null)'")
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
    ("by_rule", "default"),
    [
        ({}, {}),
        ({"train": {"gpu": 1, "slurm_partition": "gpu"}}, {"slurm_partition": "cpu"}),
        ({"train": {"gpu": 1}}, {}),
        ({"train": {"gpu": 0, "slurm_partition": "cpu"}}, {}),
        ({}, {"slurm_partition": "cpu,gpu"}),
        ({}, {"slurm_partition": "'gpu' if attempt > 1 else 'cpu'"}),
    ],
)
def test_what_the_cluster_has_may_be_asked_for(by_rule, default):
    check([CPU, GPU], by_rule=by_rule, default=default)


@pytest.mark.parametrize(
    ("known", "by_rule", "default", "expected"),
    [
        (
            [CPU, GPU],
            {},
            {"slurm_partition": "gpus"},
            "default-resources: slurm_partition: no 'gpus' on this cluster; did",
        ),
        ([CPU], {"train": {"slurm_partition": "fast"}}, {}, "set-resources: train: slurm_partition: no 'fast' on this"),
        ([CPU], {"train": {"gpu": 1}}, {}, "set-resources: train: gpu: found 1, but no GPU in any partition of this"),
        (
            [CPU, GPU],
            {"train": {"gpu": 1, "slurm_partition": "cpu"}},
            {},
            "but no GPU in partition 'cpu'; name a slurm",
        ),
    ],
)
def test_what_it_lacks_is_named_with_the_key(known, by_rule, default, expected):
    with pytest.raises(ConfigError) as refused:
        check(known, by_rule=by_rule, default=default)
    assert expected in str(refused.value)
    assert str(refused.value).startswith(cluster.PROFILE)


@pytest.mark.parametrize("key", ["set-resources", "set-threads", "groups"])
def test_a_rule_that_does_not_exist_is_named_with_the_key(key):
    check_rules(RULES, {"groups": ["predict"], key: ["train"]})
    with pytest.raises(ConfigError, match=f"{key}: no rule 'trian' in the workflow; did you mean 'train'"):
        check_rules(RULES, {"groups": ["predict"], key: ["train", "trian"]})


def test_memory_grows_with_each_try_and_the_time_of_a_training_does_not():
    lite, unknown = SimpleNamespace(tier="lite"), SimpleNamespace(tier="mine")
    first, second = (needs.training_memory_mb(lite, attempt) for attempt in (1, 2))
    assert second == 2 * first
    assert needs.training_memory_mb(unknown, 1) == max(need.memory_mb for need in needs.TRAINING.values())
    assert needs.memory_mb("predict")(None, 3) == 3 * needs.RULES["predict"].memory_mb
    assert needs.minutes("predict")(None, 3) == 3 * needs.RULES["predict"].minutes
    assert needs.training_minutes(lite) == needs.TRAINING["lite"].minutes


def test_every_need_is_that_of_a_rule():
    rules = "".join(path.read_text() for path in (Path(__file__).parents[1] / "rules").glob("*.smk"))
    assert [name for name in needs.RULES if f"\nrule {name}:" not in rules] == []
    asked = set(re.findall(r'needs\.(?:memory_mb|minutes)\("(\w+)"\)', rules))
    assert "screen_part" in asked
    assert asked <= needs.RULES.keys()
    assert all(f'("{name}")' in rules for name in needs.RULES)


def test_what_uses_a_gpu_goes_to_the_gpu_partition():
    root = Path(__file__).parents[1]
    rules = re.split(r"\n\s*rule ", "".join(path.read_text() for path in (root / "rules").glob("*.smk")))[1:]
    using = {re.match(r"\w+", rule)[0] for rule in rules if re.search(r"\bgpu=", rule)}
    listed = re.search(r"\?for rule in \((.*)\)", (root / "profiles/slurm/profile.yaml").read_text())
    assert using == set(re.findall(r"\w+", listed[1])) >= {"train"}
