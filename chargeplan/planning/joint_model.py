"""Sites and chargers in one mixed-integer model.

With y_j = 1 where site j is open, n_jk new chargers, s_jk standing ones, L_j the kW of the busiest hour, z_ij
the share of demand point i that charges at j, b_jkm = 1 where type k at j has to have m chargers at least::

    min  sum_j f_j y_j + sum_jk p_k n_jk
         the rows of the covering form (chargeplan.solvers.models.covering)
         sum_k n_jk <= room_j y_j                            room beside the chargers that stand
         sum_k n_jk >= least_j y_j                           the least number of chargers of a station
         lower_r <= sum_jk a_rjk n_jk + sum_j s_rj y_j <= upper_r     mixes, totals, the grid
         sum_j z_ij = 1,  z_ij <= y_j,  L_j = sum_i w_i z_ij
         e_k L_j <= sum_m (Q_k(m) - Q_k(m - 1)) b_jkm,  b_jkm >= b_jk,m+1
         sum_m b_jkm <= n_jk + s_jk y_j

Q_k(m) is the greatest load in Erlang that m chargers carry as promised; it grows with m, and the ordered b
make the sum Q_k of a whole number. Closest assignment (Wagner & Falkson 1975; Rojeski & ReVelle 1970) is
written with u_il = z_i1 + ... + z_il over the sites in the order of distance: u_il >= y_l and
u_il - u_i,l-1 <= y_l, which is their polytope with few numbers in a row.

Without a load, stations that all rows treat alike have their chargers counted together, as in
`chargeplan.planning.charger_totals`: whatever is between what they have to have and their rooms can be given
out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array

from chargeplan.planning.charger_totals import most_useful
from chargeplan.planning.load import erlangs
from chargeplan.solvers.matrix import MatrixModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from chargeplan.planning.charger_rows import ChargerRows
    from chargeplan.planning.joint_demand import ChargingGroups
    from chargeplan.scenario import ChargerType
    from chargeplan.solvers.models.covering import CoveringModel

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]
    Counts = NDArray[np.int64]
    Mask = NDArray[np.bool_]
    Terms = tuple[ArrayLike, ArrayLike, ArrayLike]

_MOST = 1e9  # chargers that are missed


@dataclass(frozen=True, eq=False)
class JointParts:
    """What is decided together.

    Parameters
    ----------
    covering
        Which stations keep the standards, and what they cost.
    rows
        What numbers of chargers have to keep, over all sites.
    prices
        (K + H,) of a new charger of each type.
    types
        K types at stations.
    standing
        (M, K) chargers.
    left, least
        (M,) room beside those that stand, infinite where there is no limit; and chargers that a station has
        to have beside them.
    groups
        Who charges where; None without a load.
    carried
        For every type, the greatest Erlang that 0, 1, 2, ... chargers carry; as many as are of any use.
    paid
        What every plan pays besides.
    """

    covering: CoveringModel
    rows: ChargerRows
    prices: Floats
    types: Sequence[ChargerType]
    standing: Counts
    left: Floats
    least: Counts
    groups: ChargingGroups | None
    carried: tuple[Floats, ...]
    paid: float = 0.0

    @property
    def class_of(self) -> Places:
        """(M,) sites whose chargers are counted together; with a load each counts by itself."""
        sites, types = self.standing.shape
        if self.groups is not None:
            return np.arange(sites)
        alike = self.rows.coefficients.toarray()[:, : sites * types].T.reshape(sites, types * self.rows.size)
        unlimited = np.isinf(self.left).astype(np.float64)
        kinds = np.column_stack([alike, unlimited])
        return np.asarray(np.unique(kinds, axis=0, return_inverse=True)[1].ravel(), np.int64)

    @property
    def reach(self) -> Floats:
        """(M,) the most kW that can charge at each site."""
        reach = np.zeros(self.left.size)
        if self.groups is not None:
            np.add.at(reach, self.groups.site, np.repeat(self.groups.kw, np.diff(self.groups.indptr)))
        return reach

    def steps(self, lacks: float) -> Counts:
        """(M, K) how many chargers a load may ask for: as many as fit, and so many that lack."""
        load = erlangs(self.reach, self.types)
        steps = np.column_stack(
            [np.searchsorted(carried, load[:, k], "left") for k, carried in enumerate(self.carried)]
        ).astype(np.float64)
        fits = self.standing + self.left[:, None] + lacks
        return np.asarray(np.where(load > 0.0, np.minimum(steps, fits), 0), np.int64)


@dataclass(eq=False)
class _Writer:
    """A matrix model that grows by columns and rows."""

    model: MatrixModel
    columns_: list[tuple[Floats, Floats, Floats, Mask]] = field(default_factory=list)
    terms: list[tuple[Places, Places, Floats]] = field(default_factory=list)
    limits: list[tuple[Floats, Floats]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.width, self.height = self.model.objective.size, self.model.row_lower.size

    def columns(
        self, count: int, *, upper: ArrayLike = 1.0, price: ArrayLike = 0.0, whole: bool = True
    ) -> Places:
        """Add columns of at least 0; return their places."""
        shape = (count,)
        self.columns_.append((
            np.broadcast_to(np.asarray(price, np.float64), shape), np.zeros(count),
            np.broadcast_to(np.asarray(upper, np.float64), shape), np.full(count, whole),
        ))  # fmt: skip
        self.width += count
        return np.arange(self.width - count, self.width)

    def rows(
        self, count: int, *terms: Terms, lower: ArrayLike = -np.inf, upper: ArrayLike = np.inf
    ) -> Places:
        """Add rows of (row, column, coefficient); return their places."""
        for row, column, number in terms:
            own = np.broadcast_arrays(row, column, np.asarray(number, np.float64))
            self.terms.append((own[0].ravel() + self.height, own[1].ravel(), own[2].ravel()))
        self.limits.append((
            np.broadcast_to(np.asarray(lower, np.float64), (count,)),
            np.broadcast_to(np.asarray(upper, np.float64), (count,)),
        ))  # fmt: skip
        self.height += count
        return np.arange(self.height - count, self.height)

    def written(self) -> MatrixModel:
        """Put everything together."""
        old, own = self.model, self.model.rows.tocoo()
        parts = [(own.coords[0], own.coords[1], own.data), *self.terms]
        row, column, number = (np.concatenate([part[at] for part in parts]) for at in range(3))
        rows = csr_array(coo_array((number, (row, column)), shape=(self.height, self.width)))
        rows.sum_duplicates()
        rows.eliminate_zeros()
        price, lower, upper, whole = (
            np.concatenate([part[at] for part in [*self.columns_]] or [np.empty(0)]) for at in range(4)
        )
        return MatrixModel(
            objective=np.concatenate([old.objective, price]),
            rows=rows,
            row_lower=np.concatenate([old.row_lower, *(low for low, _ in self.limits)]),
            row_upper=np.concatenate([old.row_upper, *(high for _, high in self.limits)]),
            lower=np.concatenate([old.lower, lower]),
            upper=np.concatenate([old.upper, upper]),
            integral=np.concatenate([old.integral, whole.astype(np.bool_)]),
            implied=np.concatenate([old.implied, np.zeros(whole.size, np.bool_)]),
        )


@dataclass(frozen=True, eq=False)
class JointModel:
    """The model, and where in it things are.

    Parameters
    ----------
    parts
        What it was made of.
    matrix
        The model.
    site, new, homes
        (M,), (C, K) by class, and (H,) columns.
    load_missed, least_missed, rule_missed
        (M, K) with a load, else (0, K); (C,); and (R,) columns of chargers that are missed.
    beyond, above
        (U,) columns of what stands beyond upper limits, and whether anything does; `limited` are their rows.
    share, ahead, at
        (P,) columns of the shares, or sums of shares, of the groups' sites; (G,) columns of the sums of the
        sites that share; (M,) columns of kW.
    step
        (B,) columns of ordered steps, and (B,) `step_of` (site * K + type) and `step_at` (from 1).
    carrying
        Rows that have chargers carry the load.
    """

    parts: JointParts
    matrix: MatrixModel
    site: Places
    new: Places
    homes: Places
    load_missed: Places
    least_missed: Places
    rule_missed: Places
    beyond: Places
    above: Places
    limited: Places
    share: Places
    ahead: Places
    at: Places
    step: Places
    step_of: Places
    step_at: Places
    carrying: Places

    @property
    def missed(self) -> Floats:
        """(C,) 1 for the columns that count chargers that are missed."""
        counted = np.zeros(self.matrix.objective.size)
        for columns in (self.load_missed, self.least_missed, self.rule_missed, self.beyond):
            counted[columns.ravel()] = 1.0
        return counted


def joint_model(parts: JointParts, lacks: float) -> JointModel:
    """Write the model down.

    Parameters
    ----------
    parts
        What is decided.
    lacks
        How many chargers may be missing at most; infinite for any number.
    """
    writer = _Writer(parts.covering.matrix())
    class_of, homes = parts.class_of, parts.prices.size - len(parts.types)
    classes, kinds = int(class_of.max(initial=-1)) + 1, len(parts.types)
    sites = np.arange(class_of.size)
    lack = min(lacks, _MOST)
    steps = parts.steps(lacks)
    useful = _useful(parts, steps)
    room = np.minimum(parts.left, useful)
    fits = np.bincount(class_of, weights=np.where(parts.covering.closed, 0.0, room), minlength=classes)
    new = writer.columns(
        classes * kinds, upper=np.repeat(np.minimum(fits, useful + parts.least.sum()), kinds),
        price=np.tile(parts.prices[:kinds], classes),
    ).reshape(classes, kinds)  # fmt: skip
    at_homes = writer.columns(homes, upper=useful, price=parts.prices[kinds:])
    least_missed = writer.columns(classes, upper=lack)
    loaded = class_of.size if parts.groups is not None else 0
    load_missed = writer.columns(loaded * kinds, upper=lack).reshape(loaded, kinds)
    each = np.repeat(np.arange(classes), kinds)
    writer.rows(classes, (each, new.ravel(), 1.0), (class_of, sites, -room), upper=0.0)
    counted: list[Terms] = [
        (each, new.ravel(), 1.0),
        (np.arange(classes), least_missed, 1.0),
        (class_of, sites, -parts.least),
    ]
    if loaded:
        counted.append((each, load_missed.ravel(), 1.0))
    writer.rows(classes, *counted, lower=0.0)
    # What a station has no room for cannot be made up for by others that are counted together with it.
    beyond_room = np.maximum(parts.least - parts.left, 0.0)
    writer.rows(classes, *counted[1:2], *counted[3:], (class_of, sites, -beyond_room), lower=0.0)
    rule_missed, beyond, above, limited = _rules(writer, parts, new, at_homes, class_of, lack)
    share, ahead, at = _shares(writer, parts)
    step, step_of, step_at, carrying = _steps(writer, parts, steps, new, load_missed, at)
    if 0.0 < lacks < _MOST:
        missed = np.concatenate([load_missed.ravel(), least_missed, rule_missed, beyond])
        writer.rows(1, (np.zeros(missed.size, np.int64), missed, 1.0), upper=lacks)
    return JointModel(
        parts, writer.written(), sites, new, at_homes, load_missed, least_missed, rule_missed, beyond, above,
        limited, share, ahead, at, step, step_of, step_at, carrying,
    )  # fmt: skip


def _useful(parts: JointParts, steps: Counts) -> float:
    """Return a number of new chargers of a type in a class, or at homes, beyond which none is of use."""
    asked = np.concatenate(
        [parts.rows.lower[np.isfinite(parts.rows.lower)], steps.sum(axis=0), [parts.least.sum()]]
    )
    kinds = parts.standing.size
    shares = bool((parts.rows.coefficients[:, :kinds].data < 0.0).any())
    return most_useful(asked.astype(np.float64), shares=shares)


def _rules(
    writer: _Writer, parts: JointParts, new: Places, homes: Places, class_of: Places, lack: float
) -> tuple[Places, Places, Places, Places]:
    """Write down what numbers have to keep; of what stands beyond an upper limit nothing is built."""
    rows, (_, kinds) = parts.rows, new.shape
    first = np.unique(class_of, return_index=True)[1]
    columns = (first[:, None] * kinds + np.arange(kinds)[None, :]).ravel()
    end = class_of.size * kinds
    built = rows.coefficients[:, np.concatenate([columns, np.arange(end, end + homes.size)])].tocoo()
    place = np.concatenate([new.ravel(), homes])[built.coords[1]]
    there = rows.standing.tocoo()
    below, over = np.isfinite(rows.lower), np.isfinite(rows.upper)
    missed = writer.columns(int(below.sum()), upper=lack)
    own = _numbered(below)
    a, b = below[built.coords[0]], below[there.coords[0]]
    writer.rows(
        missed.size, (own[built.coords[0][a]], place[a], built.data[a]),
        (own[there.coords[0][b]], there.coords[1][b], there.data[b]), (np.arange(missed.size), missed, 1.0),
        lower=rows.lower[below],
    )  # fmt: skip
    most = np.asarray(rows.standing.maximum(0.0).sum(axis=1)).ravel() - rows.upper
    limited = np.flatnonzero(over & (most > 0.0)) if lack else np.empty(0, np.int64)
    beyond = writer.columns(limited.size, upper=np.ceil(most[limited]))
    above = writer.columns(limited.size)
    own = _numbered(over)
    a, b = over[built.coords[0]], over[there.coords[0]]
    writer.rows(
        int(over.sum()), (own[built.coords[0][a]], place[a], built.data[a]),
        (own[there.coords[0][b]], there.coords[1][b], there.data[b]), (own[limited], beyond, -1.0),
        upper=rows.upper[over],
    )  # fmt: skip
    own, some = np.arange(limited.size), np.zeros(rows.size, np.bool_)
    writer.rows(limited.size, (own, beyond, 1.0), (own, above, -np.ceil(most[limited])), upper=0.0)
    some[limited] = True
    own, a = _numbered(some), some[built.coords[0]]
    high = np.maximum(rows.upper[limited], 0.0)
    writer.rows(
        limited.size, (own[built.coords[0][a]], place[a], built.data[a]),
        (np.arange(limited.size), above, high), upper=high,
    )  # fmt: skip
    return missed, beyond, above, limited


def _numbered(chosen: Mask) -> Places:
    return np.cumsum(chosen) - 1


def _shares(writer: _Writer, parts: JointParts) -> tuple[Places, Places, Places]:
    """Share the demand out; return the columns of pairs, of what the first sites share, and of sites' kW."""
    groups = parts.groups
    if groups is None:
        none = np.empty(0, np.int64)
        return none, none, none
    pairs, sites = groups.site.size, parts.left.size
    group = np.repeat(np.arange(groups.size), np.diff(groups.indptr))
    place = np.arange(pairs) - groups.indptr[group]
    share, ahead = writer.columns(pairs, whole=False), writer.columns(groups.size, whole=False)
    at = writer.columns(sites, upper=parts.reach, whole=False)
    free = place < groups.shared[group]
    # What the first share adds up to; 0 where none do.
    own, shared = np.flatnonzero(free), group[free]
    number = np.arange(own.size)
    writer.rows(
        groups.size, (np.arange(groups.size), ahead, -1.0), (shared, share[own], 1.0), lower=0.0, upper=0.0
    )
    writer.rows(own.size, (number, share[own], 1.0), (number, groups.site[own], -1.0), upper=0.0)
    open_ended = own[~groups.sure[shared]]
    number = np.arange(open_ended.size)
    writer.rows(
        number.size,
        (number, ahead[group[open_ended]], 1.0),
        (number, groups.site[open_ended], -1.0),
        lower=0.0,
    )
    tail = np.flatnonzero(~free)
    before = np.where(place[tail] == groups.shared[group[tail]], ahead[group[tail]], share[tail - 1])
    number = np.arange(tail.size)
    writer.rows(tail.size, (number, share[tail], 1.0), (number, before, -1.0), lower=0.0)
    writer.rows(
        tail.size,
        (number, share[tail], 1.0),
        (number, before, -1.0),
        (number, groups.site[tail], -1.0),
        upper=0.0,
    )
    writer.rows(tail.size, (number, share[tail], 1.0), (number, groups.site[tail], -1.0), lower=0.0)
    _all_charge(writer, groups, share, ahead)
    kw = groups.kw[group]
    writer.rows(
        sites, (np.arange(sites), at, 1.0), (groups.site[own], share[own], -kw[own]),
        (groups.site[tail], share[tail], -kw[tail]), (groups.site[tail], before, kw[tail]),
        lower=0.0, upper=0.0,
    )  # fmt: skip
    return share, ahead, at


def _all_charge(writer: _Writer, groups: ChargingGroups, share: Places, ahead: Places) -> None:
    """Have the whole load of those charge that surely find a station."""
    sure = np.flatnonzero(groups.sure)
    long = np.diff(groups.indptr)[sure] > groups.shared[sure]
    last = np.where(long, share[groups.indptr[sure + 1] - 1], ahead[sure])
    writer.rows(sure.size, (np.arange(sure.size), last, 1.0), lower=1.0, upper=1.0)


def _steps(
    writer: _Writer, parts: JointParts, steps: Counts, new: Places, missed: Places, at: Places
) -> tuple[Places, Places, Places, Places]:
    """Have as many chargers as the load asks for; the last places are those of the rows of loads."""
    count = steps.ravel()
    step_of = np.repeat(np.arange(count.size), count)
    step_at = np.arange(step_of.size) - np.repeat(np.cumsum(count) - count, count) + 1
    step = writer.columns(step_of.size)
    if parts.groups is None or not step.size:
        return step, step_of, step_at, np.empty(0, np.int64)
    kinds = len(parts.types)
    site, kind = step_of // kinds, step_of % kinds
    later = np.flatnonzero(step_at > 1)
    number = np.arange(later.size)
    writer.rows(number.size, (number, step[later - 1], 1.0), (number, step[later], -1.0), lower=0.0)
    first = np.flatnonzero(step_at == 1)
    number = np.arange(first.size)
    writer.rows(number.size, (number, site[first], 1.0), (number, step[first], -1.0), lower=0.0)
    gains = np.zeros(step.size)
    for k, carried in enumerate(parts.carried):
        own = kind == k
        gains[own] = carried[step_at[own]] - carried[step_at[own] - 1]
    part = np.tile(erlangs(np.ones(1), parts.types)[0], parts.left.size)
    used = np.flatnonzero(part > 0.0)
    own = np.full(part.size, -1)
    own[used] = np.arange(used.size)
    carrying = writer.rows(
        used.size,
        (np.arange(used.size), at[used // kinds], part[used]),
        (own[step_of], step, -gains),
        upper=0.0,
    )
    writer.rows(
        used.size, (own[used], new.ravel()[used], 1.0), (own[used], missed.ravel()[used], 1.0),
        (own[used], used // kinds, parts.standing.ravel()[used]), (own[step_of], step, -1.0), lower=0.0,
    )  # fmt: skip
    return step, step_of, step_at, carrying
