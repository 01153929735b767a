"""`chargeplan audit --reprove`: a solver backend that proves the blocks of a certificate again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from chargeplan.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from chargeplan.audit.blocks import Block
    from chargeplan.audit.reprove import Prover, Reproof
    from chargeplan.events import Cancel
    from chargeplan.problem import Problem
    from chargeplan.solvers.backends.base import Backend
    from chargeplan.solvers.matrix import MatrixModel

DEFAULT_BACKEND = "ortools:scip"
SECOND_BACKEND = "ortools:highs"  # where the default one proved the blocks first


class AuditProgress(Progress):
    """Progress of an audit, which has no plan to stop with."""

    def announce_stop(self) -> None:
        """Say that the run is asked to stop."""
        self._console.print("Stopping with what is proven so far; once more to abort.", markup=False)


def find_backend(name: str) -> Backend:
    """Find the backend that proves blocks again.

    Raises
    ------
    InputError, BackendUnavailable
        It is unknown or not installed.
    """
    from chargeplan.solvers import backends

    return backends.find(name)


def another(backend: Backend, blocks: Mapping[str, Any], *, named: bool) -> Backend:
    """Return a backend if it is not the one that proved the blocks first, else another.

    Parameters
    ----------
    backend
        Found by `find_backend`.
    blocks
        ``blocks`` of certificate.json.
    named
        Whether a person has asked for it.

    Raises
    ------
    BadParameter
        It was asked for, and proved them first.
    """
    from chargeplan.audit.certificate_file import read_blocks

    first = read_blocks(blocks).backend
    if backend.name != first:
        return backend
    if named:
        raise typer.BadParameter(f"--backend: {first} proved the blocks first; name another")
    return find_backend(SECOND_BACKEND)


def prove_again(
    problem: Problem,
    blocks: Mapping[str, Any],
    backend: Backend,
    seconds: float,
    threads: int | None,
    progress: Progress,
    cancel: Cancel,
) -> Reproof:
    """Prove the blocks of a certificate again with a backend, some at a time.

    Parameters
    ----------
    problem
        What was asked.
    blocks
        ``blocks`` of certificate.json.
    backend
        Another one than proved them first.
    seconds
        For each block.
    threads
        Blocks at a time; None for one on each processor.
    progress, cancel
        Told of what is done; asked whether to stop.
    """
    from chargeplan.audit.blocks import BlockProof
    from chargeplan.audit.reprove import reprove

    return reprove(
        BlockProof.read(problem, blocks),
        _prover(backend, seconds, cancel),
        threads=threads or os.cpu_count() or 1,
        on_event=progress,
        cancel=cancel,
    )


def _prover(backend: Backend, seconds: float, cancel: Cancel) -> Prover:
    from chargeplan.audit.reprove import Finding
    from chargeplan.solvers.backends.base import Hooks
    from chargeplan.solvers.solution import Limits

    limits, hooks = Limits(time_limit=seconds, threads=1), Hooks(cancel=cancel)

    def prove(block: Block) -> Finding:
        answer = backend.solve(_matrix(block), limits, hooks)
        return Finding(answer.bound, answer.values)

    return prove


def _matrix(block: Block) -> MatrixModel:
    import numpy as np

    from chargeplan.solvers.matrix import MatrixModel

    columns = block.cost.size
    return MatrixModel(
        objective=block.cost.astype(np.float64),
        rows=block.rows.astype(np.float64),
        row_lower=block.least.astype(np.float64),
        row_upper=np.full(block.least.size, np.inf),
        lower=np.zeros(columns),
        upper=np.ones(columns),
        integral=np.ones(columns, np.bool_),
        implied=np.zeros(columns, np.bool_),
    )
