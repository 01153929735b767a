"""Views of a GeoPackage: SQL of the file's that is read as a layer, or refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import geopandas as gpd
import pytest
from shapely import Point

from chargeplan.errors import InputError
from chargeplan.io.layers import read_layer

CROSSED = "places a, places b, places c, places d, places e, places f"
CONTENTS = "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (?, ?, ?, 4326)"
GEOMETRY = "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POINT', 4326, 0, 0)"
VIEWS = {
    "all": ("SELECT * FROM places", 100),
    "some": ("SELECT * FROM places WHERE n > 5 ORDER BY n", 94),
    "joined": (
        "SELECT p.fid AS fid, geom, p.id AS id, visits FROM places p JOIN facts a ON a.id = p.id",
        100,
    ),
    "arithmetic": ("SELECT fid, geom, n * 2 + 1 AS w FROM places", 100),
    "crossed": ("SELECT a.fid AS fid, a.geom AS geom FROM places a, places b, places c", None),
    "slow": (
        "SELECT a.fid AS fid, a.geom AS geom FROM " + CROSSED + " WHERE a.n + b.n + e.n + f.n = -1",
        None,
    ),
    "function": ("SELECT fid, geom, hex(zeroblob(10)) AS x FROM places", None),
    "text": ("SELECT fid, geom, id || id AS x FROM places", None),
    "endless": (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT fid, geom FROM places, c",
        None,
    ),
    "repeated": ("SELECT fid, geom, (SELECT x FROM big) AS b FROM places", None),
    "of a view": ('SELECT * FROM "all"', None),
    "virtual": ("SELECT fid, geom FROM places JOIN rtree_places_geom r ON r.id = fid", None),
    "schema": ("SELECT fid, geom, s.sql AS s FROM places JOIN sqlite_master s", None),
}


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """A GeoPackage with a table and views of it; one layer of attributes, as desktop programs add them."""
    path = tmp_path_factory.mktemp("views") / "office.gpkg"
    rows = range(100)
    table = {"id": [f"p{at}" for at in rows], "n": rows}
    geometry = [Point(113 + at / 1000, 28) for at in rows]
    gpd.GeoDataFrame(table, geometry=geometry, crs=4326).to_file(path, layer="places")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE facts (id TEXT, visits INTEGER)")
        database.executemany("INSERT INTO facts VALUES (?, ?)", [(f"p{at}", at) for at in rows])
        database.execute("CREATE TABLE big (x BLOB)")
        database.execute("INSERT INTO big VALUES (zeroblob(5000000))")
        for name, (sql, _) in VIEWS.items():
            database.execute(f'CREATE VIEW "{name}" AS {sql}')
            database.execute(CONTENTS, (name, "features", name))
            database.execute(GEOMETRY, (name,))
        database.execute(CONTENTS, ("facts", "attributes", "facts"))
    return path


@pytest.mark.parametrize("name", VIEWS)
def test_views_of_a_geopackage(views, name) -> None:
    """A view that only puts tables together is read; one that computes, or grows, is refused at once."""
    rows = VIEWS[name][1]
    if rows is not None:
        frame = read_layer(views, name)
        assert (len(frame), frame.crs.to_epsg()) == (rows, 4326)
        return
    with pytest.raises(InputError, match="is computed by SQL in the file, which is not run"):
        read_layer(views, name)


def test_views_beside_a_layer(views) -> None:
    """Views that are not asked for are not run, whatever they are; layers without features are not listed."""
    assert len(read_layer(views, "places")) == 100
    with pytest.raises(InputError, match="has several layers; say which: places, all, some") as caught:
        read_layer(views)
    assert "facts" not in str(caught.value)
