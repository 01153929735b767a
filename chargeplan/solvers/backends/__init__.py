"""Solver backends behind one interface, found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargeplan.errors import BackendUnavailable, InputError

if TYPE_CHECKING:
    from chargeplan.solvers.backends.base import Backend
    from chargeplan.solvers.matrix import MatrixModel

ALIASES = {"ortools": "ortools:cp-sat", "pulp": "pulp:cbc"}


def names() -> tuple[str, ...]:
    """Names of every backend chargeplan knows, installed or not, ``"auto"`` and the aliases left out."""
    return tuple(_known())


def find(name: str) -> Backend:
    """Find a backend by name.

    Parameters
    ----------
    name
        Such as ``"ortools:highs"``; ``"ortools"`` means CP-SAT and ``"pulp"`` CBC.

    Returns
    -------
    Backend
        Ready to solve.

    Raises
    ------
    InputError
        No backend has that name.
    BackendUnavailable
        It is not installed here.
    """
    known = _known()
    backend = known.get(ALIASES.get(name, name))
    if backend is None:
        raise InputError(f"no backend is called {name!r}; there are auto, {', '.join((*ALIASES, *known))}")
    if not backend.is_available():
        raise BackendUnavailable(f"the backend {backend.name} is not installed here")
    return backend


def available() -> tuple[Backend, ...]:
    """Every backend that can be used here."""
    return tuple(backend for backend in _known().values() if backend.is_available())


def fitting(matrix: MatrixModel) -> Backend:
    """CP-SAT where it takes a model's numbers, else HiGHS."""
    from chargeplan.solvers.backends.ortools_cp_sat import CpSat  # noqa: PLC0415 - loaded when first used

    cp_sat = CpSat()
    return cp_sat if cp_sat.takes(matrix) else find("ortools:highs")


def _known() -> dict[str, Backend]:
    # Backends load when asked for.
    from chargeplan.solvers.backends.mathopt_process import MathOptProcess  # noqa: PLC0415
    from chargeplan.solvers.backends.ortools_cp_sat import CpSat  # noqa: PLC0415
    from chargeplan.solvers.backends.pulp_process import PULP_SOLVERS, PulpProcess  # noqa: PLC0415

    listed: list[Backend] = [CpSat(), MathOptProcess("scip"), MathOptProcess("highs")]
    listed += [PulpProcess(solver) for solver in PULP_SOLVERS]
    return {backend.name: backend for backend in listed}
