"""What to open when as a plain PuLP program, in a process of its own: PuLP imports highspy, which OR-Tools
cannot share a process with. Reads a question as JSON on stdin, prints the best objective or null.
"""

from __future__ import annotations

import json
import sys

import pulp


def best(asked: dict) -> float | None:  # noqa: PLR0912 - written down term by term
    """Write the question down term by term, with a variable for every opening, and solve it by CBC."""
    sites, periods = range(len(asked["cost"])), range(len(asked["price"]))
    maximise = asked["maximise"]
    program = pulp.LpProblem("periods", pulp.LpMaximize if maximise else pulp.LpMinimize)
    y = pulp.LpVariable.dicts("y", (periods, sites), cat="Binary")
    opens = pulp.LpVariable.dicts("u", (periods, sites), 0, 1)
    rows = range(len(asked["rows"]))
    x = pulp.LpVariable.dicts("x", (periods, rows), cat="Binary")
    spent = [pulp.lpSum(asked["cost"][j] * opens[t][j] for j in sites) for t in periods]
    held = [
        pulp.lpSum(asked["value"][asked["group"][i]] * asked["weight"][i] * x[t][i] for i in rows)
        for t in periods
    ]
    if maximise:
        program += pulp.lpSum(asked["worth"][t] * held[t] for t in periods)
    else:
        program += pulp.lpSum(asked["price"][t] * spent[t] for t in periods)
    for t in periods:
        for j in sites:
            before = y[t - 1][j] if t else int(asked["standing"][j])
            program += opens[t][j] >= y[t][j] - before
            program += y[t][j] >= before
            if asked["standing"][j]:
                program += y[t][j] == 1
        for i in rows:
            program += pulp.lpSum(y[t][j] for j in asked["rows"][i]) >= x[t][i]
        for k, target in enumerate(asked["targets"][t]):
            members = [i for i in rows if asked["group"][i] == k]
            program += pulp.lpSum(asked["weight"][i] * x[t][i] for i in members) >= target
            if asked["whole"][t][k]:
                program += pulp.lpSum(x[t][i] for i in members) >= len(members)
        if asked["budgets"][t] is not None:
            if asked["carry_over"]:
                program += pulp.lpSum(spent[: t + 1]) <= sum(asked["budgets"][: t + 1])
            else:
                program += spent[t] <= asked["budgets"][t]
    if asked["limit"] is not None:
        program += pulp.lpSum(spent) <= asked["limit"]
    program.solve(pulp.PULP_CBC_CMD(msg=False, threads=1))
    if pulp.LpStatus[program.status] != "Optimal":
        return None
    return pulp.value(program.objective)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(best(json.load(sys.stdin))) + "\n")
