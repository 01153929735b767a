"""How kernels are compiled, and how their pieces are shared among the cores.

Kernels release the GIL and are run by plain threads rather than by numba's `parallel=True`: that compiles
several times faster, balances uneven pieces, and may be called from several threads at once (numba's
default threading layer aborts the process then).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
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

    results: list[Any] = [None] * pieces
    ahead = count()

    def work() -> None:
        with np.errstate(over="ignore"):  # hashes wrap around on purpose; only uncompiled kernels would warn
            while (piece := next(ahead)) < pieces:
                results[piece] = task(bounds[piece], bounds[piece + 1])

    # Threads help themselves to pieces: handing each over would wake them, and this one, every time.
    others = min(cores(), pieces) - 1
    if others == 0:
        work()
        return results
    with ThreadPoolExecutor(others) as pool:
        working = [pool.submit(work) for _ in range(others)]
        work()
    for worker in working:
        worker.result()
    return results
