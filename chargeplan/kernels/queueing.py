"""Who waits at a station: Erlang's queue M/M/n, and the fewest chargers that keep a promise about waiting.

Sessions arrive as a Poisson process, stay for exponential times, and those that find every charger taken
wait in the order of arrival and never leave. The load is in Erlang: arrivals per unit of time, times the
mean stay. `docs/queueing.md` says what this model does not know, and how far off it is.

Notes
-----
B(n) is Erlang's loss probability of n servers, C(n) the probability of waiting, a the load:

    B(0) = 1,  B(n) = a B(n - 1) / (n + a B(n - 1)),  C(n) = n B(n) / (n - a + a B(n)) for n > a.

Every term is positive and a B(n) is at most a, so nothing cancels and nothing overflows. A relative error of
B(n - 1) shrinks by the factor 1 - B(n) on its way to B(n), which is below n / a since B(n) > 1 - n / a, and
so is whatever the recursion makes of 1 - m / a for B(m). That has two consequences.

- The recursion may begin at m = a - 10 sqrt(a) servers instead of 0, with 1 - m / a for B(m). The logarithm
  of B(m) is off by less than log(sqrt(a) / 10), and until n = a that shrinks by the product of all n / a in
  between, which is less than exp(-49): what is left is below 1e-20, a rounding being 1e-16.
- Above a, roundings add up, three to a step, until B(n) is below 1e-300, for large loads before n = a + 40
  sqrt(a), and is taken for 0: up to a billion Erlang C(n) is right within 1e-9 of itself, up to a million
  within 1e-10.

C(n) decreases with n, since B(n) does and C = 1 / (1 + (1 - a / n) (1 / B - 1)); the exponential factor of
P(wait > t) does too. So the first n that keeps a promise is the least, and all beyond it keep it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import Fault, InputError
from chargeplan.kernels.compiled import in_pieces, kernel, kernel_part
from chargeplan.kernels.inputs import read_only, unwritable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_BELOW = 10.0  # square roots of the load below it at which the recursion begins
_MOST = 1e9  # Erlang for which the error above is bounded
_NONE = 1e-300  # what is less is 0: close to the smallest of numbers the recursion would stand still
_PIECE = 1_000  # stations in the smallest piece of work


@kernel_part
def _beginning(load: float) -> tuple[float, float]:
    """Return a number of servers below the load, and B there, well enough to go on from."""
    servers = float(math.floor(load - _BELOW * math.sqrt(load)))
    if servers <= 0.0:
        return 0.0, 1.0
    return servers, 1.0 - servers / load


@kernel_part
def _one_more(blocking: float, load: float, servers: float) -> float:
    """Return B of so many servers from that of one fewer."""
    offered = load * blocking
    blocking = offered / (servers + offered)
    return blocking if blocking >= _NONE else 0.0


@kernel_part
def _waiting(blocking: float, load: float, servers: float) -> float:
    """Return C from B, for more servers than load."""
    return min(1.0, servers * blocking / (servers - load + load * blocking))


@kernel_part
def _exceeding(blocking: float, load: float, servers: float, patience: float) -> float:
    """Return P(wait > t) from B, for more servers than load; the patience is t in mean stays."""
    return _waiting(blocking, load, servers) * math.exp(-(servers - load) * patience)


@kernel
def _fill_exceeding(
    load: Floats, servers: Floats, patience: Floats, start: int, stop: int, out: Floats
) -> None:
    for i in range(start, stop):
        if load[i] == 0.0:
            out[i] = 0.0
        elif servers[i] <= load[i]:
            out[i] = 1.0
        else:
            count, blocking = _beginning(load[i])
            while count < servers[i] and blocking > 0.0:
                count += 1.0
                blocking = _one_more(blocking, load[i], count)
            out[i] = _exceeding(blocking, load[i], servers[i], patience[i])


@kernel
def _fill_least(
    load: Floats, patience: Floats, alpha: Floats, start: int, stop: int, out: NDArray[np.int64]
) -> None:
    for i in range(start, stop):
        servers, kept = 0.0, load[i] == 0.0
        if not kept:
            servers, blocking = _beginning(load[i])
        while not kept:
            servers += 1.0
            blocking = _one_more(blocking, load[i], servers)
            kept = servers > load[i] and _exceeding(blocking, load[i], servers, patience[i]) <= alpha[i]
        out[i] = np.int64(servers)


def erlang_c(load: ArrayLike, servers: ArrayLike) -> Floats:
    """Return the probability that a session must wait for a charger.

    Parameters
    ----------
    load
        Erlang, 0 to a billion: sessions per unit of time, times the mean stay. Broadcast with `servers`.
    servers
        How many chargers, whole numbers of 0 or more.

    Returns
    -------
    ndarray
        Of the broadcast shape, float64, within 1e-9 of itself or below 1e-300; 1 where there are no more
        servers than load, for the queue grows without end, and 0 where the load is 0. Read-only.

    Raises
    ------
    InputError
        Shapes that do not broadcast, or values out of range; every argument that is wrong is named.

    Notes
    -----
    Erlang (1917), Solution of some problems in the theory of probabilities of significance in automatic
    telephone exchanges; Cooper (1981), Introduction to queueing theory, 2nd edition, sections 3.3 and 3.4.
    """
    shape, (loads, counts) = _columns(load=load, servers=servers)
    return _shaped(_exceeding_all(loads, counts, np.zeros_like(loads)), shape)


def wait_exceeds(load: ArrayLike, servers: ArrayLike, service_time: ArrayLike, wait: ArrayLike) -> Floats:
    """Return the probability that a session waits longer than a given time.

    Parameters
    ----------
    load, servers
        As for `erlang_c`. All arguments are broadcast together.
    service_time
        The mean stay at a charger, in any unit of time, more than 0.
    wait
        The time, in the same unit, 0 or more.

    Returns
    -------
    ndarray
        Of the broadcast shape, float64: C exp(-(n - a) wait / service_time); 1 where there are no more
        servers than load, and 0 where the load is 0. Read-only.

    Raises
    ------
    InputError
        As for `erlang_c`.

    Notes
    -----
    Cooper (1981), Introduction to queueing theory, 2nd edition, section 3.4: served in order of arrival.
    """
    shape, (loads, counts, stays, waits) = _columns(
        load=load, servers=servers, service_time=service_time, wait=wait
    )
    return _shaped(_exceeding_all(loads, counts, _patience(stays, waits)), shape)


def mean_wait(load: ArrayLike, servers: ArrayLike, service_time: ArrayLike) -> Floats:
    """Return how long a session waits for a charger on average, those that need not wait included.

    Parameters
    ----------
    load, servers
        As for `erlang_c`. All arguments are broadcast together.
    service_time
        The mean stay at a charger, in any unit of time, more than 0.

    Returns
    -------
    ndarray
        Of the broadcast shape, float64, in the unit of the stay: C service_time / (n - a); infinite where
        there are no more servers than load, and 0 where the load is 0. Read-only.

    Raises
    ------
    InputError
        As for `erlang_c`.

    Notes
    -----
    Cooper (1981), Introduction to queueing theory, 2nd edition, section 3.4.
    """
    shape, (loads, counts, stays) = _columns(load=load, servers=servers, service_time=service_time)
    return _shaped(_mean_wait(loads, counts, stays), shape)


def allen_cunneen(
    load: ArrayLike,
    servers: ArrayLike,
    service_time: ArrayLike,
    arrivals_cv2: ArrayLike,
    stays_cv2: ArrayLike,
) -> Floats:
    """Estimate the mean wait where arrivals are not Poisson or stays not exponential: the queue G/G/n.

    No promise is checked by it, for it says nothing of the share of sessions that wait.

    Parameters
    ----------
    load, servers, service_time
        As for `mean_wait`. All arguments are broadcast together.
    arrivals_cv2, stays_cv2
        The variance of the times between arrivals, and of the stays, over the square of its mean, 0 or
        more; 1 for a Poisson process and for exponential stays.

    Returns
    -------
    ndarray
        Of the broadcast shape, float64: `mean_wait` times the mean of the two; exact for exponential stays
        and for one server where arrivals are Poisson. Read-only.

    Raises
    ------
    InputError
        As for `erlang_c`.

    Notes
    -----
    Allen (1990), Probability, statistics, and queueing theory, 2nd edition: the formula of Allen and
    Cunneen.
    """
    shape, (loads, counts, stays, *spreads) = _columns(
        load=load,
        servers=servers,
        service_time=service_time,
        arrivals_cv2=arrivals_cv2,
        stays_cv2=stays_cv2,
    )
    waits = _mean_wait(loads, counts, stays)
    spread = 0.5 * (spreads[0] + spreads[1])
    return _shaped(np.multiply(waits, spread, out=waits, where=np.isfinite(waits)), shape)


def least_servers(
    load: ArrayLike, *, service_time: ArrayLike, wait: ArrayLike, alpha: ArrayLike
) -> NDArray[np.int64]:
    """Find the fewest chargers with which no more than a share of the sessions waits longer than a time.

    Parameters
    ----------
    load
        Erlang, 0 to a billion. All arguments are broadcast together.
    service_time
        The mean stay at a charger, in any unit of time, more than 0.
    wait
        The time, in the same unit, 0 or more; 0 for any wait at all.
    alpha
        The share, more than 0 and less than 1.

    Returns
    -------
    ndarray
        Of the broadcast shape, int64: the smallest n of 1 or more for which `wait_exceeds` is `alpha` or
        less, by the same arithmetic to the last bit; 0 where the load is 0. Read-only.

    Raises
    ------
    InputError
        As for `erlang_c`.
    """
    shape, (loads, stays, waits, shares) = _columns(
        load=load, service_time=service_time, wait=wait, alpha=alpha
    )
    given, out = (loads, _patience(stays, waits), shares), np.empty(loads.size, np.int64)
    in_pieces(lambda start, stop: _fill_least(*given, start, stop, out), out.size, _PIECE)
    out = out.reshape(shape)
    read_only(out)
    return out


def _exceeding_all(load: Floats, servers: Floats, patience: Floats) -> Floats:
    given, out = (load, servers, unwritable(patience)), np.empty(load.size)
    in_pieces(lambda start, stop: _fill_exceeding(*given, start, stop, out), out.size, _PIECE)
    return out


def _mean_wait(load: Floats, servers: Floats, service_time: Floats) -> Floats:
    waiting, spare = _exceeding_all(load, servers, np.zeros_like(load)), servers - load
    waits = np.full(load.size, np.inf)
    np.divide(waiting * service_time, spare, out=waits, where=spare > 0)
    waits[load == 0] = 0.0
    return waits


def _patience(service_time: Floats, wait: Floats) -> Floats:
    """Return waits in mean stays: one division for all, so that all see the same number."""
    with np.errstate(over="ignore"):  # nobody waits for infinitely many stays, which is what it says
        return unwritable(wait / service_time)


def _shaped(out: Floats, shape: tuple[int, ...]) -> Floats:
    out = out.reshape(shape)
    read_only(out)
    return out


def _columns(**given: ArrayLike) -> tuple[tuple[int, ...], list[Floats]]:
    """Return the broadcast shape, and each argument as flat, contiguous, read-only float64."""
    values = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
    faults = [fault for name, value in values.items() for fault in _faults(name, value)]
    try:
        arrays = np.broadcast_arrays(*values.values())
    except ValueError:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in values.items())
        faults.append(Fault(f"shapes that cannot be broadcast together: {shapes}"))
    if faults:
        raise InputError(faults)
    return arrays[0].shape, [unwritable(np.ascontiguousarray(array).reshape(-1)) for array in arrays]


def _faults(name: str, values: Floats) -> list[Fault]:
    """Name the first value that is out of range, and count the others."""
    if name == "load":
        right, what = (values >= 0) & (values <= _MOST), f"a load of 0 to {_MOST:,.0f} Erlang"
    elif name == "servers":
        right = (values >= 0) & (values <= 2**53) & (values == np.floor(values))
        what = "a whole number of 0 or more"
    elif name == "service_time":
        right, what = (values > 0) & (values < np.inf), "a finite time of more than 0"
    elif name == "alpha":
        right, what = (values > 0) & (values < 1), "a share of more than 0 and less than 1"
    else:
        right, what = (values >= 0) & (values < np.inf), "a finite number of 0 or more"
    wrong = np.argwhere(~right)
    if not len(wrong):
        return []
    place = tuple(wrong[0].tolist())
    index = f"[{', '.join(map(str, place))}]" if place else ""
    others = f", and {len(wrong) - 1:,} more are wrong" if len(wrong) > 1 else ""
    return [Fault(f"{name}{index} is {values[place]}, not {what}{others}")]
