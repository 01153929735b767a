"""Existing stations: every source becomes the same table, and says everything that is wrong with it."""

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely

from chargeplan.errors import InputError
from chargeplan.prepare.existing import (
    URBANEV,
    flat,
    read_afdc,
    read_ocpi,
    read_open_charge_map,
    read_station_table,
    stations_of_openstreetmap,
)
from chargeplan.prepare.existing.plugs import CONNECTORS, Plug, as_text, connector_named, from_text, gathered
from chargeplan.prepare.existing.schema import ACCESS, COLUMNS, STATES


def osm(*tags, positions=None, **columns):
    positions = positions or [(9.5 + 0.01 * at, 47.1) for at in range(len(tags))]
    table = {"tags": list(tags)} | columns
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(*zip(*positions, strict=True)), crs=4326)


OCM = {
    "ID": 192841,
    "OperatorInfo": {"ID": 450, "Title": "Tata Power"},
    "UsageType": {"ID": 1, "Title": "Public"},
    "StatusTypeID": 50,
    "NumberOfPoints": 3,
    "AddressInfo": {
        "Title": "Fast Charging Hub",
        "Latitude": 19.0657,
        "Longitude": 72.8686,
        "AccessComments": "Open 24/7",
    },
    "Connections": [
        {"ConnectionTypeID": 33, "PowerKW": 60.0, "Quantity": 2},
        {"ConnectionType": {"ID": 25}, "PowerKW": 22, "Quantity": 1},
        {"ConnectionTypeID": 2, "PowerKW": None, "Quantity": None},
    ],
}

OCPI_22 = {
    "country_code": "DE",
    "party_id": "ALL",
    "id": "LOC1",
    "publish": True,
    "name": "Gent Zuid",
    "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
    "operator": {"name": "BeCharged"},
    "opening_times": {"twentyfourseven": True},
    "evses": [
        {
            "uid": "1",
            "status": "AVAILABLE",
            "connectors": [
                {
                    "standard": "IEC_62196_T2",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 32,
                },
                {"standard": "IEC_62196_T2_COMBO", "power_type": "DC", "max_electric_power": 150000},
            ],
        },
        {"uid": "2", "status": "REMOVED", "connectors": [{"standard": "CHADEMO"}]},
    ],
}

OCPI_211 = {
    "id": "LOC7",
    "type": "ON_STREET",
    "address": "F.Rooseveltlaan 3A",
    "coordinates": {"latitude": "51.04", "longitude": "3.72"},
    "opening_times": {
        "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
        "twentyfourseven": False,
    },
    "evses": [
        {
            "uid": "9",
            "status": "OUTOFORDER",
            "connectors": [
                {"standard": "IEC_62196_T2", "power_type": "AC_3_PHASE", "voltage": 400, "amperage": 32},
                {"standard": "NEMA_5_20", "power_type": "AC_1_PHASE", "voltage": 120, "amperage": 16},
                {"standard": "TELEPATHY"},
            ],
        }
    ],
}

AFDC = (
    "Fuel Type Code,Station Name,Status Code,Groups With Access Code,Access Days Time,EV Level1 EVSE Num,"
    "EV Level2 EVSE Num,EV DC Fast Count,EV Network,Latitude,Longitude,ID,EV Connector Types\n"
    'ELEC,Town Hall,E,Public,24 hours daily; ask,,2,1,ChargePoint,30.3,-97.7,17,"J1772 J1772COMBO"\n'
    "CNG,Gas,E,Public,,,,,,30.4,-97.7,18,\n"
    "ELEC,Depot,P,Private - Fleet,Business hours,1,1,,,30.5,-97.7,19,J1772 TESLA\n"
)


def written(folder, name, content):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def faults(call, *arguments, **options):
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    return [str(fault) for fault in caught.value.faults]


def test_openstreetmap_tags_are_read():
    """Sockets with number and power, places, operator, access and hours."""
    table = stations_of_openstreetmap(
        osm(
            {
                "name": "Post",
                "operator": "LKW",
                "access": "customers",
                "opening_hours": "24/7",
                "capacity": "4",
                "socket:type2": "2",
                "socket:type2:output": "22 kW",
                "socket:type2_combo": "yes",
                "socket:type2_combo:output": "150 kW;50,5 kW",
                "socket:chademo": "no",
            },
            id=["node/17"],
        )
    )
    row = table.iloc[0]
    assert (row["id"], row["source"], row["name"], row["operator"]) == ("osm-node/17", "osm", "Post", "LKW")
    assert (row["access"], row["always_open"], row["ports"], row["state"]) == ("customers", True, 4, "open")
    assert as_text(row["plugs"]) == "2 x type2 22 kW; ? x ccs2 50.5 kW"
    assert table.attrs["remarks"] == ()


def test_openstreetmap_tags_that_cannot_be_read_are_counted():
    """Free text counts as not stated, and a remark counts it with an example."""
    table = stations_of_openstreetmap(
        osm(
            {"capacity": "many", "socket:type2": "two", "access": "ask the owner"},
            {"socket:type2": "1", "socket:type2:output": "strong", "capacity": "a few"},
        )
    )
    assert table["ports"].isna().all()
    assert [as_text(plugs) for plugs in table["plugs"]] == ["? x type2 ? kW", "1 x type2 ? kW"]
    said = " ".join(table.attrs["remarks"])
    assert "numbers of places that cannot be read and count as not stated: 2, such as capacity=many" in said
    for what in ("rights of access", "powers of sockets", "numbers of sockets"):
        assert f"{what} that cannot be read and count as not stated: 1, such as " in said


@pytest.mark.parametrize(
    ("tags", "counts"),
    [
        ({}, True),
        ({"motorcar": "yes", "bicycle": "yes"}, True),
        ({"motorcar": "no"}, False),
        ({"motor_vehicle": "no", "bicycle": "yes"}, False),
        ({"vehicle": "no", "motorcar": "designated"}, True),
        ({"bicycle": "yes"}, False),
        ({"bicycle": "designated", "socket:schuko": "4"}, False),
        ({"bicycle": "yes", "socket:type2": "2"}, True),
        ({"bicycle": "yes", "socket:type2": "no"}, False),
        ({"bicycle": "no"}, True),
        ({"access": "private"}, True),
    ],
)
def test_openstreetmap_stations_that_no_car_may_use(tags, counts):
    """Stations for bicycles are left out and counted; the others keep their rows."""
    table = stations_of_openstreetmap(osm(tags, {}))
    assert table["id"].tolist() == (["osm-1", "osm-2"] if counts else ["osm-2"])
    assert table.attrs["rows"] == ([1, 2] if counts else [2])
    said = ("charging stations left out, as no car may use them: 1",)
    assert table.attrs["remarks"] == (() if counts else said)
    assert table.geometry.iloc[-1].x == pytest.approx(9.51)


def test_openstreetmap_comes_in_columns_or_as_gdal_has_it():
    """Tags may be columns, or text in `other_tags`; areas count by a point inside."""
    areas = gpd.GeoDataFrame(
        {
            "osm_id": [5.0, 6.0],
            "socket:nacs": ["3", None],
            "other_tags": ['"capacity"=>"3","operator"=>"A \\"B\\""', None],
        },
        geometry=[shapely.box(9.5, 47.1, 9.501, 47.101), shapely.Point(9.6, 47.2)],
        crs=4326,
    ).to_crs(32632)
    table = stations_of_openstreetmap(areas)
    assert table["id"].tolist() == ["osm-5", "osm-6"]
    assert table["operator"].tolist() == ['A "B"', None]
    assert table["plugs"].tolist() == [(Plug("nacs", None, 3),), ()]
    assert table["ports"].iloc[0] == 3
    assert table.geometry.iloc[0].within(shapely.box(9.4999, 47.0999, 9.5011, 47.1011))
    assert table.geometry.iloc[1].equals_exact(shapely.Point(9.6, 47.2), 1e-7)


def test_no_stations_in_openstreetmap_is_an_empty_table():
    """An extract without chargers is no fault."""
    table = stations_of_openstreetmap(osm({}).iloc[:0])
    assert len(table) == 0
    assert list(table.columns) == [*COLUMNS, "geometry"]


def test_openstreetmap_positions_are_checked():
    """Ids given twice and positions that are none are named, all in one error."""
    told = faults(
        stations_of_openstreetmap,
        osm({}, {}, {}, positions=[(9.5, 47.1), (9.5, np.nan), (9.5, 47.3)], id=["a", "a", "b"]),
    )
    assert len(told) == 3
    assert sum("given more than once" in line for line in told) == 2
    assert any("row 2" in line and "position is missing" in line for line in told)


def test_open_charge_map_is_read(tmp_path):
    """Full and compact references, connectors with kW and number; removed stations are counted alone."""
    removed = {"ID": 2, "StatusTypeID": 200, "AddressInfo": {}}
    table = read_open_charge_map(written(tmp_path, "ocm.json", [OCM, removed]))
    (row,) = table.to_dict("records")
    assert (row["id"], row["name"], row["operator"]) == ("ocm-192841", "Fast Charging Hub", "Tata Power")
    assert (row["access"], row["always_open"], row["state"], row["ports"]) == ("public", True, "open", 3)
    assert as_text(row["plugs"]) == "1 x type2 22 kW; 2 x ccs2 60 kW; ? x chademo ? kW"
    assert (row["geometry"].x, row["geometry"].y) == (72.8686, 19.0657)
    assert table.attrs["remarks"] == ("left out, as removed: 1",)


def test_open_charge_map_says_every_fault(tmp_path):
    """Fields, ids and positions that are wrong are all in one message, by row and field."""
    bad = {
        "ID": 192841,
        "NumberOfPoints": 1.5,
        "AddressInfo": {"Latitude": "north", "Longitude": 400},
        "Connections": [{"ConnectionTypeID": 33, "PowerKW": -3, "Quantity": "two"}, 7],
    }
    told = faults(read_open_charge_map, written(tmp_path, "ocm.json", [OCM, bad, 5]))
    text = "\n".join(told)
    for expected in (
        "row 2, column NumberOfPoints: 1.5 is not a whole number",
        "row 2, column AddressInfo.Latitude: 'north' is not a number",
        "row 2, column Connections[].PowerKW: -3 is negative",
        "row 2, column Connections[].Quantity: 'two' is not a number",
        "row 2, column Connections: holds something that is no object",
        "row 3, column station: is no object",
        "the id 'ocm-192841' is given more than once",
        "row 2, column geometry",
    ):
        assert expected in text
    assert all("ocm.json, layer ocm" in line for line in told)


def test_many_faults_of_one_field_are_counted(tmp_path):
    """The first twenty are named, the others counted."""
    rows = [
        {"ID": at, "NumberOfPoints": -1, "AddressInfo": {"Latitude": 1, "Longitude": 2}} for at in range(60)
    ]
    told = faults(read_open_charge_map, written(tmp_path, "ocm.json", rows))
    assert len(told) == 21
    assert "and 40 more like these" in told[-1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no JSON"),
        ("[", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('[{"ID": NaN}]', "NaN is no JSON number"),
        ("{}", "neither a list nor an object"),
        ("[]", "holds no station"),
        ("7", "neither a list nor an object"),
    ],
)
@pytest.mark.parametrize("read", [read_open_charge_map, read_ocpi])
def test_what_is_no_list_of_stations_is_refused(tmp_path, read, text, says):
    """Whatever is in the file, the answer is an error that names it."""
    (line,) = faults(read, written(tmp_path, "bad.json", text))
    assert "bad.json" in line
    assert says in line


@pytest.mark.parametrize("read", [read_open_charge_map, read_ocpi])
def test_files_that_are_none_are_refused(tmp_path, read):
    """A folder, a missing file and another encoding are named."""
    assert "is not a file" in faults(read, tmp_path)[0]
    assert "there is no such file" in faults(read, tmp_path / "none.json")[0]
    other = tmp_path / "latin.json"
    other.write_bytes('[{"ID": "é"}]'.encode("latin-1"))
    assert "is not UTF-8" in faults(read, other)[0]


def test_ocpi_22_is_read(tmp_path):
    """Power stated or computed per phase; ports are the EVSEs that stand."""
    table = read_ocpi(written(tmp_path, "ocpi.json", {"data": [OCPI_22], "status_code": 1000}))
    (row,) = table.to_dict("records")
    assert (row["id"], row["name"], row["operator"]) == ("ocpi-DE-ALL-LOC1", "Gent Zuid", "BeCharged")
    assert (row["access"], row["always_open"], row["hours"]) == ("public", True, "24/7")
    assert (row["state"], row["ports"]) == ("open", 1)
    assert as_text(row["plugs"]) == "1 x type2 22.1 kW; 1 x ccs2 150 kW"
    assert (row["geometry"].x, row["geometry"].y) == (3.729944, 51.047599)
    assert table.attrs["remarks"] == ("EVSEs not counted as ports, as removed or planned: 1",)


def test_ocpi_211_is_read(tmp_path):
    """The older version says nothing of access; a voltage between lines is known by its height."""
    (row,) = read_ocpi(written(tmp_path, "ocpi.json", [OCPI_211])).to_dict("records")
    assert (row["id"], row["name"], row["access"]) == ("ocpi-LOC7", "F.Rooseveltlaan 3A", None)
    assert (row["always_open"], row["hours"], row["state"]) == (False, "Mo 08:00-20:00", "closed")
    assert as_text(row["plugs"]) == "1 x type2 22.2 kW; 1 x domestic 1.9 kW; 1 x other ? kW"


@pytest.mark.parametrize(
    ("power_type", "volts", "kw"),
    [
        ("AC_1_PHASE", 240, 7.7),
        ("AC_2_PHASE", 230, 14.7),
        ("AC_2_PHASE_SPLIT", 240, 7.7),
        ("AC_2_PHASE_SPLIT", 120, 7.7),
        ("AC_3_PHASE", 230, 22.1),
        ("AC_3_PHASE", 400, 22.2),
        ("DC", 400, 12.8),
    ],
)
def test_ocpi_power_by_phases(tmp_path, power_type, volts, kw):
    """32 A: two phases give twice the power of one, split phase does not: its volts are of both legs."""
    connector = {"standard": "IEC_62196_T1", "power_type": power_type, "max_voltage": volts}
    evses = [{"status": "AVAILABLE", "connectors": [connector | {"max_amperage": 32}]}]
    (row,) = read_ocpi(written(tmp_path, "ocpi.json", [OCPI_22 | {"evses": evses}])).to_dict("records")
    assert row["plugs"] == (Plug("type1", kw, 1),)


@pytest.mark.parametrize(
    ("change", "access", "state"),
    [
        ({"publish": False}, "restricted", "open"),
        ({"evses": [{"status": "PLANNED"}]}, "public", "planned"),
        ({"evses": [{"status": "REMOVED"}]}, "public", "closed"),
        ({"evses": []}, "public", None),
        ({"evses": [{"status": "AVAILABLE", "parking_restrictions": ["CUSTOMERS"]}]}, "customers", "open"),
    ],
)
def test_ocpi_access_and_state(tmp_path, change, access, state):
    """Who may charge, and whether the station stands."""
    (row,) = read_ocpi(written(tmp_path, "ocpi.json", [OCPI_22 | change])).to_dict("records")
    assert (row["access"], row["state"]) == (access, state)


def test_ocpi_says_every_fault(tmp_path):
    """Missing coordinates and days that are none are named together."""
    bad = {"id": "B", "opening_times": {"regular_hours": [{"weekday": 9}], "twentyfourseven": "perhaps"}}
    text = "\n".join(faults(read_ocpi, written(tmp_path, "ocpi.json", [OCPI_22, bad])))
    assert "row 2, column opening_times.regular_hours[].weekday: '9' is no day" in text
    assert "'perhaps' is neither yes nor no" in text
    assert "row 2, column geometry: the position is missing or not a number" in text


def test_afdc_is_read(tmp_path):
    """Other fuels are left out and counted; a connector's number is known where it is alone."""
    table = read_afdc(written(tmp_path, "afdc.csv", AFDC))
    first, second = table.to_dict("records")
    assert (first["id"], first["name"], first["operator"]) == ("afdc-17", "Town Hall", "ChargePoint")
    assert (first["access"], first["always_open"], first["state"]) == ("public", True, "open")
    assert first["ports"] == 3
    assert as_text(first["plugs"]) == "2 x type1 ? kW; 1 x ccs1 ? kW"
    assert (second["access"], second["always_open"], second["state"]) == ("private", False, "planned")
    assert as_text(second["plugs"]) == "? x type1 ? kW; ? x nacs ? kW"
    assert table.attrs["remarks"] == ("left out, of other fuels: 1",)


def test_afdc_counts_connectors_in_newer_tables(tmp_path):
    """Numbers and powers of connectors are taken where they are stated."""
    text = (
        "id,latitude,longitude,ev_ccs_connector_count,ev_ccs_power_output_kw,ev_j3400_connector_count\n"
        "5,30.1,-97.1,4,150,\n"
    )
    (row,) = read_afdc(written(tmp_path, "afdc.csv", text)).to_dict("records")
    assert row["plugs"] == (Plug("ccs1", 150.0, 4),)


def test_afdc_needs_ids(tmp_path):
    """A table without them is no AFDC table."""
    assert "has no column ID" in faults(read_afdc, written(tmp_path, "a.csv", "lon,lat\n1,2\n"))[0]


def test_a_part_of_afdc_is_read(tmp_path):
    """Position, name and id alone will do."""
    path = written(tmp_path, "a.csv", "name,zip,lat,lon,id\nInn,78205,29.4,-98.4,7\n")
    (row,) = read_afdc(path).to_dict("records")
    assert (row["id"], row["name"], row["plugs"]) == ("afdc-7", "Inn", ())
    assert np.isnan(row["ports"])


def test_urbanev_is_read(tmp_path):
    """Shenzhen's table has ids, positions and piles."""
    text = (
        "station_id,longitude,latitude,charge_count,TAZID,area,perimeter\n1001,113.78,22.71,20,559,1.5,2.5\n"
    )
    (row,) = read_station_table(written(tmp_path, "inf.csv", text), "urbanev", URBANEV).to_dict("records")
    assert (row["id"], row["ports"]) == ("urbanev-1001", 20)


def test_any_table_is_read(tmp_path):
    """Columns are told, connectors may have their common names, a datum is undone."""
    text = (
        "lon,lat,no,who,rights,sockets,power,n\n"
        "113.0,28.0,a,State Grid,public,GB/T DC,120,6\n"
        "113.1,28.1,b,,,Mennekes;CCS2,,\n"
    )
    columns = {"id": "no", "operator": "who", "access": "rights", "connectors": "sockets", "kw": "power"}
    path = written(tmp_path, "mine.csv", text)
    table = read_station_table(path, "mine", columns | {"ports": "n"}, datum="gcj02")
    first, second = table.to_dict("records")
    assert (first["id"], first["operator"], first["access"]) == ("mine-a", "State Grid", "public")
    assert first["plugs"] == (Plug("gbt_dc", 120.0, 6),)
    assert as_text(second["plugs"]) == "? x type2 ? kW; ? x ccs2 ? kW"
    assert first["geometry"].x == pytest.approx(113.0 - 0.0055, abs=0.0005)
    assert len(read_station_table(path, "mine", columns, where="power > 100")) == 1


def test_any_table_says_every_fault(tmp_path):
    """Columns that there are not, and values that are wrong, in one message each."""
    path = written(
        tmp_path, "mine.csv", "lon,lat,id,access,plugs,ports\n1,2,a,perhaps,7 sockets,-1\n400,2,a,,,\n"
    )
    text = "\n".join(faults(read_station_table, path, "mine", {"kw": "powr", "colour": "id"}))
    assert "kw = 'powr': there is no such column" in text
    assert "'colour' is no key of stations" in text
    text = "\n".join(faults(read_station_table, path, "mine"))
    for expected in (
        "row 1, column access: 'perhaps' is none of",
        "row 1, column plugs: '7 sockets' is not written as",
        "row 1, column ports: -1 is negative",
        "row 2, column geometry",
        "the id 'mine-a' is given more than once",
    ):
        assert expected in text
    assert "keeps no row" in faults(read_station_table, path, "mine", where="id = 'z'")[0]
    assert "there is no column" in faults(read_station_table, path, "mine", where='"nothing" = 1')[0]


def test_columns_are_those_that_were_told(tmp_path):
    """A file's own `name` gives way to the column that was told; one column may serve two keys."""
    told = {"id": "nr", "name": "title", "ports": "piles", "operator": "title"}
    for text in (
        "lon,lat,nr,title,name,piles,ports\n1,2,a,Post,x7,4,80\n",
        "lon,lat,nr,name,title,ports,piles\n1,2,a,x7,Post,80,4\n",
    ):
        path = written(tmp_path, "mine.csv", text)
        (row,) = read_station_table(path, "mine", told).to_dict("records")
        assert (row["id"], row["name"], row["operator"], row["ports"]) == ("mine-a", "Post", "Post", 4)
    (row,) = read_station_table(path, "mine", {"id": "name"}).to_dict("records")
    assert (row["id"], row["name"]) == ("mine-x7", "x7")


def test_powers_in_watts_are_no_kilowatts(tmp_path):
    """No plug gives 22,000 kW: a column in watts would let every station through a filter of least kW."""
    path = written(tmp_path, "mine.csv", "lon,lat,kw\n1,2,22\n1,2,22000\n")
    (said,) = faults(read_station_table, path, "mine")
    assert "row 2, column kw: 22000 is more than a plug gives" in said


def test_powers_that_no_plug_has_are_told(tmp_path):
    """OCPI asks for W: 50 is hardly 50 W. It is taken as it stands, counted, and told with row and place."""
    powers = [50, 22, 50_000, 50_000_000]
    connectors = [{"standard": "CHADEMO", "max_electric_power": power} for power in powers]
    dubious = OCPI_22 | {"id": "LOC2", "evses": [{"status": "AVAILABLE", "connectors": connectors}]}
    table = read_ocpi(written(tmp_path, "ocpi.json", [OCPI_22, dubious]))
    assert as_text(table["plugs"].iloc[1]) == "; ".join(
        f"1 x chademo {kw} kW" for kw in ("50000", "50", "0.05", "0.022")
    )
    (said,) = table.attrs["doubts"]
    assert (
        "max_electric_power that are hardly meant so, and are taken as they stand: 3, such as row 2: 50 W"
        in said
    )
    assert [doubt.message for doubt in table.attrs["doubtful"]] == [
        "50 W is less than a plug gives",
        "22 W is less than a plug gives",
        "50000000 W is more than a plug gives",
    ]
    assert {(doubt.row, doubt.position) for doubt in table.attrs["doubtful"]} == {(2, (3.729944, 51.047599))}


def test_powers_that_no_plug_has_are_told_of_every_source(tmp_path):
    """Open Charge Map, AFDC and a table of one's own have kW; many such rows are counted."""
    rows = [
        OCM | {"ID": at, "Connections": [{"ConnectionTypeID": 33, "PowerKW": 50_000}]} for at in range(30)
    ]
    table = read_open_charge_map(written(tmp_path, "ocm.json", rows))
    assert "PowerKW that are hardly meant so, and are taken as they stand: 30" in table.attrs["doubts"][0]
    assert len(table.attrs["doubtful"]) == 21
    assert table.attrs["doubtful"][-1].message.startswith("and 10 more like these")
    afdc = "id,latitude,longitude,ev_ccs_connector_count,ev_ccs_power_output_kw\n5,30.1,-97.1,4,150000\n"
    assert "150000 kW is more" in read_afdc(written(tmp_path, "afdc.csv", afdc)).attrs["doubts"][0]
    mine = written(tmp_path, "mine.csv", "lon,lat,kw\n1,2,0.05\n")
    assert "0.05 kW is less" in read_station_table(mine, "mine").attrs["doubts"][0]


def test_columns_in_capitals_are_named(tmp_path):
    """`Name` is not `name`: a doubt says how to have it read, unless it is another key's."""
    path = written(tmp_path, "mine.csv", "lon,lat,Name,ID,Ports\n1,2,Post,7,4\n")
    table = read_station_table(path, "mine", {"ports": "Ports", "operator": "ID"})
    assert table.attrs["doubts"] == (
        "the column 'Name' is not read as name; to have it read, say columns = { name = \"Name\" }",
    )


def test_a_stated_crs_is_used(tmp_path):
    """A table in metres of a plane; a CRS that there is not is an error."""
    path = written(tmp_path, "mine.csv", "x,y\n700000,3100000\n")
    (point,) = read_station_table(path, "mine", crs="EPSG:32649").geometry
    back = gpd.GeoSeries([point], crs=4326).to_crs(32649).iloc[0]
    assert (back.x, back.y) == (pytest.approx(700_000, abs=0.02), pytest.approx(3_100_000, abs=0.02))
    assert "its CRS cannot be used" in faults(read_station_table, path, "mine", crs="EPSG:none")[0]
    assert "is out of range" in faults(read_station_table, path, "mine")[0]


def test_rows_keep_their_numbers_behind_a_filter(tmp_path):
    """A fault names the row of the file, not of what is left of it."""
    path = written(tmp_path, "mine.csv", "lon,lat,kind,ports\n1,2,x,1\n400,2,y,x\n")
    text = "\n".join(faults(read_station_table, path, "mine", where="kind = 'y'"))
    assert "row 2, column ports: 'x' is not a number" in text
    assert "row 2, column geometry" in text


def test_the_flat_layer_can_be_written_and_read_again(tmp_path):
    """What `flat` makes is a layer like any other, and the table comes back from it."""
    table = read_open_charge_map(written(tmp_path, "ocm.json", [OCM]))
    layer = flat(table, {"slow": 0, "fast": 50})
    assert layer["status"].tolist() == ["existing"]
    assert layer["max_kw"].tolist() == [60.0]
    counts = {name: layer[f"chargers_{name}"].iloc[0] for name in ("slow", "fast", "unknown")}
    assert counts == {"slow": 1, "fast": 2, "unknown": 1}
    layer.to_file(tmp_path / "again.geojson")
    again = read_station_table(tmp_path / "again.geojson", "ocm")
    assert again["plugs"].tolist() == table["plugs"].tolist()
    assert again["always_open"].tolist() == [True]
    assert again.geometry.geom_equals(table.geometry).all()


def test_every_source_has_the_same_columns(tmp_path):
    """Whatever the source, the table is the same, and its words are those that there are."""
    tables = [
        stations_of_openstreetmap(osm({"socket:type2": "1"})),
        read_open_charge_map(written(tmp_path, "ocm.json", [OCM])),
        read_ocpi(written(tmp_path, "ocpi.json", [OCPI_22, OCPI_211])),
        read_afdc(written(tmp_path, "afdc.csv", AFDC)),
    ]
    for table in tables:
        assert list(table.columns) == [*COLUMNS, "geometry"]
        assert table["id"].is_unique
        assert set(table["access"].dropna()) <= set(ACCESS)
        assert set(table["state"].dropna()) <= set(STATES)
        assert table["ports"].dtype == np.float64
        assert all(plug.connector in CONNECTORS for plugs in table["plugs"] for plug in plugs)
        assert table.crs.to_epsg() == 4326


def test_plugs_are_text_and_back():
    """Unknown numbers and powers are kept; equal plugs are added up."""
    plugs = gathered([Plug("ccs2", 150.0, 1), Plug("type2", 22.0, 2), Plug("ccs2", 150.0, 3), Plug("nacs")])
    assert as_text(plugs) == "2 x type2 22 kW; 4 x ccs2 150 kW; ? x nacs ? kW"
    assert from_text(as_text(plugs)) == plugs
    assert connector_named("IEC 62196 T2 COMBO") == "ccs2"
    with pytest.raises(ValueError, match="is no connector"):
        connector_named("garden hose")
