"""`chargeplan audit` of plan folders: what they claim, their certificates, and `--reprove`."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chargeplan as cp
from chargeplan.cli import main
from chargeplan.io.plan_folder import read_folder, write_folder
from chargeplan.solvers.backends.base import Answer

Change = Callable[..., None]

BLOCKS = {
    "bound": 2.0, "scale": 1, "bounds": [2, 2],
    "rows": {"near": {"rows": list("abcd"), "block": [0, 0, 1, 1]}},
    "shares": {"site": ["ab", "bc", "bc", "cd"], "block": [0, 0, 1, 1], "share": [2, 1, 1, 2]},
    "lambda": {}, "mu": 0.0,
}  # fmt: skip


class OutOfTime:
    """A backend that ends without a word."""

    name = "out of time"

    def solve(self, model, limits, hooks):
        """Prove nothing."""
        return Answer("stopped")


@pytest.fixture
def command(town, monkeypatch, capsys):
    """Run `chargeplan audit town ...` in this process: exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["chargeplan", "audit", str(town), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return command


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """Where the plan is kept that all tests begin with."""
    return tmp_path_factory.mktemp("kept") / "plan"


@pytest.fixture
def folder(town, kept) -> Path:
    """A plan of the town, proven by multipliers."""
    if not kept.exists():
        cp.solve(cp.load(town), gap=0.0, threads=1).write(kept)
    return shutil.copytree(kept, town / "plan")


@pytest.fixture
def change(folder) -> Change:
    """Write the plan folder again with other files, their hashes as they then are."""

    def change(plan: dict[str, Any] | None = None, certificate: dict[str, Any] | None = None) -> None:
        record, paths = read_folder(folder)
        files = {name: path.read_bytes() for name, path in paths.items()}
        told = json.loads(files["certificate.json"]) | (certificate or {})
        files["certificate.json"] = json.dumps(told).encode()
        write_folder(folder, files, record | (plan or {}))

    return change


@pytest.fixture
def in_blocks(folder, change) -> Path:
    """A plan of the town, its bound proven by two blocks: each costs the whole of a site."""
    change({"bound_kind": "block-certificate"}, {"blocks": BLOCKS})
    return folder


@pytest.mark.parametrize("given", ["", "sites.geojson"])
def test_a_plan_is_checked_as_a_whole(folder, command, given):
    """Its folder, or the table of sites in it: figures and multipliers are checked, and agree."""
    code, out, err = command(str(folder / given))
    assert (code, err) == (0, "")
    assert "Plan      its figures and its certificate agree" in out
    assert "Bound     2: proven by the prices in certificate.json" in out


def test_any_layer_is_a_layer(town, command):
    """Stations of no plan are measured, and nothing is said of a plan."""
    (town / "stations.csv").write_text("lon,lat\n113.0,28.005\n113.0,28.025\n", encoding="utf-8")
    code, out, err = command(str(town / "stations.csv"))
    assert (code, err) == (0, "")
    assert "Plan " not in out
    code, _, err = command(str(town / "stations.csv"), "--reprove")
    assert code == 2
    assert "needs a plan folder" in err


def test_blocks_are_proven_again(in_blocks, command):
    """Both blocks are as dear as claimed, by another backend than proved them."""
    code, out, err = command(str(in_blocks))
    assert (code, err) == (0, "")
    assert "is the solver's word" in " ".join(out.split())
    code, out, err = command(str(in_blocks), "--reprove", "--threads", "2")
    assert (code, err) == (0, "")
    assert "2 is proven again, 2 is claimed: 2 of 2 blocks are proven as claimed, by ortools:scip in" in out


def test_json_is_the_same_in_numbers(in_blocks, command):
    """`--json` prints one object alone: what plan.json says of an audit, the plan's proof and the blocks'."""
    code, out, err = command(str(in_blocks), "--reprove", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    record = json.loads((in_blocks / "plan.json").read_text(encoding="utf-8"))
    assert found["standards"] == record["audit"]["standards"]
    assert found["corridors"] == record["audit"]["corridors"]
    assert (found["met"], found["stations"], found["name"]) == (True, 2, "town")
    proof = found["plan"]
    assert (proof["agrees"], proof["disagreements"]) == (True, [])
    assert (proof["bound"], proof["bound_kind"]) == (2.0, "block-certificate")
    again = proof["reproof"]
    assert (again["backend"], again["holds"], again["bound"]) == ("ortools:scip", True, 2.0)
    assert again["blocks"] == {"proven": 2, "unproven": 0, "refuted": 0}


def test_json_without_a_plan(town, command):
    """A layer has no plan; a standard that is not met is exit 3 in JSON too."""
    (town / "stations.csv").write_text("lon,lat\n113.0,28.015\n", encoding="utf-8")
    code, out, _ = command(str(town / "stations.csv"), "--json")
    assert code == 3
    assert (json.loads(out)["plan"], json.loads(out)["met"]) == (None, False)


def test_a_bound_of_the_plan_is_that_of_its_blocks(in_blocks, change, command):
    """plan.json may not say more, or less, than the blocks of certificate.json state."""
    change({"bound": 1.0, "gap": 0.5})
    code, _, err = command(str(in_blocks))
    assert code == 2
    assert "the plan says bound is 1.0, its certificate 2.0" in err


def test_blocks_that_are_not_there(folder, change, command):
    """A bound said to be proven by blocks needs them; a certificate that is a list is none."""
    change({"bound_kind": "block-certificate"})
    code, _, err = command(str(folder), "--reprove")
    assert code == 2
    assert "block certificate, and there is none" in err
    change({}, {"blocks": []})
    assert command(str(folder))[0] == 2


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"bounds": [3, 2]}, "block 0 can be done for less"),
        ({"rows": {"near": {"rows": ["a", "c", "d"], "block": [0, 1, 1]}}}, None),
        ({"rows": {"near": {"rows": ["b", "c", "d"], "block": [0, 1, 1]}}}, "block 0 can be done for less"),
        (
            {"shares": {"site": ["bc", "cd"], "block": [1, 1], "share": [1, 2]}},
            "block 0 can be done for less",
        ),
    ],
    ids=["a block bound", "a row that is not needed", "a row that is", "a share"],
)
def test_blocks_that_add_up_and_are_not_true(in_blocks, change, command, told, word):
    """Arithmetic finds no fault in them, another backend does; and exit 2 says so."""
    blocks = BLOCKS | told
    bound = sum(blocks["bounds"]) / 2 if sum(blocks["bounds"]) % 2 == 0 else 2.0
    change(certificate={"blocks": blocks | {"bound": bound}})
    if sum(blocks["bounds"]) == 4:
        assert command(str(in_blocks))[0] == 0
    code, _, err = command(str(in_blocks), "--reprove")
    assert code == (0 if word is None else 2)
    assert (word or "") in err


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (
            {"shares": BLOCKS["shares"] | {"share": [3, 1, 1, 2]}},
            "site ab pays the blocks 1.5, and costs 1.0",
        ),
        ({"shares": BLOCKS["shares"] | {"share": [2, 1, 1]}}, "different lengths"),
        ({"bounds": [1, 1]}, "the block certificate claims a bound of 2.0 and proves only 1.0"),
        ({"mu": -1.0}, "mu"),
        ({"scale": 10**9}, "scale"),
        ({"rows": {"near": {"rows": ["nobody"], "block": [0]}}}, "nobody"),
    ],
)
def test_blocks_that_do_not_add_up(in_blocks, change, command, told, word):
    """Arithmetic refuses them, with `--reprove` and without, before any backend is asked."""
    change(certificate={"blocks": BLOCKS | told})
    for option in ([], ["--reprove"]):
        code, out, err = command(str(in_blocks), *option)
        assert code == 2
        assert word in err
        assert "Again" not in out
    assert not json.loads(command(str(in_blocks), "--json")[1])["plan"]["agrees"]


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"u": {"near": {"rows": ["a"], "value": [1]}}}, "proves only"),
        ({"u": {"near": {"rows": ["a"], "value": [-1]}}}, "negative"),
        ({"u": {"near": {"rows": ["a", "b"], "value": [1]}}}, "different lengths"),
        ({"u": None}, "u"),
        ({"scale": 10**9}, "scale"),
        ({"kind": "backend"}, "there is none"),
        ({"bound": 3.0}, "its certificate 3.0"),
        ({"bound": "2"}, "bound"),
        ({"bound": None}, "states its bound"),
        ({"blocks": BLOCKS | {"bounds": [1, 1]}}, "the block certificate claims"),
    ],
)
def test_multipliers_that_prove_less(folder, change, command, told, word):
    """A changed multiplier, scale, bound or kind is exit 2, and its fault is named."""
    change(certificate=told)
    code, _, err = command(str(folder))
    assert code == 2
    assert word in err


def test_a_hash_that_differs_is_refused(folder, command):
    """A folder whose files are not what plan.json names is no plan; its table of sites is any layer."""
    with (folder / "certificate.json").open("a", encoding="utf-8") as file:
        file.write(" ")
    code, out, err = command(str(folder))
    assert (code, out) == (2, "")
    assert "certificate.json: is not what plan.json names" in err
    code, out, err = command(str(folder / "sites.geojson"))
    assert (code, err) == (0, "")
    assert "measured as a layer like any other" in out
    assert "Plan " not in out
    assert command(str(folder / "sites.geojson"), "--reprove")[0] == 2


def test_a_plan_of_other_inputs_is_told(town, folder, command):
    """Another layer than the plan was made of is named; its figures no longer agree."""
    demand = town / "demand.csv"
    demand.write_text(demand.read_text(encoding="utf-8").replace(",40", ",50"), encoding="utf-8")
    code, out, err = command(str(folder))
    assert code == 2
    assert "the plan was made of other inputs: demand.csv" in out
    assert "weight" in err


def test_a_block_out_of_time_is_never_accepted(in_blocks, command, monkeypatch):
    """Exit 4, the bound that is proven beside the claimed one, and every block that is not."""
    monkeypatch.setattr(sys.modules["chargeplan.cli.audit"], "find_backend", lambda _: OutOfTime())
    code, out, err = command(str(in_blocks), "--reprove")
    assert (code, err) == (4, "")
    assert "0 is proven again, 2 is claimed: 0 of 2 blocks are proven as claimed" in out
    assert "block 1 unproven: claimed 1, proven 0" in out
    code, out, _ = command(str(in_blocks), "--reprove", "--json")
    again = json.loads(out)["plan"]["reproof"]
    assert (code, again["holds"], again["bound"], again["claimed"]) == (4, False, 0.0, 2.0)
    assert [block["block"] for block in again["not_proven"]] == [0, 1]


def test_ctrl_c_ends_it_cleanly(in_blocks, command, monkeypatch):
    """A signal while blocks are proven: what is proven is printed, exit 130."""

    class Interrupted(OutOfTime):
        def solve(self, model, limits, hooks):
            if not hooks.cancelled():
                signal.raise_signal(signal.SIGINT)
                while not hooks.cancelled():
                    pass
            return Answer("optimal", np.array([1.0, 0.0]), 2.0, 2.0)

    monkeypatch.setattr(sys.modules["chargeplan.cli.audit"], "find_backend", lambda _: Interrupted())
    code, out, err = command(str(in_blocks), "--reprove", "--threads", "1")
    assert code == 130
    assert "Stopping with what is proven so far" in err
    assert "1 of 2 blocks are proven as claimed" in " ".join(out.split())
    assert "interrupted" in out
    assert "not tried" in out


@pytest.mark.parametrize(
    "options",
    [
        ["--backend", "ortools:cp-sat"],
        ["--backend", "ortools"],
        ["--backend", "nobody"],
        ["--block-time-limit", "0"],
        ["--block-time-limit", "inf"],
        ["--threads", "0"],
    ],
)
def test_options_that_make_no_sense(in_blocks, command, options):
    """The backend that proved the blocks proves nothing again; a limit is a positive number."""
    assert command(str(in_blocks), "--reprove", *options)[0] == 2


def test_blocks_are_proven_again_by_another_backend(in_blocks, change, command):
    """The certificate says who proved them; by default another one does, and that one is refused by name."""
    change(certificate={"blocks": BLOCKS | {"backend": "ortools:scip"}})
    code, out, _ = command(str(in_blocks), "--reprove", "--json")
    assert code == 0
    assert json.loads(out)["plan"]["reproof"]["backend"] == "ortools:highs"
    code, _, err = command(str(in_blocks), "--reprove", "--backend", "ortools:scip")
    assert code == 2
    assert "ortools:scip proved the blocks first" in " ".join(err.split())


def test_a_plan_without_blocks_has_nothing_to_prove_again(folder, command):
    """A dual certificate is verified as a whole already."""
    code, out, err = command(str(folder), "--reprove")
    assert (code, err) == (0, "")
    assert "Again" not in out
