"""The two tables of points that everything is computed from: demand points and sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    import numpy.typing as npt


class Columns:
    """Columns of equal length, kept as read-only views."""

    ids: npt.NDArray[np.object_]

    def __post_init__(self) -> None:
        for name, column in vars(self).items():
            if column is not None:
                view = column.view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[Any]) -> Self:
        """Select rows by a mask or by indices."""
        columns = {name: None if column is None else column[rows] for name, column in vars(self).items()}
        return type(self)(**columns)


@dataclass(frozen=True, eq=False)
class Points(Columns):
    """Demand points.

    Parameters
    ----------
    ids
        (N,) str.
    positions
        (N, 2) longitude, latitude in degrees, WGS-84, rounded to 7 decimals.
    weight
        (N,), at least 0; for points of a corridor the km of road that each stands for.
    district
        (N,) str, or None where the layer has no districts.
    """

    ids: npt.NDArray[np.object_]
    positions: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    district: npt.NDArray[np.object_] | None = None


class Standing(NamedTuple):
    """Chargers that stand at a site: of a type by name, or of so many kW where only that is known."""

    type: str | None
    kw: float | None
    number: int


@dataclass(frozen=True, eq=False)
class Sites(Columns):
    """Places where stations may stand, or stand.

    Parameters
    ----------
    ids
        (M,) str.
    positions
        (M, 2) longitude, latitude in degrees, WGS-84, rounded to 7 decimals.
    status
        (M,) of ``"candidate"``, ``"existing"``, ``"required"``, ``"forbidden"``.
    kind
        (M,) str.
    cost
        (M,), at least 0.
    room
        (M,) chargers that fit; inf where it is not stated.
    district
        (M,) str; "" where it is not stated.
    substation
        (M,) str, the id of the substation that a site draws on; "" for the nearest.
    keep, close
        (M,) what it costs to keep an existing station, and to give it up; `close` is inf where it stays.
    standing
        (M,) tuples of `Standing`: the chargers that are there already.
    """

    ids: npt.NDArray[np.object_]
    positions: npt.NDArray[np.float64]
    status: npt.NDArray[np.object_]
    kind: npt.NDArray[np.object_]
    cost: npt.NDArray[np.float64]
    room: npt.NDArray[np.float64]
    district: npt.NDArray[np.object_]
    substation: npt.NDArray[np.object_]
    keep: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    standing: npt.NDArray[np.object_]
