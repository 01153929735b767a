"""Block certificates of a street that can be solved by hand, proven again by trying every choice."""

from __future__ import annotations

import copy
import itertools
import threading
from fractions import Fraction

import numpy as np
import pytest

from chargeplan.audit.blocks import BlockProof, block_bound
from chargeplan.audit.reprove import Finding, outward, reprove
from chargeplan.errors import BackendCrashed, InputError


def everything(block):
    """Try every choice."""
    choices = np.array(list(itertools.product([0, 1], repeat=block.cost.size)))
    allowed = choices[(choices @ block.rows.T.toarray() >= block.least).all(axis=1)]
    best = allowed[(allowed @ block.cost).argmin()]
    return Finding(float(best @ block.cost), best.astype(float))


def certificate(bounds=(3, 3), *, bound=3.0, shares=None, rows=None, **more):
    """Two blocks, a and b, c and d, in halves of a station; the middle station pays half in each."""
    paid = {("s0", 0): 2, ("s1", 0): 1, ("s1", 1): 1, ("s2", 1): 2} if shares is None else shares
    site, block = zip(*paid, strict=True) if paid else ((), ())
    placed = {"a": 0, "b": 0, "c": 1, "d": 1} if rows is None else rows
    return {
        "bound": bound, "scale": 1, "bounds": list(bounds),
        "rows": {"near": {"rows": list(placed), "block": list(placed.values())}},
        "shares": {"site": list(site), "block": list(block), "share": list(paid.values())},
        "lambda": {}, "mu": 0.0,
    } | more  # fmt: skip


def test_every_block_is_proven_again(street):
    """a needs its own station and b half of the middle one, and c and d alike: three stations in all."""
    reproof = reprove(BlockProof.read(street(), certificate()), everything)
    assert (reproof.claimed, reproof.bound, reproof.holds) == (3, 3, True)
    assert [(block.proven, block.verdict) for block in reproof.blocks] == [(3, "proven")] * 2
    assert reproof.to_dict()["blocks"] == {"proven": 2, "unproven": 0, "refuted": 0}


@pytest.mark.parametrize(
    ("changes", "refuted", "bound"),
    [
        ({"bounds": (4, 3), "bound": 4.0}, [0], 3),
        ({"shares": {("s0", 0): 2, ("s1", 1): 1, ("s2", 1): 2}}, [0], 3),
        ({"shares": {("s0", 0): 1, ("s1", 0): 1, ("s1", 1): 1, ("s2", 1): 2}}, [0], 3),
        ({"rows": {"a": 0, "c": 1, "d": 1}}, [0], 3),
        ({"rows": {"a": 0, "b": 1, "c": 1, "d": 1}}, [0], 3),
        ({"rows": {}}, [0, 1], 0),
    ],
    ids=[
        "a block bound",
        "a share left out",
        "a share lowered",
        "a row in no block",
        "a row moved",
        "no rows",
    ],
)
def test_what_adds_up_and_is_not_true_is_refuted(street, changes, refuted, bound):
    """Arithmetic alone adds these up to what they claim; a block that can be done for less refutes them."""
    told = certificate(**changes)
    problem = street()
    assert block_bound(problem, told) == told["bound"]
    reproof = reprove(BlockProof.read(problem, told), everything)
    assert reproof.numbers("refuted") == refuted
    assert not reproof.holds
    assert reproof.bound == bound


def test_whole_objectives_round_up(street):
    """Blocks that prove 2.5 stations together prove three; with costs in fractions they do not."""
    told = certificate(bounds=(3, 2))
    assert reprove(BlockProof.read(street(), told), lambda block: Finding(float(block.claimed))).holds
    assert block_bound(street(), told) == 3


@pytest.mark.parametrize("found", [None, float("nan"), float("inf"), 1.0])
def test_a_block_out_of_time_counts_with_what_is_proven(street, found):
    """A prover that ends early, says nothing or says what is no number leaves the block unproven."""
    reproof = reprove(
        BlockProof.read(street(), certificate()),
        lambda block: everything(block) if block.number else Finding(found),
    )
    assert (reproof.numbers("unproven"), reproof.holds) == ([0], False)
    assert reproof.claimed == 3
    assert reproof.bound == 2  # 1.5, or 2 with the half station that is proven, rounded up
    (left,) = reproof.to_dict()["not_proven"]
    assert (left["block"], left["claimed"], left["proven"]) == (0, 3, 1 if found == 1.0 else 0)


def test_a_prover_that_fails_proves_nothing(street):
    """A crash is a note on its block, and the others go on."""

    def prover(block):
        if block.number == 1:
            raise BackendCrashed("it ended with code 11")
        return everything(block)

    reproof = reprove(BlockProof.read(street(), certificate()), prover, threads=2)
    assert [block.verdict for block in reproof.blocks] == ["proven", "unproven"]
    assert reproof.blocks[1].note == "it ended with code 11"


def test_no_bound_is_believed_beyond_a_choice_that_is_there(street):
    """A prover that claims more than its own choice costs refutes the block all the same."""
    told = certificate(bounds=(4, 3))
    reproof = reprove(BlockProof.read(street(), told), lambda block: Finding(9.0, everything(block).values))
    assert reproof.numbers("refuted") == [0]
    assert [block.proven for block in reproof.blocks] == [3, 3]


@pytest.mark.parametrize("values", [[0.0, 0.0], [0.5, 0.5], [1.0]])
def test_a_choice_that_is_none_refutes_nothing(street, values):
    """Values that break a row, lie between 0 and 1 or are too few are not counted."""
    reproof = reprove(BlockProof.read(street(), certificate()), lambda _: Finding(None, np.array(values)))
    assert reproof.numbers("unproven") == [0, 1]


def test_a_stopped_run_says_what_it_has(street):
    """After the first block the run is stopped: the second is not tried, and the bound is the first's."""
    cancel, events = threading.Event(), []

    def prover(block):
        cancel.set()
        return everything(block)

    reproof = reprove(BlockProof.read(street(), certificate()), prover, on_event=events.append, cancel=cancel)
    assert reproof.interrupted
    assert not reproof.holds
    assert len(reproof.numbers("proven")) == 1
    assert [block.note for block in reproof.blocks if block.verdict == "unproven"] == ["not tried"]
    assert [event.stage for event in events] == [f"prove again: {k} of 2 blocks" for k in (1, 2)]


def test_shares_that_are_counted_by_weight(street):
    """A share of 0.4 at lambda = 1/4: rows are worth a quarter of their weight, and need not hold."""
    problem = street(share=0.4)
    told = certificate(bounds=(-2, -3), scale=2, bound=-2.5) | {"lambda": {"near": 0.25}}
    told["bound"] = float(block_bound(problem, told))
    proof = BlockProof.read(problem, told)
    first, second = proof.blocks()
    assert sorted(first.cost.tolist()) == [-2, -1, 1, 2]
    assert sorted(second.cost.tolist()) == [-4, -3, 1, 2]
    reproof = reprove(proof, everything)
    assert [block.proven for block in reproof.blocks] == [-1, -4]
    assert reproof.numbers("refuted") == [1]
    assert reproof.bound == 0  # 0.4 * 10 / 4 = 1, less 5/4


def test_an_upper_bound_when_maximising(street):
    """One station at mu = 5 serves weight 5 at most; blocks in which it pays in part prove no less."""
    problem = street(required=False, objective={"maximise": "weight", "stations": 1})
    shares = {("s0", 0): 10, ("s1", 0): 4, ("s1", 1): 6, ("s2", 1): 10}
    told = certificate(bounds=(0, 0), bound=5.0, shares=shares) | {"mu": 5.0}
    reproof = reprove(BlockProof.read(problem, told), everything)
    assert (reproof.claimed, reproof.bound, reproof.maximise, reproof.holds) == (5, 5, True, True)
    nobody_pays = told | {"shares": {"site": [], "block": [], "share": []}}
    worse = reprove(BlockProof.read(problem, nobody_pays), everything)
    assert worse.numbers("refuted") == [0, 1]
    assert worse.bound == 15  # mu, and everybody is served for nothing


def test_backup_counts_every_station(street):
    """Two stations for b and c within 2 km: a block that pays for one of them has the other for nothing."""
    problem = street(radius="2 km", stations=2)
    rows = {"b": 0, "c": 1}
    shares = {("s0", 0): 2, ("s1", 0): 2, ("s2", 1): 2}
    proof = BlockProof.read(problem, certificate(shares=shares, rows=rows, bounds=(2, 0), bound=1.0))
    first, second = proof.blocks()
    assert (first.cost.tolist(), first.rows.toarray().tolist(), first.least.tolist()) == (
        [2, 2],
        [[1, 1]],
        [2],
    )
    assert (second.cost.tolist(), second.least.tolist()) == ([2], [1])
    assert [block.proven for block in reprove(proof, everything).blocks] == [4, 2]


@pytest.mark.parametrize("status", ["existing", "required"])
def test_sites_that_stand_or_must_pay_nothing_in_blocks(street, status):
    """What is open anyway is paid for besides: a share of it is refused; without one its rows hold."""
    problem = street(status=(status, "candidate", "candidate"))
    with pytest.raises(InputError, match="site s0 pays the blocks"):
        BlockProof.read(problem, certificate())
    told = certificate(bounds=(0, 3), shares={("s1", 0): 1, ("s1", 1): 1, ("s2", 1): 2})
    reproof = reprove(BlockProof.read(problem, told), everything)
    assert reproof.bound == (2 if status == "existing" else 3)
    assert reproof.numbers("refuted") == []


def test_a_forbidden_site_serves_nobody(street):
    """b and c have the middle site alone at 600 m; where it is forbidden they ask for nothing."""
    problem = street(status=("candidate", "forbidden", "candidate"))
    reproof = reprove(BlockProof.read(problem, certificate()), everything)
    assert [block.proven for block in reproof.blocks] == [2, 2]
    assert reproof.bound == 2


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("scale", -1),
        ("scale", 10**9),
        ("scale", "1"),
        ("mu", float("nan")),
        ("mu", -1.0),
        ("lambda", {"near": -1.0}),
        ("lambda", {"far": 1.0}),
        ("rows", {"far": {"rows": [], "block": []}}),
        ("rows", {"near": {"rows": ["a"], "block": []}}),
        ("rows", {"near": {"rows": ["a", "a"], "block": [0, 1]}}),
        ("rows", {"near": {"rows": ["nobody"], "block": [0]}}),
        ("rows", {"near": {"rows": ["a"], "block": [2]}}),
        ("rows", {"near": {"rows": ["a"], "block": [-1]}}),
        ("bounds", [3, None]),
        ("bounds", [3.5, 3]),
        ("bound", float("inf")),
        ("shares", {"site": ["s0"], "block": [0], "share": [-1]}),
        ("shares", {"site": ["s0"], "block": [0], "share": [3]}),
        ("shares", {"site": ["s1", "s1"], "block": [0, 1], "share": [2, 1]}),
        ("shares", {"site": ["s0", "s0"], "block": [0, 0], "share": [1, 1]}),
        ("shares", {"site": ["nowhere"], "block": [0], "share": [1]}),
        ("shares", {"site": ["s0"], "block": [0]}),
        ("shares", None),
    ],
)
def test_what_cannot_be_is_refused(street, path, value):
    """Whatever entry is of another kind, out of range, or names what is not there."""
    problem, told = street(), copy.deepcopy(certificate()) | {path: value}
    with pytest.raises(InputError):
        block_bound(problem, told)
    del told[path]
    with pytest.raises(InputError):
        block_bound(problem, told)


def test_numbers_beyond_solvers_are_refused(street):
    """Whole numbers that floating point does not hold would be solved wrong."""
    problem = street(objective={"minimise": "stations"})
    told = certificate(scale=60, bounds=(0, 0), shares={("s0", 0): 1 << 60})
    assert block_bound(problem, told) == 0
    with pytest.raises(InputError, match="too large"):
        BlockProof.read(problem, told).blocks()


@pytest.mark.parametrize("maximise", [False, True])
def test_a_float_is_never_a_better_bound(maximise):
    """A third is no float: below it when minimising, above it when maximising; a half is one."""
    third = Fraction(1, 3)
    assert (Fraction(outward(third, maximise=maximise)) > third) is maximise
    assert outward(Fraction(1, 2), maximise=maximise) == 0.5
