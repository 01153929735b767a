"""The package's door: what it offers, what importing it costs, and how work is shared."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chargeplan import kernels
from chargeplan.kernels import compiled


def test_every_public_name_is_there() -> None:
    """Each name of `__all__` leads to something, and `dir` lists them."""
    assert dir(kernels) == sorted(kernels.__all__)
    for name in kernels.__all__:
        assert callable(getattr(kernels, name))


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    """Asking for anything else fails as for any module."""
    with pytest.raises(AttributeError, match="no attribute 'coverages'"):
        kernels.coverages  # noqa: B018


def test_coverage_is_the_function_whatever_was_imported_before() -> None:
    """No module of the package hides a function of the same name."""
    code = "import chargeplan.kernels.patterns, chargeplan.kernels as k; print(type(k.coverage).__name__)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "function"


def test_importing_the_package_does_not_import_numba() -> None:
    """Only the first kernel that is used pays for the compiler."""
    code = "import sys, chargeplan.kernels; print('numba' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [0, 1, 7, 1000])
def test_pieces_cover_the_whole_in_order(monkeypatch: pytest.MonkeyPatch, threads: int, size: int) -> None:
    """Whatever the number of threads, every item is done once and the results keep their order."""
    monkeypatch.setattr(compiled, "cores", lambda: threads)
    pieces = compiled.in_pieces(lambda start, stop: list(range(start, stop)), size, 5)
    assert [item for piece in pieces for item in piece] == list(range(size))


def test_an_error_in_a_piece_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong on a thread is not lost."""
    monkeypatch.setattr(compiled, "cores", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        compiled.in_pieces(lambda start, _: 1 // start, 10, 1)
