"""Stations and chargers in plain PuLP, solved by CBC: a question in JSON on standard input, answered in JSON.

Every station by itself, one binary variable for each number of chargers, and shares of demand points by the
classic rows of closest assignment (Wagner & Falkson 1975).
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pulp

SAME = 1e-6


def erlang_c(load: float, chargers: int) -> float:
    """The chance of waiting."""
    blocking = 1.0
    for n in range(1, chargers + 1):
        blocking = load * blocking / (n + load * blocking)
    return chargers * blocking / (chargers - load * (1 - blocking))


def kept(asked: dict[str, Any], kind: int, load: float, chargers: int) -> bool:
    """Whether so many chargers keep the promise."""
    if load == 0.0:
        return True
    if chargers <= load:
        return False
    late = math.exp(-(chargers - load) * asked["wait"] / asked["stay"][kind])
    return erlang_c(load, chargers) * late <= asked["chance"]


def most_load(asked: dict[str, Any], kind: int, chargers: int) -> float:
    """The greatest load that so many chargers carry."""
    low, high = 0.0, float(chargers)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(asked, kind, middle, chargers) else (low, middle)
    return low


class Model:
    """Variables and rows of one question."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.model = pulp.LpProblem("charging", pulp.LpMinimize)
        self.sites, self.kinds = range(len(asked["open"])), range(len(asked["price"]))
        self.open = [pulp.LpVariable(f"y_{j}", cat="Binary") for j in self.sites]
        self.new = [
            [pulp.LpVariable(f"n_{j}_{k}", 0, 1e6, cat="Integer") for k in self.kinds] for j in self.sites
        ]
        self.homes = [
            pulp.LpVariable(f"h_{k}", 0, 1e6, cat="Integer") for k in range(len(asked["home_price"]))
        ]
        self.missed: list[Any] = []
        self.fix()
        self.rooms()
        for rule in asked["rules"]:
            self.rule(rule)
        self.grid()

    def lack(self, name: str) -> Any:
        """A number of chargers that are missed."""
        lacks = pulp.LpVariable(f"m_{name}_{len(self.missed)}", 0, 1e6, cat="Integer")
        self.missed.append(lacks)
        return lacks

    def fix(self) -> None:
        """Set the sites whose state is given."""
        for j in self.sites:
            if self.asked["given"][j]:
                self.model += self.open[j] == 1
            if self.asked["forbidden"][j]:
                self.model += self.open[j] == 0

    def left(self, j: int) -> int:
        """The chargers that fit beside those that stand."""
        return max(math.floor(self.asked["room"][j]) - sum(self.asked["standing"][j]), 0)

    def rooms(self) -> None:
        """Build at stations alone, and no more than fits."""
        for j in self.sites:
            self.model += pulp.lpSum(self.new[j]) <= self.left(j) * self.open[j]

    def rule(self, rule: dict[str, Any]) -> None:
        """Count what a rule counts."""
        here = [j for j in self.sites if rule["district"] in {None, self.asked["district"][j]}]
        counted = [k for k in self.kinds if rule["counted"][k]]
        there = [sum(self.asked["standing"][j][k] for k in counted) * (not rule["new"]) for j in self.sites]
        everything = [sum(self.asked["standing"][j]) * (not rule["new"]) for j in self.sites]
        of_type = pulp.lpSum(self.new[j][k] for j in here for k in counted) + pulp.lpSum(
            there[j] * self.open[j] for j in here
        )
        whole = pulp.lpSum(self.new[j][k] for j in here for k in self.kinds) + pulp.lpSum(
            everything[j] * self.open[j] for j in here
        )
        if rule["share"]:
            self.model += of_type + self.lack("share") >= rule["share"] * whole
        if rule["district"] is None:
            of_type += pulp.lpSum(h for k, h in enumerate(self.homes) if rule["counted"][len(self.kinds) + k])
        if rule["least"]:
            self.model += of_type + self.lack("least") >= rule["least"]
        if rule["most"] < 10**9:
            self.model += of_type <= max(rule["most"], sum(there[j] for j in here if self.asked["given"][j]))

    def grid(self) -> None:
        """Draw no more at a substation than it has left."""
        asked = self.asked
        for at, spare in enumerate(asked["spare"] if asked["of_site"] else []):
            mine = [j for j in self.sites if asked["of_site"][j] == at]
            drawn = pulp.lpSum(asked["kw"][k] * self.new[j][k] for j in mine for k in self.kinds)
            self.model += asked["simultaneity"] * drawn <= spare

    def needs(self, floors: list[list[int]]) -> None:
        """Have the new chargers that given stations need."""
        for j in self.sites:
            floor = floors[j]
            lacks = [self.lack(f"load_{j}_{k}") for k in self.kinds]
            for k in self.kinds:
                self.model += self.new[j][k] + lacks[k] >= floor[k] * self.open[j]
            least = min(max(self.asked["least"] - sum(self.asked["standing"][j]), 0), self.left(j))
            everything = pulp.lpSum(self.new[j]) + pulp.lpSum(lacks)
            self.model += everything + self.lack(f"all_{j}") >= max(least, sum(floor)) * self.open[j]

    def covering(self) -> None:
        """Keep the standard."""
        asked = self.asked
        covered = []
        for i, within in enumerate(asked["within"]):
            x = pulp.LpVariable(f"x_{i}", cat="Binary")
            covered.append(x)
            reach = pulp.lpSum(self.open[j] for j in self.sites if within[j])
            self.model += reach >= asked["stations"] * x
            if asked["share"] == 1.0:
                self.model += x == 1
        weight = asked["weight"]
        self.model += pulp.lpSum(w * x for w, x in zip(weight, covered, strict=True)) >= asked["share"] * sum(
            weight
        )

    def charge(self) -> None:
        """Share the demand out, and have chargers for it."""
        asked = self.asked
        load: list[list[Any]] = [[] for _ in self.sites]
        for i, (weight, metres) in enumerate(zip(asked["weight"], asked["metres"], strict=True)):
            order = sorted(self.sites, key=lambda j: (metres[j], j))
            if not asked["nearest"]:
                order = [j for j in order if asked["within"][i][j]]
            z = {j: pulp.LpVariable(f"z_{i}_{j}", 0, 1) for j in order}
            self.model += pulp.lpSum(z.values()) == 1
            for place, j in enumerate(order):
                self.model += z[j] <= self.open[j]
                if asked["nearest"]:
                    self.model += pulp.lpSum(z[other] for other in order[: place + 1]) >= self.open[j]
                load[j].append(weight * asked["kw_per_weight"] * z[j])
        total = sum(asked["weight"]) * asked["kw_per_weight"]
        for j in self.sites:
            for k in self.kinds:
                self.chargers(j, k, pulp.lpSum(load[j]) * asked["part"][k], total * asked["part"][k])

    def chargers(self, j: int, k: int, load: Any, most: float) -> None:
        """Choose one number of chargers, which carries the load."""
        enough = next(n for n in range(10**6) if kept(self.asked, k, most, n))
        enough = min(enough, self.left(j) + self.asked["standing"][j][k])
        chosen = [pulp.LpVariable(f"c_{j}_{k}_{n}", cat="Binary") for n in range(enough + 1)]
        self.model += pulp.lpSum(chosen) == 1
        self.model += load <= pulp.lpSum(most_load(self.asked, k, n) * c for n, c in enumerate(chosen) if n)
        there = self.asked["standing"][j][k] * self.open[j]
        self.model += self.new[j][k] + there >= pulp.lpSum(n * c for n, c in enumerate(chosen))

    def least(self) -> None:
        """Have the least number of chargers at every station."""
        for j in self.sites:
            there = sum(self.asked["standing"][j])
            self.model += pulp.lpSum(self.new[j]) >= (self.asked["least"] - there) * self.open[j]

    def cost(self) -> Any:
        """What stations and chargers cost."""
        asked = self.asked
        stations = pulp.lpSum(
            asked["open"][j] * self.open[j] + asked["closed"][j] * (1 - self.open[j]) for j in self.sites
        )
        return stations + self.chargers_cost()

    def chargers_cost(self) -> Any:
        """What chargers cost."""
        price = self.asked["price"]
        built = pulp.lpSum(price[k] * self.new[j][k] for j in self.sites for k in self.kinds)
        return built + pulp.lpSum(p * h for p, h in zip(self.asked["home_price"], self.homes, strict=True))

    def solve(self, objective: Any) -> float | None:
        """The least; None where there is none."""
        self.model.setObjective(objective)
        status = self.model.solve(pulp.PULP_CBC_CMD(msg=False, threads=1, gapRel=0.0))
        return float(pulp.value(objective) or 0.0) if status == pulp.LpStatusOptimal else None


def sized(asked: dict[str, Any]) -> dict[str, Any]:
    """Chargers of given stations: the fewest missed, then the least cost."""
    asked = asked | {"given": asked["opened"], "forbidden": [not each for each in asked["opened"]]}
    model = Model(asked)
    model.needs(asked["floors"])
    missed = pulp.lpSum(model.missed)
    fewest = round(model.solve(missed) or 0.0) if model.missed else 0
    model.model += missed <= fewest
    return {"missed": fewest, "cost": model.solve(model.chargers_cost())}


def planned(asked: dict[str, Any]) -> dict[str, Any]:
    """Stations and chargers together, nothing missed."""
    model = Model(asked)
    model.covering()
    model.least()
    if asked["kw_per_weight"]:
        model.charge()
    model.model += pulp.lpSum(model.missed) <= 0
    return {"cost": model.solve(model.cost())}


if __name__ == "__main__":
    question = json.load(sys.stdin)
    sys.stdout.write(json.dumps((sized if "floors" in question else planned)(question)) + "\n")
