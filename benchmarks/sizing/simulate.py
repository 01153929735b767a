"""Erlang C beside stations that are simulated session by session, with stays as they are in life too.

::

    python benchmarks/sizing/simulate.py [--error 0.3]

sizes 20 stations of 0.5 to 60 Erlang by `chargeplan.kernels.least_servers` and simulates them with simpy
(tests/oracles/charging_queue.py): first with Poisson arrivals and exponential stays, as the formula has it,
then with stays of other shapes, then with arrivals that follow the hours of a day. The figures go into
REPORT.md beside the parent folder. Exit code 1 where the share of exponential sessions that wait differs
from Erlang C by more than a percentage point at any station.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

BENCHMARKS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS.parent / "tests" / "oracles")]

from charging_queue import simulated_waits  # noqa: E402 - in another folder
from report import REPORT, conditions, replace_section, table  # noqa: E402 - in another folder

from chargeplan import kernels  # noqa: E402 - after the folders

if TYPE_CHECKING:
    from collections.abc import Callable

HEADING = "Sizing: Erlang C beside a simulation"
LIMIT = 1.0  # percentage points
LOADS = np.geomspace(0.5, 60.0, 20)
BATCHES = 25  # of a run, for its standard error
FEWEST = 10_000  # sessions at a station
WARM_UP = 20.0  # mean stays that are simulated and not counted

# Shares of the sessions, and within how many minutes they ended.
SHARES = np.concatenate((np.arange(20) / 20, (0.975, 0.99, 0.999, 1.0)))
# City of Palo Alto, Electric vehicle charging station usage (open data): the first 9,999 sessions, July 2011
# to March 2013, Levels 1 and 2, as in github.com/jastka4/ev-charging-stations-palo-alto; of the column Total
# Duration the 9,915 of 3 minutes to 24 hours. SHA-256 of the CSV: be1cec260b54d2ff...
PALO_ALTO = (3, 27, 44, 57, 68, 78, 89, 100, 112, 124, 138, 151, 165, 177, 188, 202, 219, 246, 288, 466, 627,
             762, 1197, 1419)  # fmt: skip
# How many of them began in each hour of the day.
PALO_ALTO_HOURS = (31, 12, 4, 7, 46, 88, 362, 437, 879, 618, 477, 663, 831, 744, 652, 532, 536, 675, 797, 645,
                   389, 282, 150, 58)  # fmt: skip
# Asensio, Apablaza, Lawson and Walsh (2021), Scientific Data 8, Electric vehicle charging stations in the
# workplace with high-resolution data from casual and habitual users (doi:10.7910/DVN/NFPQLW, CC0): of the
# column chargeTimeHrs the 3,343 sessions of 3 minutes to 24 hours. SHA-256 of the CSV: 6a4cdfbea644959d...
WORKPLACE = (3, 60, 86, 107, 120, 129, 139, 147, 154, 162, 170, 178, 187, 196, 204, 214, 223, 233, 244, 277,
             320, 384, 558, 695)  # fmt: skip


@dataclass(frozen=True)
class Stays:
    """How long sessions stay: random numbers of mean 1, and their squared coefficient of variation."""

    name: str
    draw: Callable[[np.random.Generator, int], np.ndarray]
    cv2: float

    @classmethod
    def exponential(cls) -> Stays:
        """Stay as Erlang C assumes."""
        return cls("exponential", lambda rng, count: rng.exponential(1.0, count), 1.0)

    @classmethod
    def log_normal(cls, name: str, cv2: float) -> Stays:
        """Stay for log-normal times."""
        sigma = np.sqrt(np.log1p(cv2))
        return cls(name, lambda rng, count: rng.lognormal(-(sigma**2) / 2, sigma, count), cv2)

    @classmethod
    def observed(cls, name: str, minutes: tuple[int, ...]) -> Stays:
        """Stay as was observed: evenly between the quantiles."""
        low, high, weight = np.array(minutes[:-1]), np.array(minutes[1:]), np.diff(SHARES)
        mean = float(weight @ (low + high)) / 2
        square = float(weight @ (low * low + low * high + high * high)) / 3
        scaled = np.array(minutes) / mean
        return cls(
            name, lambda rng, count: np.interp(rng.random(count), SHARES, scaled), square / mean**2 - 1
        )


@dataclass(frozen=True)
class Station:
    """A load in Erlang, and the least chargers with which no more than a share of the sessions waits."""

    load: float
    promised: float
    chargers: int

    @classmethod
    def sized(cls, load: float) -> Station:
        """Promise more where more sessions come: 20 % below 1 Erlang, 10 % below 5, 5 % above."""
        promised = float(np.select([load < 1, load < 5], [0.2, 0.1], 0.05))
        least = kernels.least_servers(load, service_time=1.0, wait=0.0, alpha=promised)
        return cls(load, promised, int(least))

    @property
    def waiting(self) -> float:
        """P(wait) by Erlang C, per cent."""
        return 100 * float(kernels.erlang_c(self.load, self.chargers))

    def sessions(self, error: float) -> int:
        """How many sessions bring the standard error of P(wait) down to so many points, or nearly.

        By how long a full station is remembered, at most about 1 / (sqrt(n) - sqrt(a))^2 mean stays: that of
        one server n times as fast (Morse 1955, Stochastic properties of waiting lines).
        """
        memory = 1 / (np.sqrt(self.chargers) - np.sqrt(self.load)) ** 2
        spread = self.waiting * (100 - self.waiting)
        return max(FEWEST, int(self.load * (WARM_UP + 2 * memory * spread / error**2)))


@dataclass(frozen=True)
class Run:
    """What became of the sessions of one station: per cent that waited, its standard error, mean wait."""

    station: Station
    sessions: int
    waiting: float
    error: float
    mean_wait: float

    @classmethod
    def of(cls, station: Station, stays: Stays, sessions: int, rng: np.random.Generator) -> Run:
        """Simulate Poisson arrivals."""
        arrivals = np.cumsum(rng.exponential(1 / station.load, sessions))
        waits = simulated_waits(arrivals, stays.draw(rng, sessions), station.chargers)
        counted = waits[arrivals > WARM_UP]
        batches = [100 * float(np.mean(batch > 0)) for batch in np.array_split(counted, BATCHES)]
        error = float(np.std(batches, ddof=1) / np.sqrt(BATCHES))
        return cls(station, sessions, 100 * float(np.mean(counted > 0)), error, float(counted.mean()))

    @property
    def difference(self) -> float:
        """Points by which more sessions waited than Erlang C says."""
        return self.waiting - self.station.waiting


def simulated(stays: Stays, error: float) -> list[Run]:
    """Simulate all stations with stays of one shape, from the same random numbers for every shape."""
    runs = []
    for number, load in enumerate(LOADS.tolist()):
        station = Station.sized(load)
        runs.append(Run.of(station, stays, station.sessions(error), np.random.default_rng((6, number))))
    print(f"{stays.name}: {sum(run.sessions for run in runs):,} sessions", flush=True)
    return runs


def exponential_rows(runs: list[Run]) -> list[list[str]]:
    """Write down station by station what Erlang C says and what was simulated."""
    return [
        [
            f"{run.station.load:.2f}", str(run.station.chargers), f"{run.sessions:,}",
            f"{run.station.waiting:.2f}", f"{run.waiting:.2f}", f"{run.error:.2f}", f"{run.difference:+.2f}",
        ]
        for run in runs
    ]  # fmt: skip


def shape_row(stays: Stays, runs: list[Run]) -> list[str]:
    """Write down by how much the stations of one shape differ from Erlang C, and from Allen and Cunneen."""
    differences = np.array([run.difference for run in runs])
    worst = runs[int(np.argmax(np.abs(differences)))]
    load = np.array([run.station.load for run in runs])
    chargers = np.array([run.station.chargers for run in runs])
    waits = np.array([run.mean_wait for run in runs])
    plain = waits / kernels.mean_wait(load, chargers, 1.0)
    corrected = waits / kernels.allen_cunneen(load, chargers, 1.0, 1.0, stays.cv2)
    over = sum(run.waiting > 100 * run.station.promised for run in runs)
    return [
        stays.name, f"{stays.cv2:.2f}", f"{sum(run.sessions for run in runs):,}",
        f"{differences.mean():+.2f}",
        f"{worst.difference:+.2f} (at {worst.station.load:.1f} Erlang)", str(over),
        f"{plain.mean():.2f} ({plain.min():.2f} to {plain.max():.2f})",
        f"{corrected.mean():.2f} ({corrected.min():.2f} to {corrected.max():.2f})",
    ]  # fmt: skip


def day_row(load: float, stay: float, hour: str, sessions: int) -> list[str]:
    """Size a station by the mean or the busiest hour, and simulate days with the hours of Palo Alto.

    The load is that of the whole day, the stay a mean in hours.
    """
    rng = np.random.default_rng(6)
    hours = np.array(PALO_ALTO_HOURS) / np.mean(PALO_ALTO_HOURS)
    sized_by = load * (hours.max() if hour == "busiest" else 1.0)
    chargers = int(kernels.least_servers(sized_by, service_time=stay, wait=0.0, alpha=0.05))
    days = int(sessions * stay / load / 24)
    counts = rng.poisson(np.tile(hours * load / stay, days))
    arrivals = np.sort(np.repeat(np.arange(24 * days), counts) + rng.random(counts.sum()))
    waits = simulated_waits(arrivals, rng.exponential(stay, arrivals.size), chargers)
    counted, at = waits[arrivals >= 24], (arrivals[arrivals >= 24] % 24).astype(int)
    often = [each for each in range(24) if np.mean(at == each) >= 0.01]  # of others nothing can be said
    by_hour = {each: 100 * float(np.mean(counted[at == each] > 0)) for each in often}
    worst = max(by_hour, key=lambda each: by_hour[each])
    return [
        f"{load:g}", f"{stay:g}", f"the {hour} hour", str(chargers), f"{arrivals.size:,}",
        f"{100 * float(kernels.erlang_c(sized_by, chargers)):.1f}",
        f"{100 * float(np.mean(counted > 0)):.1f}",
        f"{by_hour[worst]:.1f} (from {worst}:00)", f"{60 * counted.mean():.1f}",
    ]  # fmt: skip


def main() -> int:
    """Simulate, compare, and write the figures down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--error", type=float, default=0.3, help="standard error of P(wait), points")
    given = parser.parse_args()
    began = time.perf_counter()
    runs = simulated(Stays.exponential(), given.error)
    shapes = [
        Stays.observed("workplace, Asensio et al. 2021", WORKPLACE),
        Stays.observed("public, Palo Alto 2011-2013", PALO_ALTO),
        Stays.log_normal("log-normal, assumed", 2.0),
    ]
    rows = [shape_row(Stays.exponential(), runs)]
    rows += [shape_row(stays, simulated(stays, 1.5 * given.error)) for stays in shapes]
    days = [
        day_row(load, stay, hour, int(15_000 / given.error))
        for load, stay in ((4.0, 0.5), (4.0, 2.8), (12.0, 0.5), (12.0, 2.8))
        for hour in ("mean", "busiest")
    ]
    worst = max(abs(run.difference) for run in runs)
    text = section(given.error, runs, rows, days, time.perf_counter() - began)
    replace_section(HEADING, "\n".join([*conditions("simpy"), *text]))
    print("\n".join([*conditions("simpy"), *text, "", f"written into {REPORT}"]))
    return int(worst > LIMIT)


def section(
    error: float, runs: list[Run], shapes: list[list[str]], days: list[list[str]], seconds: float
) -> list[str]:
    """Put the three tables into words."""
    worst = max(abs(run.difference) for run in runs)
    return [
        f"- Command: `python benchmarks/sizing/simulate.py --error {error:g}`, {seconds:.0f} s",
        "",
        "### the queue as the formula has it: Poisson arrivals, exponential stays",
        "",
        (
            f"{len(runs)} stations, {sum(run.sessions for run in runs):,} sessions. Worst difference "
            f"{worst:.2f} percentage points, asked: at most {LIMIT:g}."
        ),
        "",
        table(
            ["load, Erlang", "chargers", "sessions", "P(wait) by Erlang C, %", "simulated, %",
             "standard error", "difference, points"],
            exponential_rows(runs),
        ),
        "",
        "### stays of other shapes, Poisson arrivals, the same stations",
        "",
        (
            f"Ratios are means over the stations, from the least to the greatest. The standard error of a "
            f"station's P(wait) is about {1.5 * error:.2g} points, but for the exponential stays."
        ),
        "",
        table(
            ["stays", "CV2", "sessions", "P(wait), simulated less Erlang C, points, mean", "worst",
             "stations above the promise", "mean wait, simulated / M/M/n", "simulated / Allen-Cunneen"],
            shapes,
        ),
        "",
        "### arrivals that follow the hours of a day (public, Palo Alto), exponential stays",
        "",
        f"The busiest hour brings {max(PALO_ALTO_HOURS) / np.mean(PALO_ALTO_HOURS):.2f} times the mean.",
        "",
        table(
            ["load of the day, Erlang", "mean stay, hours", "sized for", "chargers", "sessions",
             "P(wait) by Erlang C, %", "simulated, all day, %", "in the worst hour, %", "mean wait, minutes"],
            days,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
