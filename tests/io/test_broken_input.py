"""Input that has caused harm elsewhere: one clear error that names the place, or a repair that is counted.

Each case is read by the command line in a process that may take ten seconds and a gigabyte, and no more.
"""

from __future__ import annotations

import os
import re
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
from shapely import LineString, Point, Polygon, box
from small_files import DEMAND, POINTS, SITES, make

from chargeplan.errors import InputError
from chargeplan.problem import Problem

BOUNDS = """
import resource, signal
signal.alarm(60)  # however busy the machine is
signal.setitimer(signal.ITIMER_PROF, 10)  # of work
with open("/proc/self/statm") as file:
    pages = int(file.read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30,) * 2)
"""
ASKED = """\
schema = 1
name = "town"
[[demand]]
name = "people"
file = "FILE"
[[sites]]
name = "places"
file = "sites.csv"
[[standards]]
name = "near"
demand = "people"
radius = "1 km"
[objective]
minimise = "cost"
"""
BOWTIE = Polygon([(113, 28), (113.01, 28.01), (113.01, 28), (113, 28.01)])
LAUGHS = "".join(
    f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' if n else '<!ENTITY lol0 "lol">' for n in range(10)
)
KML = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>{}</name>{}</Document></kml>'
PLACE = "<Placemark><name>{}</name><Point><coordinates>{}</coordinates></Point></Placemark>"

BUILD = ("instances", "build", "-o", "built", "--osm", "town.osm.pbf")

Make = Callable[[Path], object]


def frame(*shapes: object, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=4326)


def text(content: str, encoding: str = "utf-8") -> Make:
    return lambda path: path.write_text(content, encoding=encoding)


def layer(*shapes: object, **columns: object) -> Make:
    return lambda path: frame(*shapes, **columns).to_file(path)


def table(*rows: str) -> Make:
    return text("id,lon,lat,weight\n" + "".join(f"{row}\n" for row in rows))


def half(make_whole: Make) -> Make:
    def cut(path: Path) -> None:
        make_whole(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return cut


def many(path: Path) -> None:
    frame(*(Point(113 + at / 1e3, 28) for at in range(300))).to_file(path)


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("demand.geojson", b" " * 50_000_000)


def feature(coordinates: str) -> Make:
    row = f'{{"type":"Feature","properties":{{}},"geometry":{{"type":"Point","coordinates":{coordinates}}}}}'
    return text(f'{{"type":"FeatureCollection","features":[{row}]}}')


def computed(path: Path) -> None:
    """A layer that is a query, which never ends."""
    POINTS.to_file(path, layer="points")
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, geom FROM points, n"
    )
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE VIEW endless AS {endless}")
        database.execute("UPDATE gpkg_contents SET table_name = 'endless'")
        database.execute("DROP TABLE gpkg_ogr_contents")
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("UPDATE gpkg_geometry_columns SET table_name = 'endless'")
    scenario = path.with_name("scenario.toml")
    asked = scenario.read_text(encoding="utf-8").replace('"demand.gpkg"', '"demand.gpkg"\nlayer = "endless"')
    scenario.write_text(asked, encoding="utf-8")


def repeated(path: Path) -> None:
    """One place, ten million times, in a few kilobytes."""
    import pyarrow as pa
    from pyarrow import parquet

    frame(Point(113, 28)).to_parquet(path)
    schema = parquet.read_schema(path)
    part = pa.table({"geometry": [Point(113, 28).wkb] * 100_000}, schema=schema)
    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        for _ in range(100):
            file.write_table(part)


def long_list(path: Path) -> None:
    """A row with a list of three million zeros."""
    import pyarrow as pa
    from pyarrow import parquet

    POINTS.to_parquet(path)
    table = parquet.read_table(path)
    zeros = [[0] * 3_000_000, *[None] * (len(table) - 1)]
    column = pa.array(zeros, type=pa.list_(pa.int8()))
    parquet.write_table(table.append_column("zeros", column), path)


def shapefile(code_page: str | None) -> Make:
    def make_parts(path: Path) -> None:
        POINTS.to_file(path, encoding="GBK")
        path.with_suffix(".cpg").unlink()
        if code_page is not None:
            path.with_suffix(".cpg").write_text(code_page)

    return make_parts


def without(suffix: str, instead: Make | None = None) -> Make:
    def make_parts(path: Path) -> None:
        POINTS.to_file(path)
        path.with_suffix(suffix).unlink()
        if instead is not None:
            instead(path.with_suffix(suffix))

    return make_parts


def loop(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


def link_out(path: Path) -> None:
    outside = path.parent.parent / "outside.csv"
    outside.write_text(DEMAND, encoding="utf-8")
    path.symlink_to(outside)


# The file, how it is made, and what is said of it.
REFUSED: list[tuple[str, Make, str]] = [
    # cut off
    ("demand.gpkg", half(many), "demand.gpkg, layer people: cannot be read: it is cut off"),
    ("demand.fgb", half(many), "demand.fgb, layer people: cannot be read"),
    ("demand.shp", half(many), "demand.shp, layer people: cannot be read: its length"),
    ("demand.geojson", half(many), "demand.geojson, layer people: cannot be read: is no JSON"),
    ("demand.parquet", half(POINTS.to_parquet), "demand.parquet, layer people: cannot be read"),
    ("demand.kml", half(text(KML.format("a", PLACE.format("b", "113,28")))), "cannot be read: is no XML"),
    ("demand.shp", without(".dbf"), "its part demand.dbf is missing"),
    ("demand.shp", without(".dbf", text("x")), "demand.dbf is shorter than its header says"),
    # what unpacks to more than there is, and what is run or fetched
    ("demand.zip", bomb, "format that is not read"),
    ("demand.shp.zip", bomb, "format that is not read"),
    ("demand.kmz", bomb, "format that is not read"),
    ("demand.gpkg.zip", bomb, "format that is not read"),
    ("demand.gpkg", bomb, "is not what its suffix .gpkg says"),
    ("demand.kml", bomb, "is not what its suffix .kml says"),
    ("demand.parquet", repeated, "too little for so many"),
    ("demand.parquet", long_list, "too little for so many"),
    ("demand.gpkg", computed, "layer 'endless' is computed by SQL in the file"),
    ("demand.kml", text(f"<!DOCTYPE kml [{LAUGHS}]>{KML.format('&lol9;', '')}"), "a document type"),
    (
        "demand.kml",
        text(f'<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>{KML.format("&x;", "")}'),
        "declares a document type",
    ),
    (
        "demand.kml",
        text(f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE kml [{LAUGHS}]><kml/>', "utf-16"),
        "is not what its suffix .kml says",
    ),
    ("demand.kml", text("<kml>" + "<Folder>" * 100_000), "is nested more than 200 elements deep"),
    ("demand.gml", text(f"<!DOCTYPE gml [{LAUGHS}]><gml>&lol9;</gml>"), "format that is not read"),
    ("demand.geojson", text('{"a": ' + "[" * 1_000_000), "cannot be read"),
    # geometry
    ("demand.geojson", layer(Point(113, 28), LineString([(113, 28), (114, 28)])), "row 2.*: is a linestring"),
    ("demand.gpkg", layer(None, Point(113, 28)), "row 1, column geometry: has no geometry"),
    ("demand.csv", text("id,lon,lat,weight\n"), "demand.csv, layer people: is empty"),
    ("demand.gpkg", POINTS.iloc[:0].to_file, "demand.gpkg, layer people: is empty"),
    ("demand.csv", table("a,inf,28,1"), "row 1, column geometry: the position is missing or not a number"),
    ("demand.csv", table("a,113,28,1", "b,NaN,28,1"), "row 2, column geometry: the position is missing"),
    ("demand.csv", text("id,wkt\na,POINT (1e999 28)\n"), "row 1, column geometry: "),
    ("demand.csv", text("id,wkt\na,POINT (1e308 28)\n"), "row 1, column geometry: .* out of range"),
    ("demand.geojson", feature("[NaN, 28]"), "demand.geojson"),
    ("demand.geojson", feature("[1e999, 28]"), "demand.geojson"),
    ("demand.csv", table("a,28,113,1", "b,28.1,113,1"), "longitude and latitude look swapped in 2 of 2 rows"),
    ("demand.csv", table("a,8,47,1"), "lies near"),  # beside sites at 47, 8
    # values
    ("demand.csv", table("a,113,28,NaN"), "row 1, column weight: 'NaN' is not a number"),
    ("demand.csv", table("a,113,28,"), "row 1, column weight: the weight is missing"),
    ("demand.csv", table("a,113,28,inf"), "row 1, column weight: the weight is infinite"),
    ("demand.csv", table("a,113,28,-1"), "row 1, column weight: -1 is negative"),
    ("demand.csv", table("a,113,28,1e300"), "column weight: the numbers are too large to add up"),
    ("demand.csv", table("a,113,28,1e308", "b,113,28,1e308"), "column weight: .* too large to add up"),
    ("demand.csv", table("a,113,28,=1+1"), "row 1, column weight: '=1.1' is not a number"),
    ("demand.csv", table("a,113,28,1", "a,113,28.1,1"), "row 2, column id: the id 'a' is given more"),
    ("demand.csv", table(",113,28,1", "a,113,28.1,1"), "row 1, column id: the id is missing"),
    # text
    ("demand.csv", text("id,lon,lat\nMálaga,113,28\n", "latin-1"), r"is not UTF-8 text \(line 2\)"),
    ("demand.csv", text("id,lon,lat\n长沙,113,28\n", "gbk"), r"is not UTF-8 text \(line 2\)"),
    ("demand.csv", text("id,lon,lat\n长沙,113,28\n", "utf-16"), r"is not UTF-8 text \(line 1\)"),
    ("demand.shp", shapefile("UTF-8"), "demand.shp, layer people: cannot be read: 'utf-8' codec"),
    ("demand.shp", shapefile("KLINGON"), "demand.cpg names no encoding that is known: 'KLINGON'"),
    # paths
    ("../outside.csv", text(DEMAND), "outside.csv.*: lies outside the scenario's folder"),
    ("demand.csv", link_out, "demand.csv.*: lies outside the scenario's folder"),
    ("demand.csv", loop, "demand.csv.*: cannot be read: is a link in a circle"),
    ("demand.csv", Path.mkdir, "is not a file"),
    ("demand.csv", os.mkfifo, "is not a file"),
    ("demand.geojson", os.mkfifo, "is not a file"),
    ("demand.shp", without(".dbf", os.mkfifo), "its part demand.dbf is not a file"),
    ("demand.shp", without(".cpg", os.mkfifo), "its part demand.cpg is not a file"),
    ("a\\u0000.csv", lambda _: None, "cannot be a file"),
    ("/dev/zero", lambda _: None, "lies outside the scenario's folder"),
]  # fmt: skip
READ: list[tuple[str, Make, str]] = [
    (
        "demand.geojson",
        layer(BOWTIE, Point(113, 28)),
        "cross or touch themselves: 1 of 2 polygons",
    ),
    ("demand.gpkg", layer(Point(113, 28), box(113, 28, 113.01, 28.01)), "near .* 2 "),
    ("demand.csv", table("a,113,28,-0", "b,113,28.001,0"), "near .* 2 +0"),
    ("demand.shp", shapefile(None), "does not say how its text is encoded"),
    ("demand.shp", shapefile("GBK"), "near .* 3 "),
    (
        "demand.kml",
        text(KML.format("a", PLACE.format("<![CDATA[<!DOCTYPE html>]]>", "113,28"))),
        "near .* 1 ",
    ),
    ("demand.csv", table("<script>alert(1)</script>,113,28,1"), "near .* 1 "),
]


@pytest.fixture
def told(chargeplan, tmp_path):
    """Run a command within bounds: its exit code, and all that it said, its lines joined."""

    def tell(*arguments: str) -> tuple[int, str]:
        done = chargeplan(*arguments, cwd=tmp_path / "town", before=BOUNDS)
        said = " ".join(f"{done.stderr} {done.stdout}".split())
        assert "Traceback" not in said
        assert "Error: unexpected" not in said
        return done.returncode, said

    (tmp_path / "town").mkdir()
    (tmp_path / "town" / "sites.csv").write_text(SITES, encoding="utf-8")
    return tell


def write(folder: Path, file: str, make_file: Make) -> None:
    (folder / "scenario.toml").write_text(ASKED.replace("FILE", file), encoding="utf-8")
    make_file(folder / file.replace("\\u0000", ""))


def identify(case: object) -> str | None:
    return " ".join(case) if isinstance(case, tuple) else case if isinstance(case, str) else None


@pytest.mark.parametrize(("file", "make_file", "message"), REFUSED, ids=identify)
def test_refused(tmp_path, told, file, make_file, message) -> None:
    """The error names the file and what is wrong with it, and where a row or line is wrong, which."""
    if "lies near" in message:
        (tmp_path / "town" / "sites.csv").write_text("id,lon,lat\np,47,8\n", encoding="utf-8")
    write(tmp_path / "town", file, make_file)
    code, said = told("audit", ".", "sites.csv")
    assert code == 2
    assert said.startswith("Error: ")
    assert Path(file.replace("\\u0000", "")).stem in said
    assert re.search(message, said), said


@pytest.mark.parametrize(("file", "make_file", "message"), READ, ids=identify)
def test_read(tmp_path, told, file, make_file, message) -> None:
    """What can be read for certain is read, and what was made of it is counted."""
    write(tmp_path / "town", file, make_file)
    code, said = told("check", ".")
    assert code == 0, said
    assert re.search(message, said), said


def test_an_extract_cut_off(tmp_path, told) -> None:
    """An extract of which the end is missing is refused, and so is one of nothing but its header."""
    path, *_ = make("OpenStreetMap", tmp_path / "town")
    whole = path.read_bytes()
    for length in (len(whole) * 3 // 4, len(whole) // 2, 40, 0):
        path.write_bytes(whole[:length])
        code, said = told("instances", "build", "--osm", path.name, "-o", "built")
        assert code == 2
        assert re.search(
            r"town\.osm\.pbf: (cannot be read, it is damaged or cut off|is no OpenStreetMap)", said
        )


def test_an_extract_of_other_text(tmp_path, told) -> None:
    """Tags that are not UTF-8 are damage."""
    path, *_ = make("OpenStreetMap", tmp_path / "town")
    path.write_bytes(path.read_bytes().replace(b"house", b"h\xffuse"))
    code, said = told("instances", "build", "--osm", path.name, "-o", "built")
    assert code == 2
    assert "town.osm.pbf: cannot be read, it is damaged or cut off: 'utf-8' codec" in said


@pytest.mark.parametrize("make_file", [os.mkfifo, Path.mkdir, loop], ids=["pipe", "folder", "loop"])
@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ("given.toml", ("check", "given.toml")),
        ("given/scenario.toml", ("check", "given")),
        ("given.csv", ("audit", ".", "given.csv")),
        ("given/plan.json", ("audit", ".", "given")),
        ("given.csv", ("solve", "--demand", "given.csv", "--sites", "sites.csv", "--radius", "1 km")),
        ("given.osm.pbf", ("instances", "build", "-o", "built", "--osm", "given.osm.pbf")),
        ("given.tif", (*BUILD, "--population", "given.tif")),
        ("given.geojson", (*BUILD, "--area", "given.geojson")),
        ("given.json", (*BUILD, "--existing", "given.json")),
        ("given.csv", (*BUILD, "--existing", "given.csv")),
    ],
    ids=identify,
)
def test_what_is_no_file(tmp_path, told, make_file, given, arguments) -> None:
    """A pipe, a folder, a link in a circle given for a file: nothing waits for it, and the error names it."""
    town = tmp_path / "town"
    write(town, "demand.csv", text(DEMAND))
    make("OpenStreetMap", town)
    (town / given).parent.mkdir(exist_ok=True)
    make_file(town / given)
    code, said = told(*arguments)
    assert code == 2
    assert "given" in said


@pytest.mark.parametrize("make_file", [os.mkfifo, Path.mkdir, loop], ids=["pipe", "folder", "loop"])
def test_a_scenario_that_is_no_file(tmp_path, make_file) -> None:
    """Nothing waits for a pipe in the library either."""
    make_file(tmp_path / "scenario.toml")
    with pytest.raises(InputError, match=r"scenario\.toml: (is not a file|cannot be read)"):
        Problem.read(tmp_path)
