"""First half of the solver: who stands how far away.

Levels are whole numbers from 0 (nearest) to `SPAN`, found by CP-SAT: what is asked is hard; soft are that a thing stands
where it stood, or where its size suggests, that what rests on or in a thing, or is near it, is as far as the thing, and that
asked differences are wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from spacestudio.domain.depth import FAR_NEAR_RATIO, RATIO_RANGE
from spacestudio.layouts.asked import Ask
from spacestudio.relations.depth import THRESHOLD
from spacestudio.relations.support import REACH

SPAN = 1000
"""Level of the farthest place."""
SLACK = 1.06
"""An asked difference exceeds its rule's threshold by this factor."""
WIDE = 120
"""An asked difference in depth grows to this many levels where nothing speaks against it (ours)."""


@dataclass(frozen=True)
class Curve:
    """How levels become distances.

    `even`: a step counts the same everywhere when the picture's far/near ratio is taken as 3, the case in which differences
    are smallest; so what is in front stays in front under every assumed ratio. Otherwise equal log steps up to ratio 10,
    which hold more levels apart.
    """

    even: bool

    def distance(self, level: int) -> float:
        """1 at level 0, `FAR_NEAR_RATIO` at `SPAN`."""
        share = level / SPAN
        if not self.even:
            return float(FAR_NEAR_RATIO**share)
        low = RATIO_RANGE[0]
        return float(1 + (FAR_NEAR_RATIO - 1) * (low**share - 1) / (low - 1))

    def step(self, ratio: float) -> int:
        """Levels that make one distance at least `ratio` times another, anywhere."""
        return math.ceil(math.log(ratio) / math.log(RATIO_RANGE[0] if self.even else FAR_NEAR_RATIO) * SPAN)

    def touching(self) -> int:
        """Levels over which two things still touch, anywhere."""
        level = 0
        while True:
            near, far = self.distance(0), self.distance(level + 1)
            if (far - near) / ((far + near) / 2) > REACH * 0.95:
                return level
            level += 1


@dataclass(frozen=True)
class Standing:
    """The answer: places nearest first, and the distance of each place."""

    order: tuple[int, ...]
    z: tuple[float, ...]


def stand(
    asked: Sequence[Ask], wish: Sequence[float], order: Sequence[int], reach: float, seed: int, close: int = 1
) -> Standing | None:
    """Distances under which every asked depth relation holds; None when there are none.

    Args:
        asked: what is asked; only depth and support matter here.
        wish: for each object where it would like to stand, 0 nearest to 1 farthest.
        order: places whose order nearest first is asked; may be empty.
        reach: largest length of a viewing ray over its depth, in this picture.
        seed: for the solver.
        close: weight of standing together where nearness is asked.
    """
    for curve in (Curve(True), Curve(False)):
        levels = _levels(curve, asked, wish, order, reach, seed, close)
        if levels is not None:
            lowest = min(levels, default=0)
            distances = [curve.distance(level - lowest) for level in levels]
            return Standing(_sorted(levels, asked, wish, order), tuple(distances))
    return None


def _levels(
    curve: Curve, asked: Sequence[Ask], wish: Sequence[float], order: Sequence[int], reach: float, seed: int, close: int
) -> list[int] | None:
    limit = THRESHOLD * SLACK * reach / 2
    apart = curve.step((1 + limit) / (1 - limit))
    touching = curve.touching()
    model = cp_model.CpModel()
    n = len(wish)
    level = [model.new_int_var(0, SPAN, f"level{i}") for i in range(n)]
    cost: list[cp_model.LinearExprT] = []

    def distance(expression: cp_model.LinearExprT, weight: int, label: str) -> None:
        size = model.new_int_var(0, SPAN, label)
        model.add(size >= expression)
        model.add(size >= -expression)
        cost.append(weight * size)

    def shortfall(gap: cp_model.LinearExprT, wanted: int, weight: int, label: str) -> None:
        lack = model.new_int_var(0, 2 * SPAN, label)
        model.add(lack >= wanted - gap)
        cost.append(weight * lack)

    for i, share in enumerate(wish):
        distance(level[i] - round(share * SPAN), 1, f"wish{i}")
    for nearer, farther in pairwise(order):
        model.add(level[farther] >= level[nearer] + 1)
    for k, ask in enumerate(asked):
        gap = level[ask.b] - level[ask.a]
        match ask.predicate, ask.holds:
            case "in front of", True:
                model.add(gap >= apart)
                shortfall(gap, max(apart, WIDE), 5, f"ask{k}")
            case "in front of", False:
                model.add(gap <= 0)
                shortfall(-gap, apart, 6, f"ask{k}")
            case "at the same depth", True:
                model.add(gap == 0)
            case "at the same depth", False:
                behind = model.new_bool_var(f"ask{k}")
                model.add(gap >= apart).only_enforce_if(behind)
                model.add(gap <= -apart).only_enforce_if(~behind)
            case "on", True:
                model.add(gap <= touching)
                model.add(gap >= -touching)
                distance(gap, 10, f"ask{k}")
            case "inside", True:
                distance(gap, 4, f"ask{k}")
                shortfall(gap, 0, 4, f"ask{k}b")
            case ("near" | "beside", True) | ("far", False):
                distance(gap, 3 * close, f"ask{k}")
    model.minimize(sum(cost))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = 0.5
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return [solver.value(v) for v in level]


def _sorted(levels: Sequence[int], asked: Sequence[Ask], wish: Sequence[float], order: Sequence[int]) -> tuple[int, ...]:
    """Nearest first; on one level what rests on or in a thing comes before the thing, then by wish."""
    before: dict[int, set[int]] = {i: set() for i in range(len(levels))}
    for ask in asked:
        if ask.holds and ask.predicate in ("on", "inside") and levels[ask.a] == levels[ask.b]:
            before[ask.b].add(ask.a)
    out: list[int] = []
    left = sorted(range(len(levels)), key=lambda i: (levels[i], wish[i], i))
    while left:
        lowest = [i for i in left if levels[i] == levels[left[0]]]
        ready = next((i for i in lowest if not before[i] & set(left)), lowest[0])
        left.remove(ready)
        out.append(ready)
    return tuple(out)
