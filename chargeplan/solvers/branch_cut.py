"""Coverings of much demand by few sites, solved by branch and Benders cuts (Cordeau, Furini & Ljubić 2019).

What a set of sites serves, ``F(y) = sum_i weight_i min(1, sum_j a_ij y_j)``, is concave and piecewise linear
in the sites alone. A linear program of one variable per site learns it cut by cut: at any point y', with S
the rows that y' serves whole, no plan serves more than::

    sum_{i in S} weight_i + sum_{i not in S} weight_i sum_j a_ij y_j

A cut takes one look at the coverage, however many rows it has, and the program stays as small as the sites.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.solvers.models.covering import CoveringModel

_MOST_SITES = 1000  # beyond that many a linear program of dense cuts takes long
_ROUNDS = 200  # of cuts at the root
_ROUNDS_BELOW = 8  # of cuts at other nodes
_VIOLATED = 1e-6  # part of the weight by which a cut has to be violated
_STALLED = 1e-5  # part of the bound that a round of cuts below the root has to gain
_MORE = 200  # cuts after which those that do nothing are dropped
_INWARD = 0.8  # how much nearer to the points before than to the last one a cut is looked for first
_WHOLE = 1e-6  # how near to 0 or 1 a site counts as decided
_NOISE = 1e-6  # of a bound that is whole


def fits(model: CoveringModel) -> bool:
    """Whether a model is of this kind: rows that need one site each, a limit or one target, few sites.

    Parameters
    ----------
    model
        A reduced model.
    """
    kind = model.limit is not None and not model.targets.size if model.maximise else model.targets.size == 1
    free = model.maximise or (model.limit is None and bool((model.group == 0).all()))
    few = 0 < model.cost.size <= min(_MOST_SITES, model.need.size)
    return bool(kind and free and few and (model.need == 1).all() and not model.must.any())


@dataclass(frozen=True)
class Branched:
    """What branch and cut found.

    Parameters
    ----------
    plan
        (M,) bool, the best plan known, the one it was given or a better one; None without any.
    bound
        Of the objective; no plan is better.
    nodes, cuts
        How many it took.
    multipliers
        (R,) of the rows of the model's matrix form, which prove the root's bound by themselves; None where it
        did not get that far.
    """

    plan: NDArray[np.bool_] | None
    bound: float
    nodes: int
    cuts: int
    multipliers: NDArray[np.float64] | None = None


def branch(
    model: CoveringModel,
    plan: NDArray[np.bool_] | None,
    *,
    gap: float = 0.0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[float | None, float | None], None] = lambda _best, _bound: None,
) -> Branched:
    """Solve a model that fits, from the best plan known.

    Parameters
    ----------
    model
        A reduced model, for which `fits` holds.
    plan
        (M,) bool, allowed; None where none is known.
    gap
        Relative gap at which it ends.
    stop
        Asked before each linear program whether to end.
    report
        Called with the best objective and the bound as they improve.

    Returns
    -------
    Branched
        With a bound that is proven wherever it ended.
    """
    tree = _Tree(model, plan, gap, stop, report)
    tree.grow()
    return Branched(tree.plan, tree.bound(), tree.nodes, tree.cuts, tree.multipliers)


@dataclass(frozen=True)
class _Cut:
    """``served <= constant + slopes y``, slopes (M,); and which rows, (N,) bool, the constant is made of."""

    constant: float
    slopes: NDArray[np.float64]
    whole: NDArray[np.bool_]


@dataclass(frozen=True)
class _Optimum:
    """Of a linear program: what it claims and where, (M,); what its multipliers prove, and at what price.

    A site that is open though it costs, or closed though it pays, moves the bound by its price, (M,).
    """

    value: float
    point: NDArray[np.float64]
    bound: float
    price: NDArray[np.float64]


class _Served:
    """What sites serve, and the cuts of it.

    Parameters
    ----------
    model
        The model.
    """

    def __init__(self, model: CoveringModel) -> None:
        self.weight = model.value if model.maximise else model.weight
        self._rows: csr_array = model.coverage.astype(np.float64).tocsr()
        self._sites: csr_array = self._rows.T.tocsr()

    def cut(self, point: NDArray[np.float64]) -> _Cut:
        """Return the cut of a point."""
        times = self._rows @ point
        whole = times >= 1.0
        rest = np.where(whole, 0.0, self.weight)
        return _Cut(float(self.weight[whole].sum()), np.asarray(self._sites @ rest), whole)


class _Program:
    """The linear program of the sites; GLOP goes on from where it ended when rows come or limits change.

    Parameters
    ----------
    model
        The model.
    """

    def __init__(self, model: CoveringModel) -> None:
        from ortools.linear_solver import pywraplp  # noqa: PLC0415 - loaded when first used

        self._status = pywraplp.Solver
        self.model, self.cuts = model, 0
        self.solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        sites = range(model.cost.size)
        self.variables = [self.solver.NumVar(0.0, 1.0, "") for _ in sites]
        self._scale = float((model.value if model.maximise else model.weight).sum()) or 1.0
        objective = self.solver.Objective()
        self._served: Any = None
        self._rows: list[Any] = []
        self._kept: list[_Cut] = []
        self._shares, self._price = np.empty(0), 0.0  # multipliers of the last optimum
        if model.maximise:
            self._served = self.solver.NumVar(0.0, 1.0, "")
            objective.SetCoefficient(self._served, 1.0)
            objective.SetMaximization()
            self._limit = self.solver.Constraint(-self.solver.infinity(), float(model.limit or 0.0))
            for j in sites:
                self._limit.SetCoefficient(self.variables[j], float(model.usage[j]))
        else:
            for j in sites:
                objective.SetCoefficient(self.variables[j], float(model.cost[j]))
            objective.SetMinimization()

    def add(self, cut: _Cut) -> None:
        """Add a cut: what is served, or has to be, is no more than it says."""
        constant, slopes = cut.constant, cut.slopes
        target = 0.0 if self.model.maximise else float(self.model.targets[0])
        row = self.solver.Constraint((target - constant) / self._scale, self.solver.infinity())
        for j in np.flatnonzero(slopes).tolist():
            row.SetCoefficient(self.variables[j], float(slopes[j]) / self._scale)
        if self._served is not None:
            row.SetCoefficient(self._served, -1.0)
        self._rows.append(row)
        self._kept.append(cut)
        self.cuts += 1

    def solve(self, lower: NDArray[np.bool_], upper: NDArray[np.bool_]) -> _Optimum | None:
        """Return the optimum within limits of the sites; None where there is none."""
        for variable, low, high in zip(self.variables, lower.tolist(), upper.tolist(), strict=True):
            variable.SetBounds(float(low), float(high))
        status = self.solver.Solve()
        if status == self._status.INFEASIBLE:
            return None
        if status != self._status.OPTIMAL:
            raise ArithmeticError(f"GLOP ended with status {status}")
        value = self.solver.Objective().Value() * (self._scale if self.model.maximise else 1.0)
        point = np.array([variable.solution_value() for variable in self.variables])
        return _Optimum(value, np.clip(point, 0.0, 1.0), *self._proven(lower, upper))

    def _proven(
        self, lower: NDArray[np.bool_], upper: NDArray[np.bool_]
    ) -> tuple[float, NDArray[np.float64]]:
        """Compute what the multipliers prove: a bound that no tolerance of GLOP touches.

        Multipliers of the cuts make one cut of them all; what is left is a choice for each site by itself.
        """
        shares = self._shares = np.array([abs(row.dual_value()) for row in self._rows]) / self._scale
        used = np.flatnonzero(shares)
        constant = math.fsum(shares[k] * self._kept[k].constant for k in used)
        slopes = sum((shares[k] * self._kept[k].slopes for k in used), np.zeros(lower.size))
        if not self.model.maximise:
            left = self.model.cost - slopes
            least = float(np.where(left < 0.0, left * upper, left * lower).sum())
            return float(shares.sum()) * float(self.model.targets[0]) - constant + least, left
        part = float(shares.sum())
        if part == 0.0:
            return self._scale, np.zeros(lower.size)
        price = self._price = abs(self._limit.dual_value()) * self._scale
        gain = slopes / part - price * self.model.usage
        most = float(np.where(gain > 0.0, gain * upper, gain * lower).sum())
        return float(constant / part + price * float(self.model.limit or 0.0) + most), -gain

    def multipliers(self) -> NDArray[np.float64]:
        """Return the multipliers of the model's own rows that stand for those of the last program's cuts."""
        shares, model = self._shares, self.model
        weight = model.value if model.maximise else model.weight
        part = float(shares.sum()) if model.maximise else 1.0
        paying = np.zeros(weight.size)
        for k in np.flatnonzero(shares).tolist():
            paying[~self._kept[k].whole] += shares[k]
        rows = weight * paying / (part or 1.0)
        last = self._price if model.maximise else float(shares.sum())
        return np.append(rows, last)

    def tidied(self) -> _Program:
        """Return the program without the cuts that do nothing at its optimum."""
        fresh = _Program(self.model)
        for k, cut in enumerate(self._kept):
            if k >= self._shares.size or self._shares[k]:  # the last may not have been in a program yet
                fresh.add(cut)
        return fresh


class _Tree:
    """Nodes that are open, best bound first, the best plan, and the program that all share."""

    def __init__(
        self,
        model: CoveringModel,
        plan: NDArray[np.bool_] | None,
        gap: float,
        stop: Callable[[], bool],
        report: Callable[[float | None, float | None], None],
    ) -> None:
        self.model, self.plan, self.gap = model, plan, gap
        self._stop, self._report = stop, report
        self._sign = -1.0 if model.maximise else 1.0  # everything inside is minimised
        self.best = math.inf if plan is None else self._sign * model.objective(plan)
        self.served = _Served(model)
        self.program = _Program(model)
        self.nodes = self.cuts = 0
        self.multipliers: NDArray[np.float64] | None = None
        self._tidy = math.inf  # cuts beyond which the program is tidied
        self._inner = np.zeros(model.cost.size) if plan is None else plan.astype(np.float64)
        sites = model.cost.size
        self._open: list[tuple[float, int, NDArray[np.bool_], NDArray[np.bool_]]] = [
            (-math.inf, 0, np.zeros(sites, np.bool_), np.ones(sites, np.bool_))
        ]
        self._pruned = math.inf  # least bound of what was given up though it might hold a better plan

    def bound(self) -> float:
        """Return the bound of the whole."""
        least = min([self.best, self._pruned, *(node[0] for node in self._open)])
        return self._sign * least

    def grow(self) -> None:
        """Take the most promising node, cut, branch, until none can hold a better plan."""
        while self._open and not self._stop():
            node = heapq.heappop(self._open)
            if node[0] > self._worth():
                self._give_up(node[0])
                continue
            self._open.append(node)  # its bound counts while it is being looked at
            children = self._look(node)
            self._open.pop()
            for child in children:
                heapq.heappush(self._open, child)
            self._report(None if self.plan is None else self._sign * self.best, self.bound())

    def _give_up(self, bound: float) -> None:
        if bound < self.best:
            self._pruned = min(self._pruned, bound)

    def _worth(self) -> float:
        """Return the most that a bound may be for its node to be looked into."""
        if self.model.integer_objective and math.isfinite(self.best):
            return min(self.best - 1.0, self.best - self.gap * abs(self.best))
        return self.best - max(self.gap, 1e-12) * abs(self.best) if math.isfinite(self.best) else math.inf

    def _look(
        self, node: tuple[float, int, NDArray[np.bool_], NDArray[np.bool_]]
    ) -> list[tuple[float, int, NDArray[np.bool_], NDArray[np.bool_]]]:
        """Cut at a node; return its children, none where it holds no better plan."""
        known, _, lower, upper = node
        self.nodes += 1
        last = -math.inf
        for round_ in range(_ROUNDS if self.nodes == 1 else _ROUNDS_BELOW):
            if self._stop():
                return [node]
            found = self.program.solve(lower, upper)
            if found is None:
                return []
            value, point = found.value, found.point
            bound = max(known, self._rounded(self._sign * found.bound))
            if bound > self._worth():
                self._give_up(bound)
                return []
            lower, upper = self._decided(found, lower, upper)
            self._try(np.round(point).astype(np.bool_) & upper)
            if not self._cut(point, value):
                break
            if self.nodes > 1 and round_ and self._sign * value < last + _STALLED * abs(last):
                break
            last = self._sign * value
        self._keep_in_order()
        return self._children(bound, point, lower, upper)

    def _decided(
        self, found: _Optimum, lower: NDArray[np.bool_], upper: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Close or open for good the sites without which, or with which, no better plan is left at a node."""
        bound = self._sign * found.bound  # as it is: a bound that is rounded up leaves no room for prices
        room = self._worth() - bound + _NOISE * max(abs(bound), 1.0)
        if not math.isfinite(room):
            return lower, upper
        if self.gap > 0.0:  # what is given up may be better than the best, if not by enough
            whole = self.model.integer_objective
            self._give_up(math.floor(self._worth()) + 1.0 if whole else self._worth())
        return lower | (upper & (-found.price > room)), upper & (lower | ~(found.price > room))

    def _keep_in_order(self) -> None:
        """Note the multipliers of the root, and drop cuts that do nothing, once there are many."""
        if self.nodes == 1:
            self.multipliers = self.program.multipliers()
        if self.nodes == 1 or self.program.cuts > self._tidy:
            self.program = self.program.tidied()
            self._tidy = self.program.cuts + _MORE

    def _cut(self, point: NDArray[np.float64], value: float) -> bool:
        """Add the cut of a point where the program claims too much; say whether it did."""
        claimed = value if self.model.maximise else float(self.model.targets[0])
        total = max(float(self.served.weight.sum()), 1e-300)
        whole = bool((np.minimum(point, 1.0 - point) <= _WHOLE).all())
        slack = (1e-12 if whole else _VIOLATED) * total
        self._inner = _INWARD * self._inner + (1.0 - _INWARD) * point
        for place in (self._inner, point):
            cut = self.served.cut(place)
            if claimed - (cut.constant + float(cut.slopes @ point)) > slack:
                self.program.add(cut)
                self.cuts += 1
                return True
        return False

    def _try(self, plan: NDArray[np.bool_]) -> None:
        """Keep a plan if it is allowed and the best."""
        if self.model.allows(plan):
            value = self._sign * self.model.objective(plan)
            if value < self.best:
                self.plan, self.best = plan, value

    def _children(
        self, bound: float, point: NDArray[np.float64], lower: NDArray[np.bool_], upper: NDArray[np.bool_]
    ) -> list[tuple[float, int, NDArray[np.bool_], NDArray[np.bool_]]]:
        """Branch on the site that is the least decided."""
        undecided = np.minimum(point, 1.0 - point)
        undecided[lower == upper] = -1.0
        site = int(undecided.argmax())
        if undecided[site] < 0.0:
            self._try(lower)
            return []
        closed, opened = upper.copy(), lower.copy()
        closed[site], opened[site] = False, True
        order = 2 * self.nodes
        return [(bound, order, opened, upper), (bound, order + 1, lower, closed)]

    def _rounded(self, bound: float) -> float:
        """Round a bound up to a whole number where every objective is one."""
        if self.model.integer_objective:  # nearly exact, as sums of whole weights are
            return float(math.ceil(bound - max(_NOISE, 1e-12 * abs(bound))))
        return bound - max(_NOISE, 1e-9 * abs(bound))
