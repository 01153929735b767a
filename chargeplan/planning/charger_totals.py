"""The cheapest numbers of chargers by class of stations, as a small model of whole numbers.

A class's stations are treated alike by every row, so its chargers count together. What cannot be kept is
missed by as few chargers as can be: first the fewest are missed, then the least is paid, then the fewest are
built. A charger that a load needs and that is missed counts once: what a station has to have of all types
takes it for there, else others would be built in its place that nobody needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

from chargeplan.errors import BackendError
from chargeplan.solvers.backends import find, fitting
from chargeplan.solvers.backends.base import Feature, Hooks, checked
from chargeplan.solvers.matrix import MatrixModel
from chargeplan.solvers.solution import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.planning.charger_rows import ChargerRows
    from chargeplan.solvers.backends.base import Answer

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

_WORK = 60.0  # units, for each model; they take a fraction of one
_MOST = 1e9  # chargers of a type in a class, at homes, or of a row that are missed
_TIMES = 2e4  # what rules ask for of chargers, at most, that shares of them make of it


@dataclass(frozen=True, eq=False)
class Wanted:
    """What classes of stations need.

    Parameters
    ----------
    of_station
        (S,) the class of each station.
    floor
        (Q, K) new chargers that a class's load needs, as far as they fit.
    least
        (Q,) new chargers of all types that it has to have.
    room
        (Q,) that is left; infinite where it is not limited.
    built
        (Q, K) new chargers that it has in any case.
    """

    of_station: Counts
    floor: Counts
    least: Counts
    room: Floats
    built: Counts


@dataclass(frozen=True, eq=False)
class Totals:
    """New chargers by class and type, (Q, K), and at homes, (H,); and whether that is proven to be best."""

    stations: Counts
    homes: Counts
    optimal: bool


def wanted(
    rows: ChargerRows, floor: Counts, least: Counts, room: Floats, built: Counts | None = None
) -> Wanted:
    """Put stations into classes.

    Parameters
    ----------
    rows
        Over the stations.
    floor, least, room
        (S, K), (S,) and (S,) of each station.
    built
        (S, K) of the floor, what each has in any case; nothing where left out.
    """
    stations, types = floor.shape
    columns = rows.coefficients.toarray()[:, : stations * types].T.reshape(stations, types * rows.size)
    of_station = np.unique(columns, axis=0, return_inverse=True)[1].ravel()
    classes = int(of_station.max(initial=-1)) + 1
    member = csr_array((np.ones(stations), (of_station, np.arange(stations))), shape=(classes, stations))
    return Wanted(
        of_station,
        np.rint(member @ floor).astype(np.int64),
        np.rint(member @ np.maximum(least, floor.sum(axis=1))).astype(np.int64),
        np.array([room[of_station == each].sum() for each in range(classes)], np.float64),
        np.rint(member @ (np.zeros_like(floor) if built is None else built)).astype(np.int64),
    )


def cheapest(rows: ChargerRows, asked: Wanted, prices: Floats, limits: Limits, backend: str) -> Totals:
    """Find the cheapest numbers.

    Parameters
    ----------
    rows
        Over the stations, and what stands there.
    asked
        Of their classes.
    prices
        (K + H,) of a new charger of each type.
    limits, backend
        Threads and seed, and who solves; ``"auto"`` for whoever takes the numbers.

    Raises
    ------
    BackendError
        The backend failed, or found no answer.
    """
    classes, types = asked.floor.shape
    price = np.concatenate([np.tile(prices[:types], classes), prices[types:]])
    model, missing = _model(rows, asked, prices.size - types)
    unpaid = np.zeros(missing.size - price.size)
    fewest = _solved(model, missing, limits, backend)
    model = _limited(model, missing, float(missing @ _values(fewest)))
    paid = _solved(model, np.concatenate([price, unpaid]), limits, backend)
    model = _settled(model, _values(paid), np.concatenate([price, unpaid]) > 0.0)
    built = _solved(model, np.concatenate([np.ones(price.size), unpaid]), limits, backend)
    numbers = np.rint(_values(built)[: price.size]).astype(np.int64)
    return Totals(
        numbers[: classes * types].reshape(classes, types),
        numbers[classes * types :],
        fewest.status == paid.status == "optimal",
    )


def _model(rows: ChargerRows, asked: Wanted, homes: int) -> tuple[MatrixModel, Floats]:
    """Write the rows down, over chargers by class and type, at homes, and what each row misses.

    Returns the model, and (C,) which of its columns count what is missed.
    """
    classes, types = asked.floor.shape
    of_rules = _by_class(rows, asked, homes)
    each = csr_array(eye_array(classes * types))
    together = csr_array(kron(eye_array(classes), np.ones((1, types))))
    counted = vstack([_beside(each, homes), _beside(together, homes), of_rules])
    low, high = rows.beside_standing()
    # Of what may be so many at most, and stands already in greater numbers, nothing new is built.
    takes = np.asarray(of_rules.minimum(0.0).sum(axis=1)).ravel() < 0.0  # none without a station
    high = np.where(takes, high, np.maximum(high, 0.0))
    lower = np.concatenate([asked.floor.ravel(), asked.least, low]).astype(np.float64)
    upper = np.concatenate([np.full(classes * types, np.inf), asked.room, high])
    below, above = np.flatnonzero(np.isfinite(lower)), np.flatnonzero(np.isfinite(upper))
    counted = csr_array(counted)
    missed = csr_array(eye_array(below.size)) + _missed_of_load(classes, types, below.size)
    matrix = vstack([
        hstack([counted[below], missed]),
        hstack([counted[above], csr_array((above.size, below.size))]),
    ], format="csr")  # fmt: skip
    useful = most_useful(lower[below], shares=bool((of_rules.data < 0.0).any()))
    built = np.concatenate([np.repeat(np.minimum(asked.room, useful), types), np.full(homes, useful)])
    kept = np.concatenate([asked.built.ravel().astype(np.float64), np.zeros(homes + below.size)])
    lacking = np.ceil(np.maximum(lower[below], 0.0)) + _taken(counted[below], built)
    most = np.maximum(np.concatenate([built, np.minimum(lacking, _MOST)]), kept)
    columns = most.size
    model = MatrixModel(
        objective=np.zeros(columns),
        rows=csr_array(matrix),
        row_lower=np.concatenate([lower[below], np.full(above.size, -np.inf)]),
        row_upper=np.concatenate([np.full(below.size, np.inf), upper[above]]),
        lower=kept,
        upper=most,
        integral=np.ones(columns, np.bool_),
        implied=np.zeros(columns, np.bool_),
    )
    return model, np.repeat([0.0, 1.0], [columns - below.size, below.size])


def _missed_of_load(classes: int, types: int, rows: int) -> csr_array:
    """Have what a class's load misses, its first rows, count as there in what it has to have of all types."""
    each = np.arange(classes * types)
    return csr_array((np.ones(each.size), (each.size + each // max(types, 1), each)), shape=(rows, rows))


def most_useful(asked: Floats, *, shares: bool) -> float:
    """Return a number of chargers of one kind beyond which none is of use.

    Without shares whoever has as many as all rows ask for together has enough for each.

    Parameters
    ----------
    asked
        (R,) what rows ask for at least.
    shares
        Whether any are parts of a whole, which grows with what the others ask for.
    """
    together = float(np.maximum(asked, 0.0).sum())
    return min(float(np.ceil(together * _TIMES if shares else together)), _MOST)


def _taken(rows: csr_array, most: Floats) -> Floats:
    """Return what can be taken off each row's sum by its columns at most."""
    return np.asarray(np.ceil(-(rows.minimum(0.0) @ most)), np.float64)


def _beside(rows: csr_array, homes: int) -> csr_array:
    return csr_array(hstack([rows, csr_array((rows.shape[0], homes))]))


def _by_class(rows: ChargerRows, asked: Wanted, homes: int) -> csr_array:
    """Take the rows of one station for each class, as all of it have the same."""
    types = asked.floor.shape[1]
    first = np.unique(asked.of_station, return_index=True)[1]
    columns = (first[:, None] * types + np.arange(types)[None, :]).ravel()
    end = asked.of_station.size * types
    return csr_array(rows.coefficients[:, np.concatenate([columns, np.arange(end, end + homes)])])


def _limited(model: MatrixModel, over: Floats, most: float) -> MatrixModel:
    """Add the row that keeps what has been reached."""
    return replace(
        model,
        rows=csr_array(vstack([model.rows, csr_array(over[None, :])], format="csr")),
        row_lower=np.append(model.row_lower, -np.inf),
        row_upper=np.append(model.row_upper, np.round(most)),
    )


def _settled(model: MatrixModel, values: Floats, chosen: NDArray[np.bool_]) -> MatrixModel:
    """Fix some columns at what they are."""
    fixed = np.rint(values)
    return replace(
        model, lower=np.where(chosen, fixed, model.lower), upper=np.where(chosen, fixed, model.upper)
    )


def _solved(model: MatrixModel, objective: Floats, limits: Limits, backend: str) -> Answer:
    asked = replace(model, objective=objective)
    solver = fitting(asked) if backend == "auto" else find(backend)
    if not solver.takes(asked):
        solver = fitting(asked)
    own = Limits(work_limit=_WORK, threads=1, seed=limits.seed)
    if Feature.WORK_LIMIT not in solver.features:
        own = Limits(time_limit=_WORK, threads=1, seed=limits.seed)
    return checked(solver, asked, solver.solve(asked, own, Hooks()))


def _values(answer: Answer) -> Floats:
    if answer.values is None:
        raise BackendError(f"no numbers of chargers were found: the backend says {answer.status}")
    return answer.values
