"""Which stations to build, to keep and to close, as a plain model in PuLP; no code of chargeplan.

Run as a program it reads a case as JSON from its standard input and prints the best objective. PuLP is not
imported elsewhere, since it may import highspy, which cannot share a process with OR-Tools.
"""

from __future__ import annotations

import json
import subprocess
import sys


def best(case: dict) -> float:
    """Solve a case in a process of its own.

    `case` holds `within` (the sites in reach of each demand point) and `weight`; for each site `cost`, or
    `keep` and `close` where a station stands, None being none; and `share` of the weight to be served at the
    least cost, or `budget` for the most weight.
    """
    command = [sys.executable, __file__]
    done = subprocess.run(command, input=json.dumps(case), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


def _solve(case: dict) -> float:
    import pulp

    sites, points = range(len(case["cost"])), range(len(case["weight"]))
    stands = [keep is not None for keep in case["keep"]]
    model = pulp.LpProblem("closing", pulp.LpMaximize if "budget" in case else pulp.LpMinimize)
    station = [pulp.LpVariable(f"open_{j}", cat="Binary") for j in sites]
    closed = [pulp.LpVariable(f"closed_{j}", cat="Binary") for j in sites]
    served = [pulp.LpVariable(f"served_{i}", cat="Binary") for i in points]
    spent = []
    for j in sites:
        spent.append((case["keep"] if stands[j] else case["cost"])[j] * station[j])
        if not stands[j]:
            continue
        model += station[j] + closed[j] == 1
        if case["close"][j] is None:
            model += closed[j] == 0
        else:
            spent.append(case["close"][j] * closed[j])
    for i in points:
        model += served[i] <= pulp.lpSum(station[j] for j in case["within"][i])
    weight = pulp.lpSum(case["weight"][i] * served[i] for i in points)
    if "budget" in case:
        model += pulp.lpSum(spent) <= case["budget"]
        model.setObjective(weight)
    else:
        model += weight >= case["share"] * sum(case["weight"])
        model.setObjective(pulp.lpSum(spent))
    status = model.solve(pulp.PULP_CBC_CMD(msg=False, gapRel=0.0))
    assert pulp.LpStatus[status] == "Optimal"
    return float(pulp.value(model.objective))


if __name__ == "__main__":
    sys.stdout.write(f"{_solve(json.load(sys.stdin))!r}\n")
