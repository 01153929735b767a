"""The user's own distance table."""

from __future__ import annotations

import numpy as np
import pytest

from chargeplan.errors import InputError

STANDARD = {"name": "drive", "demand": "people", "radius": "1 km", "metric": "matrix", "matrix": "d.csv"}
LONG = "demand,site,distance\na,p,100\nb,q,0\nc,p,2500.5\n"
WIDE = "id,p,q\na,100,\nb,,0\nc,2500.5,\n"


def faults(region) -> list[str]:
    with pytest.raises(InputError) as error:
        region.read(standards=[STANDARD])
    return [str(fault) for fault in error.value.faults]


@pytest.mark.parametrize("table", [LONG, WIDE])
def test_pairs(region, table) -> None:
    """Both forms say the same; what is not stated is not stored, and 0 m is."""
    region.write("d.csv", table)
    problem = region.read(standards=[STANDARD])
    matrix = problem.standards[0].matrix
    assert matrix.shape == (3, 2)
    assert matrix.nnz == 3
    coordinates = matrix.tocoo()
    stated = dict(zip(zip(*coordinates.coords, strict=True), coordinates.data, strict=True))
    assert stated == {(0, 0): 100.0, (1, 1): 0.0, (2, 0): 2500.5}
    assert problem.standards[0].metric == "matrix"
    assert "d.csv" in [item.name for item in problem.inputs]


def test_rows_follow_the_selection(region) -> None:
    """A selection of demand points takes its rows; ids it left out are no reason to worry."""
    region.write("d.csv", LONG)
    problem = region.read(standards=[{**STANDARD, "where": "class = 'rural'"}])
    assert problem.standards[0].matrix.toarray().tolist() == [[2500.5, 0.0]]
    assert problem.warnings == ()


def test_unknown_ids_are_counted(region) -> None:
    """Ids that no layer has are left out, and it is said how many; a table of nothing else is a fault."""
    region.write("d.csv", LONG + "z,p,5\na,y,6\n")
    problem = region.read(standards=[STANDARD])
    assert problem.standards[0].matrix.nnz == 3
    assert problem.warnings == (
        "d.csv: demand point ids that are in no layer, left out: 1, such as 'z'",
        "d.csv: site ids that are in no layer, left out: 1, such as 'y'",
    )
    region.write("d.csv", "demand,site,distance\nz,p,5\n")
    assert faults(region) == ["d.csv, layer drive: names no pair of a demand point and a site"]


def test_other_columns_of_pairs(region) -> None:
    """What else a table of pairs has, in whatever order, is not read."""
    region.write("d.csv", "site,demand,minutes,distance\np,a,1,100\n")
    assert region.read(standards=[STANDARD]).standards[0].matrix.toarray()[0].tolist() == [100.0, 0.0]


def test_distances_that_are_no_metres(region) -> None:
    """A table in km would bring everything within the radius: a warning says how short its ways are."""
    region.write("demand.csv", "id,lon,lat\n" + "".join(f"d{i},113.{i:02},28\n" for i in range(30)))
    for unit, said in ((1.0, ()), (0.001, ("d.csv: its distances are 0.00118 times the straight ones",))):
        rows = "".join(f"d{i},p,{abs(i - 0.1) * 1158 * unit:.3f}\n" for i in range(30))
        region.write("d.csv", f"demand,site,distance\n{rows}")
        warnings = region.read(standards=[STANDARD]).warnings
        assert [line[: len(word)] for line, word in zip(warnings, said, strict=True)] == list(said)


def test_faults(region) -> None:
    """Impossible distances, missing ids and repeated pairs are faults with their rows."""
    region.write("d.csv", "demand,site,distance\na,p,-1\nb,q,far\nc,,3\na,p,4\nb,p,\n")
    assert faults(region) == [
        "d.csv, layer drive, row 1, column distance: '-1' is no distance in metres",
        "d.csv, layer drive, row 2, column distance: 'far' is no distance in metres",
        "d.csv, layer drive, row 5, column distance: None is no distance in metres",
        "d.csv, layer drive, row 3, column site: the id is missing",
        "d.csv, layer drive, row 4: this pair was given before",
    ]


def test_absent_table(region) -> None:
    """A table that is not there is told like any other file."""
    assert faults(region) == ["d.csv, layer drive: there is no such file"]


def test_faults_of_the_table_stand_beside_those_of_layers(region) -> None:
    """The table is looked at even where a layer has faults."""
    region.write("sites.csv", "id,lon,lat\np,113,\n")
    assert len(faults(region)) == 2


def test_large_wide_tables(region) -> None:
    """A table with a column per site is read whole."""
    random = np.random.default_rng(0)
    metres = random.integers(0, 5000, (200, 300))
    region.write("demand.csv", "id,lon,lat\n" + "".join(f"d{i},113,28\n" for i in range(200)))
    region.write("sites.csv", "id,lon,lat\n" + "".join(f"s{j},113,28\n" for j in range(300)))
    header = "id," + ",".join(f"s{j}" for j in range(300))
    rows = "\n".join(f"d{i}," + ",".join(map(str, row)) for i, row in enumerate(metres))
    region.write("d.csv", f"{header}\n{rows}\n")
    assert (region.read(standards=[STANDARD]).standards[0].matrix.toarray() == metres).all()
