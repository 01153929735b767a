"""Readers of the OR-Library's files: what they read, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chargeplan.errors import InputError
from chargeplan.instances.orlib import read_p_median, read_set_covering

DATA = Path(__file__).parents[1] / "data"


def written(folder: Path, text: str) -> Path:
    """A file with a text."""
    path = folder / "instance.txt"
    path.write_text(text)
    return path


def test_a_path_of_three_nodes(tmp_path: Path) -> None:
    """Lengths add up along a path; of an edge listed twice, in either direction, the last line counts."""
    distance, stations = read_p_median(written(tmp_path, "4 3 2\n 1 2 9\n 2 3 4\n 2 1 3\n"))
    assert stations == 2
    inf = np.inf
    assert distance.tolist() == [[0, 3, 7, inf], [3, 0, 4, inf], [7, 4, 0, inf], [inf, inf, inf, 0]]


def test_beasleys_first_graph() -> None:
    """A hundred nodes, five stations, symmetric, no node out of reach, no shorter way over a third."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed1.txt")
    assert (distance.shape, stations) == ((100, 100), 5)
    assert (distance == distance.T).all()
    assert np.isfinite(distance).all()
    assert (distance[:, :, None] + distance[None, :, :] >= distance[:, None, :]).all()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "ends before"),
        ("3 2", "ends before"),
        ("3 2 1\n1 2 3\n", "ends before its edges"),
        ("3 1 1\n1 4 3\n", "outside 1 to 3"),
        ("3 1 1\n0 2 3\n", "outside 1 to 3"),
        ("3 1 1\n1 2 -3\n", "negative"),
        ("3 1 1\n1 2 x\n", "whole numbers"),
    ],
)
def test_files_that_are_not_whole_are_refused(tmp_path: Path, text: str, word: str) -> None:
    """Each fault gets an error that names it and the file."""
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=word) as caught:
        read_p_median(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Both readers say which file it is."""
    for read in (read_p_median, read_set_covering):
        with pytest.raises(InputError, match="nowhere"):
            read(tmp_path / "nowhere.txt")
