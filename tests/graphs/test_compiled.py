"""Compiled functions are kept on disk where that is possible, and work where it is not."""

from typing import Any

import numba
import pytest

from crystalmatrix.graphs.compiled import compiled


def double(x: int) -> int:
    return 2 * x


def test_compiled_functions_are_cached() -> None:
    function = compiled(double)
    assert function(21) == 42
    assert function.stats.cache_path


def test_an_install_without_a_writable_folder_compiles_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = numba.njit

    def nowhere_to_write(**options: Any) -> Any:
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function 'double': no locator available for file 'x.py'")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", nowhere_to_write)
    assert compiled(double)(21) == 42
