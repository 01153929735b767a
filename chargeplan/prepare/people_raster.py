"""People of a raster: how many live in each of its cells (GeoTIFF, such as WorldPop's people per pixel)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError, ProjError

from chargeplan.errors import InputError
from chargeplan.io.files import fault
from chargeplan.prepare.features import DECIMALS, POLYGONS, WGS84, load
from chargeplan.scenario.tables import Layer
from chargeplan.units import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_FIRST_BYTES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TILE = 2048  # cells along a side of what is read at once
_MOST_CELLS = 5_000_000_000  # in all: a whole country of 100 m cells, 7,000 km square
_MOST_TAKEN = 20_000_000  # cells with people, each a demand point
_MOST_AT_ONCE = 2**28  # cells that the file has packed together
_GEOD = pyproj.Geod(ellps="WGS84")
# Nothing beside the file is read, and no other driver may take it for its own.
_ALONE = {"GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}


def read_people_raster(
    path: str | PathLike[str],
    *,
    area: gpd.GeoDataFrame | None = None,
    gather: int = 1,
    band: int = 1,
    whole: bool = False,
) -> gpd.GeoDataFrame:
    """Read the cells of a raster that people live in.

    Parameters
    ----------
    path
        A GeoTIFF that counts people per cell, not per km2.
    area
        Polygons, in any CRS; only cells whose middle lies in them are taken.
    gather
        So many cells along a side are gathered into one.
    band
        Which of its bands, from 1.
    whole
        Read all of it, also far from `area`, so that everybody outside is counted.

    Returns
    -------
    GeoDataFrame
        `id` (row and column of the gathered cells), `people`, and a point, WGS-84: the middle of the cell, of
        gathered ones the middle of their people. No person is lost in gathering. The remarks say how many
        were taken, and how many live outside `area`, where part of a tile that was read; ``attrs`` holds
        `outside`, these people, `unknown`, the cells read in which nobody is counted (nodata), and `km2`, the
        size of a cell.

    Raises
    ------
    InputError
        rasterio is not installed, the file is no GeoTIFF or is damaged, has no CRS or no such band, counts
        less than nobody, or has too many cells with people.
    """
    path = Path(path)
    if gather < 1:
        raise InputError(f"gather = {gather} must be at least 1")
    check_raster(path)
    import rasterio  # noqa: PLC0415 - an extra
    from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415

    shape = None if area is None else _outline(area)
    try:
        with warnings.catch_warnings(), rasterio.Env(**_ALONE):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # it is an error, below
            with rasterio.open(path, driver="GTiff") as raster:
                cells = _read(_Raster.of(raster, path, band), shape, gather, whole=whole)
        return cells.table(path)
    except (RasterioError, CRSError, ProjError, UnicodeDecodeError) as error:
        raise fault(path, f"cannot be read: {error}") from None


def _outline(area: gpd.GeoDataFrame) -> shapely.Geometry:
    """Unite the polygons of an area, in WGS-84."""
    features = load(Layer(file="area"), "area", lambda _: area, POLYGONS)
    if features.faults.found:
        raise InputError(features.faults.found)
    return shapely.union_all(np.asarray(features.frame.geometry.array))


def is_raster(path: str | PathLike[str]) -> bool:
    """Say whether a file begins as a GeoTIFF does, or is called like one."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise IsADirectoryError  # a pipe would be waited for
        with path.open("rb") as file:
            return file.read(4) in _FIRST_BYTES
    except OSError:
        return path.suffix.lower() in {".tif", ".tiff"}


def check_raster(path: Path) -> None:
    """Check that a file is a GeoTIFF, and that it can be read here.

    Raises
    ------
    InputError
        rasterio is not installed, or the file is no GeoTIFF.
    """
    if find_spec("rasterio") is None:
        raise fault(path, "rasters of people are read by rasterio: pip install 'chargeplan[raster]'")
    try:
        if not path.is_file():
            raise fault(path, "is not a file" if path.exists() else "there is no such file")
        with path.open("rb") as file:
            first = file.read(4)
    except OSError as error:
        raise fault(path, f"cannot be read: {error.strerror}") from None
    if first not in _FIRST_BYTES:
        raise fault(path, "is not a GeoTIFF")


@dataclass(frozen=True, eq=False)
class _Raster:
    """An open raster: its file, band, size, and the transformation of its cells to degrees."""

    source: Any
    band: int
    crs: pyproj.CRS
    path: Path

    @classmethod
    def of(cls, source: Any, path: Path, band: int) -> _Raster:
        if source.crs is None:
            raise fault(path, "has no CRS")
        if source.transform.is_identity:
            raise fault(path, "says not where its cells are (it has no geotransform)")
        if not 1 <= band <= source.count:
            raise fault(path, f"has no band {band}; it has {source.count}")
        height, width = source.block_shapes[band - 1]
        if height * width > _MOST_AT_ONCE:
            raise fault(path, f"has {height:,} x {width:,} cells packed together: save it in tiles")
        return cls(source, band, pyproj.CRS.from_wkt(source.crs.to_wkt()), path)

    def tiles(self, gather: int, bounds: Floats | None) -> Iterator[tuple[int, int, Floats]]:
        """Read it tile by tile: the first row and column, and the people, NaN where nobody is counted."""
        from rasterio.windows import Window  # noqa: PLC0415

        side = max(_TILE // gather, 1) * gather
        scale, offset = self.source.scales[self.band - 1], self.source.offsets[self.band - 1]
        rows, columns = self._within(bounds)
        if len(rows) * len(columns) > _MOST_CELLS:
            raise fault(
                self.path, f"has {len(rows):,} x {len(columns):,} cells to read: read less with an area"
            )
        for row in range(rows.start // side * side, rows.stop, side):
            for column in range(columns.start // side * side, columns.stop, side):
                size = min(side, self.source.width - column), min(side, self.source.height - row)
                read = self.source.read(self.band, window=Window(column, row, *size), masked=True)
                with np.errstate(invalid="ignore"):  # of damaged numbers, which become NaN
                    people = np.ma.filled(read.astype(np.float64), np.nan)
                yield row, column, people * scale + offset

    def _within(self, bounds: Floats | None) -> tuple[range, range]:
        """Find the rows and columns of a rectangle in the raster's CRS."""
        if bounds is None:
            return range(self.source.height), range(self.source.width)
        x, y = bounds[[0, 0, 2, 2]], bounds[[1, 3, 1, 3]]
        column, row = _moved(~self.source.transform, x, y)
        return _clipped(row, self.source.height), _clipped(column, self.source.width)

    def reaches(
        self, top: int, left: int, shape: tuple[int, ...], bounds: tuple[float, float, float, float]
    ) -> bool:
        """Say whether a tile may reach into a rectangle in the raster's CRS."""
        row, column = top + np.array([0, 0, shape[0], shape[0]]), left + np.array([0, shape[1], 0, shape[1]])
        low, high = (edge(self.places(row, column), axis=0) for edge in (np.min, np.max))
        return bool((low <= bounds[2:]).all() and (high >= bounds[:2]).all())

    def places(self, row: npt.NDArray[Any], column: npt.NDArray[Any]) -> Floats:
        """(N, 2) positions in the raster's CRS of places counted in cells."""
        return np.column_stack(_moved(self.source.transform, column, row))


def _moved(affine: Any, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Apply an affine transformation."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def _clipped(places: Floats, count: int) -> range:
    low, high = np.clip([np.floor(places.min()), np.ceil(places.max())], 0, count)
    return range(int(low), int(high))


@dataclass
class _Cells:
    """What is read: cells with people, and what is not taken."""

    crs: pyproj.CRS
    steps: Floats  # (2, 2) from a cell to the next of its row and of its column, in the CRS
    block: list[Ints] = field(default_factory=list)
    people: list[npt.NDArray[Any]] = field(default_factory=list)
    place: list[Floats] = field(default_factory=list)
    outside: float = 0.0
    unknown: int = 0
    negative: int = 0
    least: float = 0.0

    def table(self, path: Path) -> gpd.GeoDataFrame:
        """Make the table; say who is in it."""
        if self.negative:
            raise fault(path, f"{self.negative} cells have less than nobody, such as {self.least:g}")
        people = np.concatenate(self.people) if self.people else np.empty(0)
        if len(people) == 0:
            raise fault(path, "nobody lives there")
        place = np.concatenate(self.place)
        to_degrees = pyproj.Transformer.from_crs(self.crs, WGS84, always_xy=True)
        degrees = to_degrees.transform(*place.T)
        if not (np.abs(degrees) <= [[180.0], [90.0]]).all():
            raise fault(path, "has cells outside -180 to 180 degrees east and -90 to 90 degrees north")
        ids = [f"{row}:{column}" for row, column in np.concatenate(self.block).tolist()]
        points = gpd.points_from_xy(*np.round(degrees, DECIMALS))
        table = gpd.GeoDataFrame({"id": ids, "people": people}, geometry=points, crs=WGS84)
        outside = f", {self.outside:,.0f} near it are outside the area" if self.outside else ""
        table.attrs["remarks"] = (
            f"{path.name}: {people.sum():,.0f} people in {format_count(len(table), 'cell')}{outside}",
        )
        table.attrs["outside"], table.attrs["unknown"] = self.outside, self.unknown
        table.attrs["km2"] = self._size(place[0], to_degrees)
        return table

    def _size(self, place: Floats, to_degrees: pyproj.Transformer) -> float:
        """Measure the cell around a place, in km2."""
        right, down = self.steps / 2.0
        ring = np.array(
            [place - right - down, place + right - down, place + right + down, place - right + down]
        )
        area, _ = _GEOD.polygon_area_perimeter(*to_degrees.transform(*ring.T))
        return abs(area) / 1e6


def _read(raster: _Raster, outline: shapely.Geometry | None, gather: int, *, whole: bool) -> _Cells:
    shape = None if outline is None else gpd.GeoSeries([outline], crs=WGS84).to_crs(raster.crs).iloc[0]
    bounds = None if shape is None or whole else np.array(shape.bounds)
    if shape is not None:
        shapely.prepare(shape)
    affine = raster.source.transform
    cells = _Cells(raster.crs, gather * np.array([[affine.a, affine.d], [affine.b, affine.e]]))
    for top, left, people in raster.tiles(gather, bounds):
        cells.negative += int((people < 0).sum())
        cells.unknown += int(np.isnan(people).sum())
        cells.least = min(cells.least, float(np.nanmin(people, initial=0.0)))
        if shape is not None and not raster.reaches(top, left, people.shape, shape.bounds):
            cells.outside += float(np.nansum(people))
            continue
        row, column = np.nonzero(people > 0)
        count = people[row, column]
        row, column = row + top, column + left
        if shape is not None:
            inside = shapely.contains_xy(shape, raster.places(row + 0.5, column + 0.5))
            cells.outside += float(count[~inside].sum())
            row, column, count = row[inside], column[inside], count[inside]
        _add(cells, raster, (row, column, count), gather)
        if sum(map(len, cells.people)) > _MOST_TAKEN:
            fewer = "gather more of them into one, or read less with an area"
            raise fault(raster.path, f"has more than {_MOST_TAKEN:,} cells with people: {fewer}")
    return cells


def _add(cells: _Cells, raster: _Raster, found: tuple[Ints, Ints, Floats], gather: int) -> None:
    """Gather a tile's cells; tiles hold whole gathered ones."""
    row, column, count = found
    if len(count) == 0:
        return
    block, owner = np.unique(np.column_stack([row, column]) // gather, axis=0, return_inverse=True)
    owner = owner.reshape(-1)
    people = np.bincount(owner, count)
    middle = [np.bincount(owner, count * (each + 0.5)) / people for each in (row, column)]
    cells.block.append(block)
    cells.people.append(people)
    cells.place.append(raster.places(*middle))
