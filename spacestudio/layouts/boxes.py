"""Second half of the solver: where the boxes go, once it is known who stands how far away.

Whole-number constraints over a grid of `N` cells a side. With the distances known, every rule of the studio is linear in the
corners, or a choice between linear cases (areas aside); lengths in 3D are counted in cells at distance 1. Margins exceed the
rules' thresholds by more than the rounding of a kept box to the grid, so what the model asks, the rules find.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from ortools.sat.python import cp_model

from spacestudio.domain.camera import ASSUMED_FOV_DEG
from spacestudio.layouts.aims import Aim
from spacestudio.layouts.asked import Ask
from spacestudio.layouts.extract import REACH
from spacestudio.relations import depth, direction, distance, scale, support, topology

N = 1000
"""Cells along each side of the canvas."""
SMALLEST = 30
"""Narrowest and lowest a free box may be, in cells (ours)."""
CLEAR = 3
"""Cells by which "more than" is meant."""
GAP = 8
"""Cells left between boxes that need not overlap (ours)."""

Cells = tuple[int, int, int, int]
"""x0, y0, x1, y1 on the grid."""
Mode = Literal["possible", "stay", "apart", "overlap"]

_DIRECTION = round(direction.THRESHOLD * N) + CLEAR
_TOPOLOGY = round(topology.THRESHOLD * N) + 2
_SCALE = math.exp(scale.THRESHOLD)
_NEAR, _FAR = (distance.NEAR - distance.BAND) * 0.96, (distance.FAR + distance.BAND) * 1.04
_SHAPES = (1.0, 0.91, 1.1, 0.75, 1.33, 0.5, 2.0, 0.3, 3.3, 0.2, 5.0)
"""How much of "larger" comes from width rather than height, in the cases tried."""
_RIM, _OFF = support.CONTACT + support.BAND + 0.07, support.CONTACT - support.BAND - 0.05
_WIDTH = 2 * math.tan(math.radians(ASSUMED_FOV_DEG) / 2)
"""Width of what the assumed camera sees at distance 1."""

# Weights of what is wished, orders apart where one comes before the other.
_DOMINANT, _FIRM, _MOVED, _SHIFT, _RESHAPE = 400_000, 200_000, 6_000, 1, 2
LARGER, STRETCH = 2.0, 1.35
"""How far a free box may differ from the size and from the shape its label wants, where that leaves a layout (ours)."""
_LAP, _SIZE, _GROUND, _SPREAD = 40, 4, 2, 1

_LIMIT: Mapping[str, float] = {"possible": 1.0, "stay": 0.6, "apart": 0.15, "overlap": 1.0, "better": 0.02}
"""Deterministic time each step may take; about seconds on a fast machine."""


@dataclass(frozen=True)
class Problem:
    """What to place.

    Attributes:
        width, height: of the canvas, px.
        asked: every relation, hard.
        satisfied: places in `asked` of those that hold as long as both objects keep their box.
        order: objects nearest first.
        z: distance of each object.
        kept: boxes that would like to stay.
        fixed: boxes that must.
        aims: what each object would like.
        visible: least share of each object left visible by any one nearer box.
        seed: for the solver.
    """

    width: int
    height: int
    asked: tuple[Ask, ...]
    satisfied: frozenset[int]
    order: tuple[int, ...]
    z: tuple[float, ...]
    kept: Mapping[int, Cells]
    fixed: Mapping[int, Cells]
    aims: tuple[Aim, ...]
    visible: tuple[float, ...]
    seed: int = 0


@dataclass(frozen=True)
class Solved:
    """Boxes on the grid, which kept ones stayed, and what staying cost."""

    boxes: tuple[Cells, ...]
    stayed: frozenset[int]
    cost: int


class Impossible(Exception):
    """Proven: there is no such layout."""


class Unsure(Exception):
    """No layout found within the limit, and none ruled out."""


@dataclass(frozen=True)
class Lin:
    """A linear expression over model variables, by index; coefficients may be fractions."""

    terms: Mapping[int, float] = field(default_factory=dict)
    const: float = 0.0

    def __add__(self, other: Lin | float) -> Lin:
        if not isinstance(other, Lin):
            return Lin(self.terms, self.const + other)
        terms = dict(self.terms)
        for k, v in other.terms.items():
            terms[k] = terms.get(k, 0.0) + v
        return Lin(terms, self.const + other.const)

    def __neg__(self) -> Lin:
        return self * -1.0

    def __sub__(self, other: Lin | float) -> Lin:
        return self + (other * -1.0)

    def __mul__(self, factor: float) -> Lin:
        return Lin({k: v * factor for k, v in self.terms.items()}, self.const * factor)

    __rmul__ = __mul__


def solve(problem: Problem) -> Solved:
    """The best layout found: as little as possible moves, then overlaps; then sizes and places as wished.

    Raises:
        Impossible: there is none.
        Unsure: none was found within the limit.
    """
    frozen: dict[int, Cells] = dict(problem.fixed)
    if not problem.kept:
        for shaped in (True, False):
            try:
                return _Model(problem, "apart", frozen, hint=_aimed(problem), strict=True, shaped=shaped).run()
            except (Impossible, Unsure):
                continue
    first = _stay(problem)
    frozen |= {i: first.boxes[i] for i in first.stayed}
    if len(frozen) == len(problem.z):
        return first
    hint = _aimed(problem) | {i: first.boxes[i] for i in problem.kept}
    modes: tuple[Mode, ...] = ("apart", "overlap")
    for mode in modes:
        try:
            best = _Model(problem, mode, frozen, ceiling=first.cost, hint=hint).run()
            return replace(best, stayed=first.stayed | best.stayed)
        except (Impossible, Unsure):
            continue
    return first


def _stay(problem: Problem) -> Solved:
    """As little as possible moves: first only what unmet relations are about, then, if need be, anything."""
    hint = _aimed(problem) | dict(problem.kept)
    involved = {i for k, ask in enumerate(problem.asked) if k not in problem.satisfied for i in ask.pair}
    bystanders = {i: box for i, box in problem.kept.items() if i not in involved}
    if bystanders:
        try:
            found = _Model(problem, "stay", {**problem.fixed, **bystanders}, hint=hint).run()
            return replace(found, stayed=found.stayed | set(bystanders))
        except (Impossible, Unsure):
            pass
    return _Model(problem, "stay", dict(problem.fixed), hint=hint).run()


def _aimed(problem: Problem) -> dict[int, Cells]:
    """The aims as boxes."""
    out = {}
    for i, aim in enumerate(problem.aims):
        x0, y0 = max(0.0, aim.x - aim.width / 2), max(0.0, aim.bottom - aim.height)
        x1, y1 = min(1.0, x0 + aim.width), min(1.0, aim.bottom)
        out[i] = (round(x0 * N), round(y0 * N), round(x1 * N), round(y1 * N))
    return out


def possible(problem: Problem) -> bool:
    """False when proven that what is asked does not fit; nothing soft is looked at."""
    try:
        _Model(problem, "possible", dict(problem.fixed), hint=_aimed(problem)).run()
    except Impossible:
        return False
    except Unsure:
        return True
    return True


class _Model:
    """One CP-SAT model: the hard rules, and the wishes of its mode."""

    def __init__(
        self, problem: Problem, mode: Mode, frozen: Mapping[int, Cells], ceiling: int | None = None,
        hint: Mapping[int, Cells] | None = None, strict: bool = False, shaped: bool = False,
    ) -> None:  # fmt: skip
        self.p, self.mode, self.frozen, self.strict = problem, mode, frozen, strict
        self.m = cp_model.CpModel()
        self.variables: list[cp_model.IntVar] = []
        self.costs: list[tuple[int, Lin]] = []
        self.keeps: dict[tuple[int, int], cp_model.IntVar] = {}
        self.areas: dict[int, Lin] = {}
        self.choices: dict[int, tuple[int, ...]] = {}
        n = len(problem.z)
        self.rank = {i: k for k, i in enumerate(problem.order)}
        self.x0: list[Lin] = []
        self.y0: list[Lin] = []
        self.w: list[Lin] = []
        self.h: list[Lin] = []
        for i in range(n):
            for side, extent, low, high in ((self.x0, self.w, 0, 2), (self.y0, self.h, 1, 3)):
                box = frozen.get(i)
                smallest = min(SMALLEST, problem.kept[i][high] - problem.kept[i][low]) if i in problem.kept else SMALLEST
                first = (box[low], box[low]) if box else (0, N)
                size = (box[high] - box[low],) * 2 if box else (smallest, N)
                side.append(self.whole(*first))
                extent.append(self.whole(*size))
                if not box:
                    self.at_least(side[i] * -1 - extent[i], -N)
        self.x1 = [a + b for a, b in zip(self.x0, self.w, strict=True)]
        self.y1 = [a + b for a, b in zip(self.y0, self.h, strict=True)]
        self.stay: dict[int, cp_model.IntVar] = {}
        staying = self._stay_put()
        for k, ask in enumerate(problem.asked):
            self._ask(k, ask)
        self._share_the_view()
        if shaped:
            self._keep_shape()
        if mode == "stay":
            self.costs += staying
        elif mode != "possible":
            wished, self.costs = staying + self.costs, []
            if ceiling is not None and wished:
                self.at_least(self.total(wished) * -1, -ceiling)
            self._wish()
        for i, box in (hint or {}).items():
            x0, y0, x1, y1 = box
            for lin, value in ((self.x0[i], x0), (self.y0[i], y0), (self.w[i], x1 - x0), (self.h[i], y1 - y0)):
                self.m.add_hint(self.variable(lin), value)

    # Building blocks

    def whole(self, low: int, high: int) -> Lin:
        """A new whole number."""
        return self.of(self.m.new_int_var(low, high, ""))

    def of(self, variable: cp_model.IntVar) -> Lin:
        """A variable as an expression."""
        self.variables.append(variable)
        return Lin({len(self.variables) - 1: 1.0})

    def variable(self, lin: Lin) -> cp_model.IntVar:
        """The variable an expression consists of."""
        return self.variables[next(iter(lin.terms))]

    def literal(self, *about: int) -> cp_model.IntVar:
        """A new truth value, and the objects it is about."""
        out = self.m.new_bool_var("")
        self.choices[out.index] = about
        return out

    def at_least(self, lin: Lin, bound: float, when: Sequence[Any] = ()) -> None:
        """lin >= bound, when all of `when` hold."""
        bound -= lin.const
        terms = {k: v for k, v in lin.terms.items() if v}
        factor = 1.0
        if any(v != int(v) for v in (*terms.values(), bound)):
            factor = 20_000 / max(abs(v) for v in terms.values())
        weights = [round(v * factor) for v in terms.values()]
        total = cp_model.LinearExpr.weighted_sum([self.variables[k] for k in terms], weights)
        constraint = self.m.add(total >= math.ceil(bound * factor - 1e-6))
        if when:
            constraint.only_enforce_if(list(when))

    def one_of(self, pair: tuple[int, int], cases: Iterable[Sequence[tuple[Lin, float]]], when: Sequence[Any] = ()) -> None:
        """For a pair of objects at least one of the cases, each a set of inequalities (lin, bound)."""
        chosen = []
        for case in cases:
            literal = self.literal(*pair)
            for lin, bound in case:
                self.at_least(lin, bound, [literal])
            chosen.append(literal)
        clause = self.m.add_bool_or(chosen)
        if when:
            clause.only_enforce_if(list(when))

    def size_of(self, lin: Lin) -> Lin:
        """A number at least |lin|."""
        out = self.whole(0, 8 * N)
        self.at_least(out - lin, 0)
        self.at_least(out + lin, 0)
        return out

    def total(self, costs: Iterable[tuple[int, Lin]]) -> Lin:
        """Weighted sum."""
        out = Lin()
        for weight, lin in costs:
            out = out + lin * weight
        return out

    # Keeping

    def _stay_put(self) -> list[tuple[int, Lin]]:
        """Literals for boxes that stay, and the cost of those that move: how many, how far, how reshaped."""
        costs = []
        for i, (a, b, c, d) in self.p.kept.items():
            if i in self.frozen:
                continue
            stay = self.stay[i] = self.literal(i)
            for lin, value in ((self.x0[i], a), (self.y0[i], b), (self.w[i], c - a), (self.h[i], d - b)):
                self.m.add(self.variable(lin) == value).only_enforce_if(stay)
            costs.append((_MOVED, Lin({}, 1.0) - self.of(stay)))
            costs.append((_SHIFT, self.size_of(self.x0[i] + self.x1[i] - (a + c))))
            costs.append((2 * _SHIFT, self.size_of(self.y1[i] - d)))
            for extent, value in ((self.w[i], c - a), (self.h[i], d - b)):
                costs.append((_RESHAPE, self.size_of(extent - value)))
            shape = (self.w[i] * (d - b) - self.h[i] * (c - a)) * (1 / max(c - a, d - b))
            costs.append((_RESHAPE, self.size_of(shape)))
        return costs

    def _keep_shape(self) -> None:
        """Every free box has about the size and the shape its label wants, so that what is drawn there fills it."""
        for i, aim in enumerate(self.p.aims):
            if i in self.frozen or i in self.p.kept:
                continue
            for extent, share in ((self.w[i], aim.width), (self.h[i], aim.height)):
                self.at_least(extent, share * N / LARGER)
                self.at_least(extent * -1, -share * N * LARGER)
            self.at_least(self.w[i] * (aim.height * STRETCH) - self.h[i] * aim.width, 0)
            self.at_least(self.h[i] * (aim.width * STRETCH) - self.w[i] * aim.height, 0)

    def kept(self, i: int) -> bool:
        """Whether it has a place to stay."""
        return i in self.p.kept or i in self.p.fixed

    def unless_kept(self, i: int, j: int) -> list[Any] | None:
        """The condition "not both stay" for a pair; None when both stay for certain, [] when that can't be."""
        if not (self.kept(i) and self.kept(j)):
            return []
        loose = [self.stay[k] for k in (i, j) if k in self.stay]
        if not loose and i in self.frozen and j in self.frozen:
            return None
        pair = (min(i, j), max(i, j))
        if pair not in self.keeps:
            both = self.keeps[pair] = self.literal(*pair)
            for stay in loose:
                self.m.add_implication(both, stay)
        return [~self.keeps[pair]]

    # What is asked

    def _ask(self, k: int, ask: Ask) -> None:
        when: list[Any] = []
        if k in self.p.satisfied:
            condition = self.unless_kept(ask.a, ask.b)
            if condition is None:
                return
            when = condition
        elif all(i in self.p.fixed for i in ask.pair) and ask.predicate not in ("in front of", "at the same depth"):
            self.m.add_bool_or([])
            return
        rule = _RULES.get(ask.predicate)
        if rule is None:
            return
        rule(self, ask, when)
        for weight, wish in ((_FIRM, self._firmly(ask)), (_DOMINANT, self._dominantly(ask))):
            if wish is not None and self.mode != "possible":
                literal = self.literal(*ask.pair)
                wish([literal, *when])
                if self.strict:
                    self.m.add_bool_or([literal])
                self.costs.append((weight, Lin({}, 1.0) - self.of(literal)))

    def _firmly(self, ask: Ask) -> Callable[[list[Any]], None] | None:
        """A false relation would like to be false by the full margin."""
        if ask.holds or ask.predicate not in _FIRM_RULES:
            return None
        return lambda when: _FIRM_RULES[ask.predicate](self, ask, when)

    def _dominantly(self, ask: Ask) -> Callable[[list[Any]], None] | None:
        """A direction would like to be the one a graph stores: the larger of the two offsets, unless both are asked."""
        if not ask.holds or ask.frame != "image" or ask.predicate not in ("left of", "above"):
            return None
        others = ("above", "on") if ask.predicate == "left of" else ("left of",)
        if any(o.pair == ask.pair and o.holds and o.frame == "image" and o.predicate in others for o in self.p.asked):
            return None
        along, across = self._offsets(ask)

        def wish(when: list[Any]) -> None:
            for sign in (1, -1):
                self.at_least(along + across * sign, 2 * CLEAR, when)

        return wish

    def _offsets(self, ask: Ask) -> tuple[Lin, Lin]:
        """Twice the offset of the centres along the asked axis and across it."""
        dx = self.x0[ask.b] + self.x1[ask.b] - self.x0[ask.a] - self.x1[ask.a]
        dy = self.y0[ask.b] + self.y1[ask.b] - self.y0[ask.a] - self.y1[ask.a]
        return (dx, dy) if ask.predicate == "left of" else (dy, dx)

    def sticks_out(self, i: int, j: int, by: int) -> list[list[tuple[Lin, float]]]:
        """The ways in which i is not inside j."""
        return [
            [(self.x0[j] - self.x0[i], by)], [(self.x1[i] - self.x1[j], by)],
            [(self.y0[j] - self.y0[i], by)], [(self.y1[i] - self.y1[j], by)],
        ]  # fmt: skip

    def sides(self, i: int, j: int, gap: int) -> list[list[tuple[Lin, float]]]:
        """The ways in which the boxes don't overlap."""
        return [
            [(self.x0[j] - self.x1[i], gap)], [(self.x0[i] - self.x1[j], gap)],
            [(self.y0[j] - self.y1[i], gap)], [(self.y0[i] - self.y1[j], gap)],
        ]  # fmt: skip

    def insets(self, i: int, j: int) -> tuple[Lin, ...]:
        """How far i's sides lie within j's."""
        return self.x0[i] - self.x0[j], self.x1[j] - self.x1[i], self.y0[i] - self.y0[j], self.y1[j] - self.y1[i]

    def strips(self, i: int, j: int) -> tuple[Lin, ...]:
        """What must be positive for the boxes to overlap."""
        return self.x1[i] - self.x0[j], self.x1[j] - self.x0[i], self.y1[i] - self.y0[j], self.y1[j] - self.y0[i]

    def area(self, i: int) -> Lin:
        """Width times height."""
        if i not in self.areas:
            product = self.m.new_int_var(0, N * N, "")
            self.m.add_multiplication_equality(product, [self.variable(self.w[i]), self.variable(self.h[i])])
            self.areas[i] = self.of(product)
        return self.areas[i]

    # The camera's frame, in cells at distance 1

    @cached_property
    def tall(self) -> float:
        """Height of a cell over its width."""
        return self.p.height / self.p.width

    def point(self, i: int, axis: str, share: float) -> Lin:
        """x or y of the point that far across or down object i."""
        z = self.p.z[i]
        first, extent = (self.x0[i], self.w[i]) if axis == "x" else (self.y0[i], self.h[i])
        out: Lin = (first + extent * share - N / 2) * (z if axis == "x" else z * self.tall)
        return out

    def depth_gap(self, i: int, j: int) -> float:
        """Difference of the distances."""
        return abs(self.p.z[i] - self.p.z[j]) * N / _WIDTH

    def reach(self, i: int, j: int) -> float:
        """At least the mean length of the two viewing rays."""
        corner = math.sqrt(1 + (_WIDTH / 2) ** 2 * (1 + self.tall**2))
        return (self.p.z[i] + self.p.z[j]) / 2 * corner * N / _WIDTH

    def reach_below(self, i: int, j: int) -> float:
        """At most the mean length of the two viewing rays."""
        return (self.p.z[i] + self.p.z[j]) / 2 * N / _WIDTH

    def span(self, i: int) -> tuple[Lin, Lin]:
        """Width and height of the 10-90 % box."""
        return self.w[i] * (0.8 * self.p.z[i]), self.h[i] * (0.8 * self.p.z[i] * self.tall)

    def sizes_above(self, i: int, j: int) -> list[Lin]:
        """Expressions whose largest is at least the pair's mean diagonal: sqrt(u² + v²) <= max + 0.4143 min."""
        either = [(u + v * 0.4143, v + u * 0.4143) for u, v in (self.span(i), self.span(j))]
        return [(a + b) * 0.5 for a in either[0] for b in either[1]]

    def size_below(self, i: int, j: int) -> Lin:
        """At most the pair's mean diagonal."""
        total = Lin()
        for u, v in (self.span(i), self.span(j)):
            total = total + (u + v) * (0.5 * math.sqrt(0.5))
        return total

    def apart(self, i: int, j: int, times: float) -> list[list[tuple[Lin, float]]]:
        """The ways in which the gap is at least that many mean sizes."""
        sizes = self.sizes_above(i, j)
        cases = []
        for axis in ("x", "y"):
            for a, b in ((i, j), (j, i)):
                gap = self.point(b, axis, 0.1) - self.point(a, axis, 0.9)
                cases.append([(gap - size * times, 0.0) for size in sizes])
        away = self.depth_gap(i, j)
        if away > 0:
            cases.append([(size * -times, -away) for size in sizes])
        return cases

    def close(self, i: int, j: int, times: float, when: Sequence[Any]) -> None:
        """The gap, counted as the sum along the axes, is at most that many mean sizes."""
        total = Lin({}, self.depth_gap(i, j))
        for axis in ("x", "y"):
            gap = self.whole(0, 20 * N)
            for a, b in ((i, j), (j, i)):
                self.at_least(gap - self.point(b, axis, 0.1) + self.point(a, axis, 0.9), 0)
            total = total + gap
        self.at_least(self.size_below(i, j) * times - total, 0, when)

    # View and wishes

    def _share_the_view(self) -> None:
        """No box hides more of a farther one than allowed; two that stay where they were are left as they were."""
        for k, near in enumerate(self.p.order):
            for far in self.p.order[k + 1 :]:
                when = self.unless_kept(near, far)
                if when is None or (self.mode == "apart" and self._needs_no_overlap(near, far)):
                    continue
                share = self.p.visible[far]
                hidden, corner = 1 - share, math.sqrt(1 - share)
                w, h = self.w[far], self.h[far]
                self.one_of(
                    (near, far),
                    [
                        [(self.x0[near] - self.x0[far] - w * share, 0)], [(self.x1[far] - self.x1[near] - w * share, 0)],
                        [(self.y0[near] - self.y0[far] - h * share, 0)], [(self.y1[far] - self.y1[near] - h * share, 0)],
                        [(w * hidden - self.w[near], 0)], [(h * hidden - self.h[near], 0)],
                        [(w * corner - self.w[near], 0), (h * corner - self.h[near], 0)],
                    ],
                    when,
                )  # fmt: skip

    def _needs_no_overlap(self, i: int, j: int) -> bool:
        pair = (min(i, j), max(i, j))
        return not any(
            ask.pair == pair
            and (ask.predicate, ask.holds) in (("on", True), ("inside", True), ("overlapping", True), ("separated", False))
            for ask in self.p.asked
        )

    def _wish(self) -> None:
        """Overlap, then sizes, then ground and spread, for what is free to move."""
        n = len(self.p.z)
        for i in range(n):
            for j in range(i + 1, n):
                if (i in self.frozen and j in self.frozen) or not self._needs_no_overlap(i, j):
                    continue
                if self.mode == "apart":
                    self.one_of((i, j), self.sides(i, j, GAP))
                else:
                    lap = self.whole(0, N)
                    self.one_of((i, j), [[(lin + lap, 0)] for case in self.sides(i, j, 0) for lin, _ in case])
                    self.costs.append((_LAP, lap))
        for i, aim in enumerate(self.p.aims):
            if i in self.frozen or i in self.p.kept:
                continue
            for extent, share in ((self.w[i], aim.width), (self.h[i], aim.height)):
                self.costs.append((_SIZE, self.size_of(extent - round(share * N))))
            self.costs.append((_SPREAD, self.size_of(self.x0[i] + self.x1[i] - round(2 * aim.x * N))))
            if not any(ask.holds and ask.predicate in ("on", "inside") and ask.a == i for ask in self.p.asked):
                self.costs.append((_GROUND, self.size_of(self.y1[i] - round(aim.bottom * N))))
        for ask in self.p.asked:
            if ask.holds and ask.predicate == "on" and not (ask.a in self.frozen and ask.b in self.frozen):
                a, b = ask.a, ask.b
                rest = self.y1[a] - self.y0[b] - self.h[b] * 0.25
                self.costs.append((_GROUND, self.size_of(rest)))
                for beyond in (self.x0[b] - self.x0[a], self.x1[a] - self.x1[b]):
                    over = self.whole(0, N)
                    self.at_least(over - beyond, 0)
                    self.costs.append((_SIZE, over))

    def run(self) -> Solved:
        """Solve: first any layout, near what is hinted; then better ones, one object's choices at a time.

        With every "which side" chosen the rest is linear and settled in no time; so are the choices about one object while
        those among the others stand. "stay" looks at all choices at once: there little is free.

        Raises:
            Impossible: there is no solution.
            Unsure: none was found.
        """
        goal = {k: round(v) for k, v in self.total(self.costs).terms.items() if v} if self.mode != "possible" else {}
        if self.mode == "stay" and goal:
            self._minimize(self.m, goal)
            return self._solved(self._answer(self.m, _LIMIT[self.mode]))
        values = self._answer(self.m, _LIMIT[self.mode])
        if goal:
            free = [i for i in self.p.order if i not in self.frozen]
            for i in (None, *free):
                values = self._better(goal, values, i)
        return self._solved(values)

    def _minimize(self, model: cp_model.CpModel, goal: Mapping[int, int]) -> None:
        model.minimize(cp_model.LinearExpr.weighted_sum([self.variables[k] for k in goal], list(goal.values())))

    def _better(self, goal: Mapping[int, int], values: Sequence[int], loose: int | None) -> Sequence[int]:
        """The best layout with all choices as in `values` but those about one object; `values` when none better is found."""
        model = self.m.clone()
        for index, about in self.choices.items():
            if loose not in about:
                domain = model.proto.variables[index].domain
                domain.clear()
                domain.extend([values[index]] * 2)
        model.clear_hints()
        for index, value in enumerate(values):
            model.add_hint(model.get_int_var_from_proto_index(index), value)
        self._minimize(model, goal)
        try:
            return self._answer(model, _LIMIT["better"])
        except (Impossible, Unsure):
            return values

    def _answer(self, model: cp_model.CpModel, limit: float) -> Sequence[int]:
        """The values of all variables, found within a deterministic time limit."""
        solver = cp_model.CpSolver()
        parameters = solver.parameters
        parameters.num_workers = 1
        parameters.random_seed = self.p.seed % (2**31 - 1)
        parameters.max_deterministic_time = limit
        parameters.linearization_level = 2
        status = solver.solve(model)
        if status == cp_model.INFEASIBLE:
            raise Impossible
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise Unsure
        values: Sequence[int] = list(solver.response_proto.solution)
        return values

    def _solved(self, values: Sequence[int]) -> Solved:
        def value(lin: Lin) -> int:
            out: int = sum(int(c) * values[self.variables[k].index] for k, c in lin.terms.items())
            return out + int(lin.const)

        boxes = tuple(
            (value(x), value(y), value(x) + value(w), value(y) + value(h))
            for x, y, w, h in zip(self.x0, self.y0, self.w, self.h, strict=True)
        )
        stayed = frozenset(i for i, box in self.p.kept.items() if boxes[i] == box)
        return Solved(boxes, stayed, value(self.total(self.costs)) if self.mode == "stay" else 0)


# The studio's rules as inequalities


def _direction_rule(m: _Model, ask: Ask, when: list[Any], firm: bool = False) -> None:
    sign = 1 if ask.holds else -1
    if ask.frame == "image":
        along, _ = m._offsets(ask)
        if ask.holds or firm:
            m.at_least(along * sign, 2 * _DIRECTION, when)
            m.one_of(ask.pair, m.sticks_out(ask.a, ask.b, CLEAR), when)
            m.one_of(ask.pair, m.sticks_out(ask.b, ask.a, CLEAR), when)
        else:
            m.at_least(-along, 0, when)
        return
    axis = "x" if ask.predicate == "left of" else "y"
    along = m.point(ask.b, axis, 0.5) - m.point(ask.a, axis, 0.5)
    least = direction.THRESHOLD * 1.04 * m.reach(ask.a, ask.b)
    m.at_least(along * sign, least if ask.holds or firm else 0, when)
    if ask.ranged and ask.holds:
        m.at_least(m.point(ask.b, axis, 0.1) - m.point(ask.a, axis, 0.9), 0, when)


def _level_rule(m: _Model, ask: Ask, when: list[Any], firm: bool = False) -> None:
    """Seen from a side the two are at the same depth: their centres are as far to the left."""
    along = m.point(ask.b, "x", 0.5) - m.point(ask.a, "x", 0.5)
    if ask.holds:
        most = (0.75 * depth.THRESHOLD - depth.SAME) * 0.96 * m.reach_below(ask.a, ask.b)
        m.at_least(along, -most, when)
        m.at_least(-along, -most, when)
    else:
        least = depth.THRESHOLD * 1.04 * m.reach(ask.a, ask.b)
        m.one_of(ask.pair, [[(along, least)], [(-along, least)]], when)


def _inside_rule(m: _Model, ask: Ask, when: list[Any], firm: bool = False) -> None:
    if ask.holds:
        for inset in m.insets(ask.a, ask.b):
            m.at_least(inset, _TOPOLOGY, when)
    else:
        m.one_of(ask.pair, m.sticks_out(ask.a, ask.b, _TOPOLOGY if firm else 0), when)


def _overlapping_rule(m: _Model, ask: Ask, when: list[Any], firm: bool = False) -> None:
    if ask.holds:
        for strip in m.strips(ask.a, ask.b):
            m.at_least(strip, _TOPOLOGY, when)
        m.one_of(ask.pair, m.sticks_out(ask.a, ask.b, CLEAR), when)
        m.one_of(ask.pair, m.sticks_out(ask.b, ask.a, CLEAR), when)
        return
    cases = m.sides(ask.a, ask.b, _TOPOLOGY if firm else 0)
    cases += [[(inset, _TOPOLOGY) for inset in m.insets(i, j)] for i, j in ((ask.a, ask.b), (ask.b, ask.a))]
    m.one_of(ask.pair, cases, when)


def _separated_rule(m: _Model, ask: Ask, when: list[Any], firm: bool = False) -> None:
    if ask.holds:
        m.one_of(ask.pair, m.sides(ask.a, ask.b, _TOPOLOGY), when)
        return
    for strip in m.strips(ask.a, ask.b):
        m.at_least(strip, _TOPOLOGY if firm else 0, when)


def _scale_rule(m: _Model, ask: Ask, when: list[Any], firm: bool = False) -> None:
    small, big = (ask.a, ask.b) if ask.holds else (ask.b, ask.a)
    by_far = ask.holds or firm
    if ask.predicate == "smaller":
        if m.mode in ("apart", "overlap"):  # linear cases; where none of them fits, "stay" has found a layout
            square = _SCALE**2 * 1.002 if by_far else 1.0
            cases = []
            for share in _SHAPES:
                pairs = ((m.w, square**0.5 * share), (m.h, square**0.5 / share))
                cases.append([(extent[big] - extent[small] * times, 1 + times) for extent, times in pairs])
            m.one_of(ask.pair, cases, when)
        elif by_far:  # (w - 1)(h - 1) of the big one >= 1.1² (w + 1)(h + 1) of the small one
            square = _SCALE**2 * 1.002
            left = m.area(big) - m.w[big] - m.h[big] + 1
            m.at_least(left - (m.area(small) + m.w[small] + m.h[small] + 1) * square, 0, when)
        else:
            m.at_least(m.area(big) - m.area(small), 0, when)
        return
    extent = m.w if ask.predicate == "narrower" else m.h
    if by_far:
        m.at_least(extent[big] - extent[small] * (_SCALE * 1.002), 1 + _SCALE, when)
    else:
        m.at_least(extent[big] - extent[small], 0, when)


def _near_rule(m: _Model, ask: Ask, when: list[Any], firm: bool = False) -> None:
    if ask.holds:
        m.close(ask.a, ask.b, _NEAR, when)
    else:
        m.one_of(ask.pair, m.apart(ask.a, ask.b, (distance.NEAR + (distance.BAND if firm else 0)) * 1.04), when)


def _far_rule(m: _Model, ask: Ask, when: list[Any], firm: bool = False) -> None:
    if ask.holds:
        m.one_of(ask.pair, m.apart(ask.a, ask.b, _FAR), when)
    else:
        m.close(ask.a, ask.b, (distance.FAR - (distance.BAND if firm else 0)) * 0.96, when)


def _beside_rule(m: _Model, ask: Ask, when: list[Any]) -> None:
    i, j = ask.pair
    across = m.point(j, "x", 0.5) - m.point(i, "x", 0.5)
    down = m.point(j, "y", 0.5) - m.point(i, "y", 0.5)
    away = m.depth_gap(i, j)
    if ask.holds:
        m.close(i, j, _NEAR, when)
        sizes = [size * (distance.BAND * 1.05) for size in m.sizes_above(i, j)]
        cases = []
        for sign in (1, -1):
            case = [(across * sign - size + down * s, 0.0) for size in sizes for s in (1, -1)]
            cases.append(case + [(across * sign - size, away) for size in sizes])
        m.one_of(ask.pair, cases, when)
        return
    cases = m.apart(i, j, distance.NEAR * 1.04)
    cases += [[(down * sign + across * s, 0.0) for s in (1, -1)] for sign in (1, -1)]
    cases.append([(across * s, -away) for s in (1, -1)])
    m.one_of(ask.pair, cases, when)


def _on_rule(m: _Model, ask: Ask, when: list[Any]) -> None:
    a, b = ask.a, ask.b
    reach = math.floor(max(2.0, round(REACH * m.p.height)) / m.p.height * N)
    meets = m.y1[a] - m.y0[b]
    if ask.holds:
        parted = any(o.pair == ask.pair and o.predicate == "separated" and o.holds for o in m.p.asked)
        m.at_least(meets, CLEAR - reach if parted else CLEAR, when)
        m.at_least(m.h[b] * 0.5 - meets, CLEAR, when)
        for strip in (m.w[b], m.x1[b] - m.x0[a], m.x1[a] - m.x0[b]):
            m.at_least(strip - m.w[a] * _RIM, 2, when)
        return
    m.one_of(
        ask.pair,
        [
            [(-meets, reach + CLEAR)], [(m.y1[a] - m.y1[b], CLEAR)],
            [(m.y0[a] + m.y1[a] - m.y0[b] - m.y1[b], CLEAR)],
            [(m.w[a] * _OFF - m.x1[b] + m.x0[a], 0)], [(m.w[a] * _OFF - m.x1[a] + m.x0[b], 0)],
            [(m.w[a] * _OFF - m.w[b], 0)],
        ],
        when,
    )  # fmt: skip


_RULES: Mapping[str, Callable[..., None]] = {
    "left of": _direction_rule, "above": _direction_rule, "as far to the side": _level_rule, "inside": _inside_rule,
    "overlapping": _overlapping_rule, "separated": _separated_rule, "smaller": _scale_rule, "narrower": _scale_rule,
    "shorter": _scale_rule, "near": _near_rule, "far": _far_rule, "beside": _beside_rule, "on": _on_rule,
}  # fmt: skip
"""Predicate -> what it asks of the boxes; depth was settled before."""


def _firm(rule: Callable[..., None]) -> Callable[..., None]:
    return lambda m, ask, when: rule(m, ask, when, firm=True)


_FIRM_RULES: Mapping[str, Callable[..., None]] = {
    name: _firm(rule) for name, rule in _RULES.items() if name not in ("beside", "on")
}
