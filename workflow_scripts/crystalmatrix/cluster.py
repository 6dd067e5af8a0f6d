"""What a Slurm cluster has, asked before a run submits anything to it.

In: the answers of sinfo and sacct; what the profile asks for.  Out: plain values, or a ConfigError that names the key.
"""

import importlib.util
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crystalmatrix.errors import ConfigError, nearest

PLUGIN = "snakemake_executor_plugin_slurm"
PROFILE = "profiles/slurm/profile.yaml"
NAMES = re.compile(r"[\w.-]+(,[\w.-]+)*")
Asked = Mapping[str, Mapping[str, object]]  # rule: {resource: value}


@dataclass(frozen=True)
class Partition:
    """As sinfo lists it."""

    name: str
    has_gpus: bool


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
    answer = _answer("sinfo", "--noheader", "--format=%R|%G")
    if answer is None:
        raise ConfigError(
            "executor slurm: found no sinfo that answers, expected Slurm's commands and a running slurmctld; "
            "type the command on a login node of the cluster"
        )
    gpus: dict[str, bool] = {}
    for line in answer.splitlines():  # a line for each group of equal nodes
        name, _, generic = line.partition("|")
        gpus[name] = gpus.get(name, False) or any(word.startswith("gpu") for word in generic.split(","))
    return [Partition(name, has) for name, has in gpus.items()]


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


def check(known: Iterable[Partition], *, by_rule: Asked, default: Mapping[str, object]) -> None:
    """Partitions that do not exist, GPUs where there are none. Raises ConfigError."""
    by_name = {partition.name: partition for partition in known}
    for where, asked in [("default-resources", default), *((f"set-resources: {r}", a) for r, a in by_rule.items())]:
        text = str(asked.get("slurm_partition", ""))
        wanted = text.split(",") if NAMES.fullmatch(text) else []  # else an expression, which only a job can evaluate
        for name in wanted:
            if name not in by_name:
                raise ConfigError(
                    f"{PROFILE}: {where}: slurm_partition: no {name!r} on this cluster{nearest(name, by_name)}"
                )
        usable = [by_name[name] for name in wanted]
        if str(asked.get("gpu", 0)) not in ("", "0") and not any(p.has_gpus for p in usable or by_name.values()):
            at = f"partition {text!r}" if usable else "any partition of this cluster"
            raise ConfigError(
                f"{PROFILE}: {where}: gpu: found {asked['gpu']}, but no GPU in {at}; name a slurm_partition that has "
                "some, or set gpu: 0 to train on processors"
            )


def _answer(*command: str) -> str | None:
    """What a command prints; None where it is missing, fails or does not end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
