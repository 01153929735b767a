"""Text with units, and figures that never look better than they are."""

from __future__ import annotations

import math

import pytest

from chargeplan.errors import InputError
from chargeplan.units import (
    format_distance,
    format_gap,
    format_length,
    format_share,
    parse_duration,
    parse_length,
)


@pytest.mark.parametrize(
    ("text", "metres"),
    [("1 km", 1000.0), ("800m", 800.0), (" 2.5 km ", 2500.0), ("50 mi", 80467.2), ("1e3 ft", 304.8)],
)  # fmt: skip
def test_lengths_are_read_in_metres(text, metres):
    """A number and a unit, with or without a space."""
    assert parse_length(text) == pytest.approx(metres, rel=1e-15)


@pytest.mark.parametrize(
    "text", ["", "1", "km", "1 parsec", "-1 km", "0 km", "1e999 km", "1 km 2", "nan km", "1,5 km"]
)
def test_what_is_no_length_is_an_input_error(text):
    """No unit, an unknown one, no number, or none that is positive and finite."""
    with pytest.raises(InputError, match="is not a"):
        parse_length(text)


def test_durations_are_read_in_seconds():
    """Minutes, hours and seconds."""
    assert [parse_duration(text) for text in ("10 min", "0.5 h", "90 s")] == [600.0, 1800.0, 90.0]


@pytest.mark.parametrize(
    ("metres", "text"), [(800.0, "800 m"), (999.79, "999.79 m"), (1000.0, "1 km"), (2500.0, "2.5 km")]
)
def test_lengths_are_written_as_given(metres, text):
    """A radius is written as a person would write it."""
    assert format_length(metres) == text


@pytest.mark.parametrize(
    ("metres", "text"),
    [(math.nextafter(1000.0, 0.0), "999.9 m"), (1000.0, "1.00 km"), (49_999.9, "49.99 km"), (0.0, "0.0 m")],
)
def test_a_distance_below_the_radius_does_not_read_as_the_radius(metres, text):
    """Measured distances are cut, never rounded up."""
    assert format_distance(metres) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.999999999, "99.99 %"), (0.9, "90.00 %"), (0.57, "57.00 %"), (0.0, "0.00 %")],
)
def test_only_all_is_a_hundred_percent(share, text):
    """Shares are cut, never rounded up."""
    assert format_share(share) == text


@pytest.mark.parametrize(
    ("gap", "text"), [(0.0, "0.00 %"), (0.03801, "3.81 %"), (0.05, "5.00 %"), (1e-6, "0.01 %")]
)
def test_a_gap_is_never_understated(gap, text):
    """Gaps are rounded away from the optimum."""
    assert format_gap(gap) == text


@pytest.mark.parametrize(
    ("metres", "text"),
    [(1e-9, "1e-09 m"), (0.004, "0.004 m"), (0.01, "0.01 m"), (0.0, "0 m"), (800.0, "800 m")],
)
def test_a_tiny_length_is_not_written_as_none(metres, text):
    """Only 0 reads 0 m."""
    assert format_length(metres) == text
