"""A charging station, simulated session by session: simpy's resource, first come, first served.

It shares nothing with the formulas: neither their arithmetic nor their assumptions about arrivals and stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import simpy

if TYPE_CHECKING:
    from collections.abc import Iterator


def simulated_waits(arrivals: np.ndarray, stays: np.ndarray, chargers: int) -> np.ndarray:
    """Return how long each session waits for a charger; arrivals ascend, from 0 on."""
    environment = simpy.Environment()
    station = simpy.Resource(environment, capacity=chargers)
    waits: list[float] = []  # in the order of arrival, for so are chargers given out

    def session(stay: float) -> Iterator[simpy.Event]:
        came = environment.now
        with station.request() as charger:
            yield charger
            waits.append(environment.now - came)
            yield environment.timeout(stay)

    def sessions() -> Iterator[simpy.Event]:
        for gap, stay in zip(np.diff(arrivals, prepend=0.0).tolist(), stays.tolist(), strict=True):
            yield environment.timeout(gap)
            environment.process(session(stay))

    environment.process(sessions())
    environment.run()
    return np.array(waits)
