"""What a job asks a cluster for: memory and time by rule and tier, more at each further try.

Memory that was measured is asked for twice or more; all minutes, and memory where docs/cluster.md says so, are guesses.
A training goes on where it stopped, so its time does not grow: the limit of a partition would refuse more.

In: rule, tier, number of the try.  Out: MiB and minutes, as Snakemake's resources take them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any


@dataclass(frozen=True)
class Need:
    """At the first try."""

    memory_mb: int
    minutes: int
    per_input_mb: float = 0.0  # memory that grows with the files that the rule reads, MiB a MB


# What is not here makes do with `default-resources` of the profile: of thousands of shards each would be asked.
RULES = {
    "records": Need(2_000, 120, 10),
    "splits": Need(2_000, 60, 15),
    "composition": Need(2_000, 60, 40),
    "evaluate": Need(2_000, 60, 20),
    "leaderboard": Need(2_000, 60, 20),
    "graph_statistics": Need(6_000, 60),  # reads all shards
    "descriptors": Need(8_000, 600),
    "predict": Need(6_000, 60),
    "screen_plan": Need(4_000, 120),
    "screen_part": Need(8_000, 240),
    "embeddings": Need(8_000, 240),
    "compare": Need(4_000, 60, 20),
}
TRAINING = {
    "lite": Need(4_000, 120),
    "cgcnn": Need(4_000, 120),
    "transfer": Need(16_000, 240),
    "std": Need(8_000, 720),
    "pro": Need(12_000, 1_440),
}
OTHER_TRAINING = Need(16_000, 1_440)  # of a tier that only the user knows

Resource = Callable[..., int]


def memory_mb(rule: str) -> Resource:
    """For `mem_mb` of a rule."""
    need = RULES[rule]
    if not need.per_input_mb:
        return lambda wildcards, attempt: need.memory_mb * attempt
    return lambda wildcards, input, attempt: ceil(need.memory_mb + need.per_input_mb * input.size_mb) * attempt


def minutes(rule: str, *, longest: Callable[[str], int]) -> Resource:
    """For `runtime` of a rule that starts afresh at each try; `longest` says what its partition allows, in minutes."""
    need = RULES[rule].minutes
    return lambda wildcards, attempt: need if attempt == 1 else max(need, min(need * attempt, longest(rule)))


def training_memory_mb(wildcards: Any, attempt: int) -> int:
    """For `mem_mb` of `train`."""
    return TRAINING.get(wildcards.tier, OTHER_TRAINING).memory_mb * attempt


def training_minutes(wildcards: Any) -> int:
    """For `runtime` of `train`."""
    return TRAINING.get(wildcards.tier, OTHER_TRAINING).minutes
