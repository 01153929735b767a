"""How kernels are compiled, and how their pieces are shared among the cores.

Kernels release the GIL and are run by plain threads rather than by numba's `parallel=True`: that compiles
several times faster, balances uneven pieces, and may be called from several threads at once (numba's
default threading layer aborts the process then).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., object]")
Result = TypeVar("Result")

# Zero with a type and no more: for a literal, numba would compile what it is passed to once more.
ZERO = cast("int", np.int64(0))


def kernel(function: Function) -> Function:
    """Compile a function on its first call and keep the machine code on disk.

    numba's cache notices an edit in the function's own file only: a kernel and its compiled helpers share
    one file. It also remembers the types it was called with by name: no kernel takes a class of ours, or a
    cache that is older than a renaming could not be read.

    Parameters
    ----------
    function
        A function of arrays and scalars in the part of Python that numba compiles.
    """
    return _compiled(function, cache=True)


def kernel_part(function: Function) -> Function:
    """Compile a function that only kernels of its file call, and parts of them: Python itself must not.

    Parameters
    ----------
    function
        As for `kernel`.
    """
    return _compiled(function, no_cpython_wrapper=True)


def _compiled(function: Function, **options: Any) -> Function:
    # Wrappers that nobody calls would take a quarter of the time to compile; numba's types do not know them.
    options |= {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    return cast("Function", numba.njit(**options)(function))


def cores() -> int:
    """Return how many threads the kernels use: the cores, or the environment's ``NUMBA_NUM_THREADS``."""
    return int(vars(numba.config)["NUMBA_NUM_THREADS"])


def in_pieces(task: Callable[[int, int], Result], size: int, smallest: int) -> list[Result]:
    """Run ``task(start, stop)`` over consecutive pieces of ``range(size)`` on all cores.

    Parameters
    ----------
    task
        Called with the bounds of a piece; what it returns is kept in the order of the pieces.
    size
        How much there is to do.
    smallest
        A piece is not made smaller than this: starting it would cost more than doing it.
    """
    pieces = max(1, min(8 * cores(), size // smallest))
    bounds = [size * piece // pieces for piece in range(pieces + 1)]

    def wrapping(start: int, stop: int) -> Result:
        with np.errstate(over="ignore"):  # hashes wrap around on purpose; only uncompiled kernels would warn
            return task(start, stop)

    if pieces == 1 or cores() == 1:
        return [wrapping(start, stop) for start, stop in pairwise(bounds)]
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(wrapping, bounds[:-1], bounds[1:]))
