"""Locks on a file system that keeps none: one line, and never a file that would outlive its process."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import SoftFileLock

from crystalmatrix.data.download import _locked
from crystalmatrix.errors import DiskError
from crystalmatrix.inference.output import PartialTable
from crystalmatrix.locks import file_lock, take
from crystalmatrix.run_folder import claim
from crystalmatrix.training.device import claim_device
from crystalmatrix.training.state import run_lock


def _claim_device(folder: Path) -> None:
    claim_device("auto")


USES: list[Callable[[Path], object]] = [
    claim,
    lambda folder: run_lock(folder).__enter__(),
    lambda folder: _locked(folder / "lock").__enter__(),
    lambda folder: PartialTable(folder / "values.csv", made_from="x").__enter__(),
    _claim_device,
]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS], ids=errno.errorcode.get)
@pytest.mark.parametrize("use", USES, ids=["run", "training", "download", "table", "gpu"])
def test_a_file_system_without_locks_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[Path], object], number: int
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid="one"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(DiskError, match=r"keeps no locks \(.*\), expected one that does; mount it with flock"):
        use(tmp_path)


def test_a_lock_is_one(tmp_path: Path) -> None:
    first, second = file_lock(tmp_path / "lock"), file_lock(tmp_path / "lock")
    assert not isinstance(first, SoftFileLock)
    assert take(first)
    assert not take(second)
    first.release()
    assert take(second, wait=True)
    second.release()
