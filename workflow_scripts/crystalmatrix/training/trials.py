"""Trials in this process: of a tier's steps, or of a potential.

In: settings or a name, device, threads, how long.  Out: Rates or DescribingRate.
"""

import time

import psutil
import torch

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.data.minerals import mineral_structures
from crystalmatrix.descriptors.potential import load_potential
from crystalmatrix.machine import keep_memory, peak_memory_mb
from crystalmatrix.tiers import TierConfig
from crystalmatrix.training.describing import describing_seconds
from crystalmatrix.training.device import claim_device, flush_denormals
from crystalmatrix.training.rates import DescribingRate, Rates
from crystalmatrix.training.stopwatch import measure


def of_tier(settings: str, graph: str, *, device: str, jobs: int, threads: int, seconds: float) -> Rates:
    """`settings`, `graph`: sections of config.yaml as JSON; `jobs`: trials at once, which share the GPUs."""
    keep_memory()
    flush_denormals()  # as train.py does
    torch.set_num_threads(threads)
    claimed, _locks = claim_device(device, jobs=jobs)
    tier, shell = TierConfig.from_json(settings), GraphConfig.from_json(graph)
    return measure(tier, shell, device=claimed, seconds=seconds, start_seconds=LOADING_SECONDS)


def of_potential(name: str, *, device: str, jobs: int, threads: int, seconds: float) -> DescribingRate:
    """`name`: of contracts/descriptors.POTENTIALS."""
    keep_memory()
    torch.set_num_threads(threads)
    claimed, _locks = claim_device(device, jobs=jobs)
    begun = time.monotonic()
    potential = load_potential(name, device=str(claimed))
    start = LOADING_SECONDS + time.monotonic() - begun
    found = iterate(mineral_structures())
    crystals = [item for item in found if isinstance(item, Crystal) and set(item.species) <= potential.elements]
    rate = describing_seconds(potential, crystals, width=POTENTIALS[name].width, seconds=seconds)
    return DescribingRate(start_seconds=start, atom_seconds=rate, memory_mb=peak_memory_mb())


LOADING_SECONDS = time.time() - psutil.Process().create_time()  # from the start of Python to the end of what it imports
