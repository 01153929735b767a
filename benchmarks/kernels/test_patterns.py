"""Demand points merged by the sites that cover them: the CFL instances, 20 million points and 100 million."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from chargeplan.instances.generators import cfl
from chargeplan.kernels import cover_patterns, coverage, merge_equal_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from chargeplan.kernels import Patterns

RADIUS, SITES = 5.5, 100
POINTS = {"small": 100_000, "full": 20_000_000}
STREAMED = {"small": 300_000, "full": 100_000_000}
STEPS = {"small": (10_000, 100_000), "full": (10_000, 100_000, 1_000_000, 10_000_000)}
PEER_STEPS = {"small": (10_000, 100_000), "full": (10_000, 100_000, 1_000_000)}
SLICE = 10_000  # points that NumPy handles at a time, so that they stay in the processor's cache
BITS = ["first", "second"]

Weights = dict[tuple[int, int], float]


def packed(positions: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """Return the sites within the radius as two words of bits per point, by NumPy, without copies."""
    parts = []
    for start in range(0, len(positions), SLICE):
        x, y = positions[start : start + SLICE].T.copy()
        p, q, within = np.empty_like(x), np.empty_like(y), np.zeros((128, x.size), np.bool_)
        for j, (a, b) in enumerate(sites):
            np.subtract(x, a, out=p)
            np.subtract(y, b, out=q)
            np.multiply(p, p, out=p)
            np.multiply(q, q, out=q)
            np.add(p, q, out=p)
            np.less_equal(p, RADIUS**2, out=within[j])
        parts.append(np.packbits(within, axis=0, bitorder="little").T.copy().view(np.uint64))
    return np.concatenate(parts)


def by_pandas(chunks: list, sites: np.ndarray) -> pd.Series:
    """Merge by a hashed groupby, chunk by chunk."""
    parts = []
    for positions, weight in chunks:
        table = pd.DataFrame(packed(positions, sites), columns=BITS)
        parts.append(table.assign(weight=weight).groupby(BITS, sort=False)["weight"].sum())
    return pd.concat(parts).groupby(level=BITS, sort=False).sum()


def by_unique(words: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge by sorting the bits."""
    rows, group = np.unique(np.ascontiguousarray(words).view("V16").ravel(), return_inverse=True)
    return rows.view(np.uint64).reshape(-1, 2), np.bincount(group, weight)


def by_unique_in_chunks(chunks: list, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge each chunk by sorting, then what is left of all."""
    parts = [by_unique(packed(positions, sites), weight) for positions, weight in chunks]
    return by_unique(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))


def weights_of(found: Patterns) -> Weights:
    """Return the weight of each set of sites, as bits."""
    dense = np.zeros((found.points.size, 128), np.uint8)
    dense[:, :SITES] = found.coverage.toarray()
    words = np.packbits(dense, axis=1, bitorder="little").view(np.uint64)
    return {(int(a), int(b)): w for (a, b), w in zip(words, found.weight.tolist(), strict=True)}


def weights_of_pandas(table: pd.Series) -> Weights:
    return {(int(a), int(b)): float(w) for (a, b), w in table.items()}


def weights_of_unique(found: tuple[np.ndarray, np.ndarray]) -> Weights:
    return {(int(a), int(b)): w for (a, b), w in zip(found[0], found[1].tolist(), strict=True)}


PEERS = {
    "chargeplan": (
        lambda chunks, sites: cover_patterns(chunks, sites, RADIUS, metric="euclidean"),
        weights_of,
    ),
    "NumPy bits, pandas groupby": (by_pandas, weights_of_pandas),
    "NumPy bits, numpy.unique": (by_unique_in_chunks, weights_of_unique),
}


@pytest.fixture(scope="module")
def points(size: str) -> tuple[list, np.ndarray, Weights]:
    """Draw points in chunks and sites, and merge them by other hands."""
    instance = cfl(POINTS[size], SITES)
    chunks = list(instance.chunks())
    return chunks, instance.sites, weights_of_pandas(by_pandas(chunks, instance.sites))


@pytest.mark.parametrize("who", list(PEERS))
def test_merge(measure: Callable, points: tuple, size: str, who: str) -> None:
    if size == "full" and "unique" in who:
        pytest.skip("sorts 20 million rows; the growth curve shows how long that would take")
    chunks, sites, expected = points
    function, weights = PEERS[who]

    def same(found: Any) -> None:
        assert weights(found) == expected

    measure(
        who,
        lambda: function(chunks, sites),
        rounds=3 if who == "chargeplan" or size == "small" else 1,
        answer=same,
        group=f"patterns: {POINTS[size]:,} points x {SITES} sites, R {RADIUS}, {len(expected):,} patterns",
        asked="under 5 s and 1.5 GB" if who == "chargeplan" and size == "full" else None,
    )


def words_of_rows(within: Any) -> np.ndarray:
    """Pack the rows of a relation into bits, by NumPy."""
    words = np.zeros((within.shape[0], 2), np.uint64)
    row = np.repeat(np.arange(within.shape[0]), np.diff(within.indptr))
    bit = np.uint64(1) << (within.indices % 64).astype(np.uint64)
    for half in (0, 1):
        mine = within.indices // 64 == half
        starts = np.flatnonzero(np.diff(row[mine], prepend=-1))
        if starts.size:
            words[row[mine][starts], half] = np.bitwise_or.reduceat(bit[mine], starts)
    return words


ROWS = {
    "chargeplan": lambda within: merge_equal_rows(within)[1],
    "packed bits, pandas groupby.ngroup": lambda within: (
        pd.DataFrame(words_of_rows(within), columns=BITS).groupby(BITS, sort=False).ngroup().to_numpy()
    ),
    "packed bits, numpy.unique": lambda within: np.unique(
        words_of_rows(within).view("V16").ravel(), return_inverse=True
    )[1],
}


@pytest.mark.parametrize("who", list(ROWS))
def test_equal_rows(measure: Callable, size: str, who: str) -> None:
    points = {"small": 50_000, "full": 1_000_000}[size]
    instance = cfl(points, SITES)
    positions, _ = next(instance.chunks(points))
    within = coverage(positions, instance.sites, RADIUS, metric="euclidean")
    expected = merge_equal_rows(within)[1]

    def same(group: np.ndarray) -> None:
        pairs = np.unique(np.column_stack((expected, group)), axis=0)
        assert len(pairs) == len(np.unique(expected)) == len(np.unique(group))

    measure(
        who,
        lambda: ROWS[who](within),
        answer=same,
        group=f"equal rows of a coverage, {points:,} x {SITES}, {within.nnz:,} pairs",
    )


def curve_rows() -> list[tuple[str, int]]:
    return [(who, step) for who in PEERS for step in range(len(STEPS["full"]))]


@pytest.mark.parametrize(("who", "step"), curve_rows())
def test_growth(measure: Callable, size: str, who: str, step: int) -> None:
    steps = (STEPS if who == "chargeplan" else PEER_STEPS)[size]
    if step >= len(steps):
        pytest.skip("beyond the sizes of this row")
    instance = cfl(steps[step], SITES)
    chunks = list(instance.chunks())
    total = float(sum(int(weight.sum()) for _, weight in chunks))
    function, weights = PEERS[who]

    def whole(found: Any) -> None:
        assert sum(weights(found).values()) == total

    measure(
        who,
        lambda: function(chunks, instance.sites),
        answer=whole,
        curve=(f"patterns of points x {SITES} sites", steps[step]),
    )


def in_a_child(*arguments: object) -> dict[str, Any]:
    """Run the program beside this one and return the figures that it prints."""
    command = [sys.executable, str(Path(__file__).with_name("streamed_patterns.py")), *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200)
    return dict(json.loads(done.stdout))


def test_streamed(tmp_path: Path, size: str, record: Callable[..., None]) -> None:
    """The most that a process of its own ever held, generating or reading while it merges."""
    group = "patterns: points that stream by, a process of its own"
    drawn = in_a_child("draw", POINTS[size])
    record(group, f"{POINTS[size]:,} points as they are generated", drawn | {"asked": "< 1.5 GB"})
    count, file = STREAMED[size], tmp_path / "points.parquet"
    in_a_child("write", count, file)
    read = in_a_child("read", count, file)
    record(group, f"{count:,} points from a Parquet file", read | {"asked": "< 2 GB resident"})
    file.unlink()
    assert read["points"] == f"{count:,}"
