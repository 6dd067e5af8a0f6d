"""What a Slurm cluster has, asked before a run submits anything to it.

In: the answers of sinfo and sacct; what the profile asks for.  Out: plain values, or a ConfigError that names the key.
"""

import importlib.util
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crystalmatrix.errors import ConfigError, nearest

PLUGIN = "snakemake_executor_plugin_slurm"
PROFILE = "profiles/slurm/profile.yaml"
GPU_RULES = ("train", "predict", "screen_part", "descriptors", "embeddings")
LONGEST = 525_600  # minutes of a year: where a partition has no limit


@dataclass(frozen=True)
class Partition:
    """As sinfo lists it."""

    name: str
    has_gpus: bool
    is_default: bool = False
    most_minutes: int = LONGEST  # of a job
    most_memory_mb: int = 0  # MiB of its largest node


def status_command() -> str:
    """`sacct` where the cluster keeps accounts of its jobs, else `squeue`; for the profile, which asks this first.

    Where there are no accounts sacct fails at each call, and the plugin would wait for its answer for ever.
    """
    if importlib.util.find_spec(PLUGIN) is None:
        raise ConfigError(
            f"found no {PLUGIN.replace('_', '-')}, expected it beside snakemake; "
            'run: pip install -c envs/constraints.txt -e ".[slurm]"'
        )
    return "squeue" if _answer("sacct", "--noheader", "--allocations") is None else "sacct"


def partitions() -> list[Partition]:
    """All of them. Raises ConfigError where no Slurm answers."""
    answer = _answer("sinfo", "--noheader", "--exact", "--format=%P|%G|%l|%m")
    if answer is None:
        raise ConfigError(
            "executor slurm: found no sinfo that answers, expected Slurm's commands and a running slurmctld; "
            "type the command on a login node of the cluster"
        )
    found: dict[str, Partition] = {}
    for line in answer.splitlines():  # a line for each group of equal nodes
        marked, generic, limit, memory = line.split("|")
        name = marked.removesuffix("*")
        gpus = any(word.startswith("gpu") for word in generic.split(","))
        before = found.get(name, Partition(name, has_gpus=False))
        found[name] = Partition(
            name,
            has_gpus=before.has_gpus or gpus,
            is_default=marked != name,
            most_minutes=_minutes(limit),
            most_memory_mb=max(before.most_memory_mb, int(memory.rstrip("+"))),
        )
    return list(found.values())


def chosen(known: Iterable[Partition], asked: object) -> list[Partition]:
    """Those that `slurm_partition` names; the default where it names none. Raises ConfigError for one that is not."""
    by_name = {partition.name: partition for partition in known}
    if not asked:
        return [partition for partition in by_name.values() if partition.is_default]
    names = str(asked).split(",")
    for name in names:
        if name not in by_name:
            raise ConfigError(f"slurm_partition: no {name!r} on this cluster{nearest(name, by_name)}")
    return [by_name[name] for name in names]


def longest_minutes(asked: object) -> int:
    """That a job may take in the partitions of `slurm_partition`, one or several; a year where nobody says."""
    try:
        return max((one.most_minutes for one in chosen(partitions(), asked)), default=LONGEST)
    except ConfigError:
        return LONGEST


def set_resources(own: Mapping[str, Mapping[str, object]], gpu_partition: str | None) -> dict[str, dict[str, object]]:
    """For the profile: {rule: {resource: value}}, `own` and where the rules that use a GPU go; `own` decides."""
    everywhere = {"slurm_partition": gpu_partition} if gpu_partition else {}
    rules = [*(GPU_RULES if gpu_partition else ()), *own]
    return {rule: {**(everywhere if rule in GPU_RULES else {}), **own.get(rule, {})} for rule in rules}


def has_gpus() -> bool:
    """Whether any partition has GPUs; False where no Slurm answers."""
    try:
        return any(partition.has_gpus for partition in partitions())
    except ConfigError:
        return False


def check_rules(known: Iterable[str], named: Mapping[str, Iterable[str]]) -> None:
    """Rules that do not exist; `named`: {key of the profile: rules under it}. Raises ConfigError."""
    names = set(known)
    for key, rules in named.items():
        for rule in rules:
            if rule not in names:
                raise ConfigError(f"{PROFILE}: {key}: no rule {rule!r} in the workflow{nearest(rule, names)}")


def check(known: Sequence[Partition], rule: str, asked: Mapping[str, object]) -> None:
    """What a job of the rule asks for at its first try, and its partition lacks. Raises ConfigError.

    Slurm would keep a job that asks for more than a partition's time in its queue for ever.
    """
    try:
        usable = chosen(known, asked.get("slurm_partition"))
    except ConfigError as error:
        raise ConfigError(f"{PROFILE}: {rule}: {error}") from None
    if not usable:
        return  # neither named nor a default: the cluster's own rules decide
    name = ",".join(partition.name for partition in usable)
    if _number(asked.get("gpu")) and not any(partition.has_gpus for partition in usable):
        others = [partition.name for partition in known if partition.has_gpus]
        advice = (
            f"{' and '.join(map(repr, others))} has: set gpu_partition, which --set-resources on the command line "
            "replaces; HAS_GPUS=0 before the command trains on processors"
            if others
            else "nor has any other: set gpu: 0 to train on processors"
        )
        raise ConfigError(f"{PROFILE}: {rule}: partition {name!r} has no GPU, {advice}")
    limits = {
        "runtime": (max(partition.most_minutes for partition in usable), "ends a job after {:,} minutes"),
        "mem_mb": (max(partition.most_memory_mb for partition in usable), "has no node of more than {:,} MB"),
    }
    for resource, (most, has) in limits.items():
        if _number(asked.get(resource)) > most:
            raise ConfigError(
                f"{PROFILE}: {rule}: {resource}: found {asked[resource]:,}, but partition {name!r} {has.format(most)}; "
                f"set {rule}: {{{resource}: ...}} under `resources`, or another partition"
            )


def _number(value: object) -> int:
    """0 for what is none, as what only the job's input tells."""
    return value if isinstance(value, int) else 0


def _minutes(limit: str) -> int:
    """Of Slurm's [days-][hours:]minutes:seconds."""
    days, _, time = limit.rpartition("-")
    parts = time.split(":")
    if not all(part.isdigit() for part in [*parts, days or "0"]):
        return LONGEST  # "infinite"
    hours, minutes = ["0", *parts][-3:-1] if len(parts) > 1 else ("0", parts[0])
    return (int(days or 0) * 24 + int(hours)) * 60 + int(minutes)


def _answer(*command: str) -> str | None:
    """What a command prints; None where it is missing, fails or does not end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
