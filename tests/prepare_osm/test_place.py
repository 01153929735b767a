"""Places by name, with servers that are not asked."""

import sys
from types import SimpleNamespace

import geopandas as gpd
import pytest
import shapely
from typer.testing import CliRunner

from chargeplan.cli import app
from chargeplan.errors import InputError
from chargeplan.prepare.osm import place
from chargeplan.problem import Problem

TOWN = b"""<osm version="0.6">
<node id="1" lat="10.000" lon="20.000" version="1" timestamp="2024-05-06T00:00:00Z"/>
<node id="2" lat="10.000" lon="20.005" version="1" timestamp="2024-05-06T00:00:00Z"/>
<node id="3" lat="10.0001" lon="20.0011" version="1"/><node id="4" lat="10.0001" lon="20.0012" version="1"/>
<node id="5" lat="10.0002" lon="20.0012" version="1"/><node id="6" lat="10.0002" lon="20.0011" version="1"/>
<way id="1" version="1" timestamp="2024-05-06T00:00:00Z"><nd ref="1"/><nd ref="2"/>
<tag k="highway" v="residential"/></way>
<way id="2" version="1"><nd ref="3"/><nd ref="4"/><nd ref="5"/><nd ref="6"/><nd ref="3"/>
<tag k="building" v="house"/></way>
</osm>"""


@pytest.fixture
def servers(monkeypatch):
    """OSMnx and requests as they answer, or fail to."""

    def pretend(*, content=TOWN, fails=None):
        asked = []

        def geocode(name):
            if fails is not None:
                raise fails
            return gpd.GeoDataFrame(geometry=[shapely.box(19.99, 9.99, 20.01, 10.01)], crs=4326)

        def post(url, **what):
            asked.append((url, what["data"]["data"]))
            return SimpleNamespace(content=content, raise_for_status=lambda: None)

        settings = SimpleNamespace(
            overpass_url="https://overpass.example/api", requests_timeout=180, http_user_agent="test"
        )
        monkeypatch.setattr(place, "find_spec", lambda _: True)
        monkeypatch.setitem(sys.modules, "osmnx", SimpleNamespace(settings=settings, geocode_to_gdf=geocode))
        monkeypatch.setitem(sys.modules, "requests", SimpleNamespace(post=post))
        return asked

    return pretend


def test_a_place_becomes_a_scenario(servers, tmp_path):
    """What the server sends is kept as an extract, and the scenario built from it lies within the borders."""
    asked = servers()
    out = tmp_path / "town"
    done = CliRunner().invoke(app, ["instances", "build", "--place", "Town", "-o", str(out)])
    assert done.exit_code == 0, done.output
    ((url, query),) = asked
    assert url == "https://overpass.example/api/interpreter"
    assert 'nwr["building"](9.970000,19.970000,10.030000,20.030000);' in query
    problem = Problem.read(out / "scenario.toml")
    assert problem.scenario.title.startswith("Town: a station within 1 km of everybody by road")
    assert problem.borders is not None
    assert (out / place.EXTRACT).is_file()


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        (ConnectionError("no route"), r"needs a network.*--osm FILE"),
        (TypeError("no polygon"), "is not found as an area: no polygon"),
    ],
)
def test_without_network_or_place_one_message_says_so(servers, tmp_path, fails, says):
    """No network, and a name that is no area, are one InputError each; nothing is written."""
    servers(fails=fails)
    with pytest.raises(InputError, match=says):
        place.download("Nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_answer_that_is_no_map_is_refused(servers, tmp_path):
    """An error page is not taken for a map."""
    servers(content=b"<html>busy</html>")
    with pytest.raises(InputError, match="cannot be read"):
        place.download("Town", tmp_path)
    assert not (tmp_path / place.EXTRACT).exists()


def test_without_osmnx_the_extra_is_named(monkeypatch, tmp_path):
    """Where OSMnx is not installed the message says what to install."""
    monkeypatch.setattr(place, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'chargeplan\[osmnx\]'"):
        place.download("Town", tmp_path)


def test_an_extract_and_a_place_exclude_each_other(tmp_path):
    """Neither and both are refused."""
    for options in ([], ["--osm", "a.pbf", "--place", "Town"]):
        done = CliRunner().invoke(app, ["instances", "build", *options, "-o", str(tmp_path / "x")])
        assert isinstance(done.exception, InputError)
