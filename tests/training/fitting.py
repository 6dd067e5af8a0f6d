"""Trainings of seconds, and how they are compared."""

import os
import signal
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.training import loop
from crystalmatrix.training.run import train

from .cases import SETTINGS, training_data, with_training

CPU = torch.device("cpu")
# states are written at every step, so that a kill finds one anywhere; dropout draws random numbers in every step
EAGER = with_training(save_every_seconds=1e-6)
EAGER = EAGER.model_copy(update={"model": EAGER.model.model_copy(update={"dropout": 0.2})})


def fit(run: Path, settings=SETTINGS, tasks=("formation_energy",), init=None, window_atoms=None):
    data = training_data(list(tasks))
    if window_atoms is not None:
        limit = window_atoms * data.features.bytes_per_atom
        data = replace(data, features=replace(data.features, limit=limit))
    return train(
        data, tier="lite", task=tasks[0] if len(tasks) == 1 else "multitask",
        settings=settings, run=run, device=CPU, init=init,
    )  # fmt: skip


def free_ports(n: int) -> list[int]:
    """Of this machine, for processes that find each other there."""
    with ExitStack() as stack:
        free = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in free:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in free]


def terminated_at_step(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training from here on gets SIGTERM at that step."""
    update = loop.Trainer._update_average

    def update_and_signal(self):
        update(self)
        if self.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop.Trainer, "_update_average", update_and_signal)


def formulas_of(data):
    return reduced_formulas(data.features.species, data.features.atom_pointer)


def assert_same_weights(first, second):
    for one, other in zip(first.members, second.members, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            assert torch.equal(one[name], other[name]), name
