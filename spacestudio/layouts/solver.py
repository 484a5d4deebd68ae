"""Graph -> layout. Hard: what is asked, with the margins of the studio's own rules; the canvas; a least visible share.

Soft, in this order: what is there stays, little overlaps, sizes follow labels, things stand on the ground. First distances
are settled (`depths`), then boxes (`boxes`). The result is read back with the studio's rules before it is handed out.
OR-tools wakes only when a layout is made. Same request, same layout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.errors import LayoutError
from spacestudio.layouts.aims import Aim, aims, typical
from spacestudio.layouts.asked import Ask, asks
from spacestudio.layouts.extract import Judges, measured, missing
from spacestudio.relations.relate import family_of
from spacestudio.relations.words import statement

if TYPE_CHECKING:
    from spacestudio.layouts.boxes import Cells, Problem, Solved
    from spacestudio.layouts.depths import Standing

VISIBLE = 0.5
"""Least share of a farther box that any one nearer box leaves free; under 0.4 nothing is decided about it (DESIGN 3)."""
LEAST = 0.4
"""Least share that all nearer boxes together leave free."""


class LayoutInfeasible(LayoutError):
    """No layout fits: `core` is an irreducible set of asked relations that don't fit together on this canvas.

    Attributes:
        core: those relations; empty when none was found although none was ruled out.
        placed: ids of boxes the person placed, without which the rest would fit.
    """

    def __init__(self, core: Iterable[Relation], words: str, next_step: str, placed: Iterable[str] = ()) -> None:
        self.core, self.placed = tuple(core), tuple(placed)
        super().__init__(words, next_step=next_step)


@dataclass(frozen=True, eq=False)
class Request:
    """What to lay out.

    Attributes:
        graph: its relations with verdict "true" or "false" are asked, hard. Undecided ones and a person's own words are not.
        width, height: of the canvas, px.
        present: id -> box px where an object is now; it stays as far as possible.
        fixed: id -> box px where the person put it; it stays.
        order: ids nearest first, as asked; objects not named are free.
        present_order: ids nearest first as they are now; kept as far as possible.
        sizes: label -> typical (width, height) in metres.
        background, prompt, negative_prompt: carried into the layout.
        seed: another seed, another layout of what is free.
        visible: least share of a farther box that any one nearer box leaves free, 0 to 1.
    """

    graph: SpatialGraph
    width: int
    height: int
    present: Mapping[str, Box] = field(default_factory=dict)
    fixed: Mapping[str, Box] = field(default_factory=dict)
    order: tuple[str, ...] | None = None
    present_order: tuple[str, ...] = ()
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    background: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0
    visible: float = VISIBLE

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"A canvas needs a size, got {self.width} × {self.height} px")
        if self.order is not None and len(set(self.order)) != len(self.order):
            raise ValueError("The depth order names an object twice")


def arrange(request: Request) -> Layout:
    """A layout that shows every asked relation.

    Whether the relations agree with each other is asked of `reasoning` first; here they only meet the canvas.

    Raises:
        LayoutInfeasible: they don't fit, and which of them.
        LayoutError: none was found within the limit.
    """
    return _Task(request).layout()


class _Task:
    """One request, with objects by place."""

    def __init__(self, request: Request) -> None:
        self.r = request
        self.ids = request.graph.ids
        self.places = {i: k for k, i in enumerate(self.ids)}
        self.asked = asks((r for r in request.graph if r.verdict != "undecided"), self.places)
        self.fixed = self._on_canvas(request.fixed)
        self.kept = {k: box for k, box in self._on_canvas(request.present).items() if k not in self.fixed}
        self.order = tuple(self.places[i] for i in request.order or () if i in self.places)
        self.names = {o.id: o.name for o in request.graph.objects}

    def _on_canvas(self, boxes: Mapping[str, Box]) -> dict[int, Box]:
        """By place, cut to the canvas; what lies outside or has no area has no place to keep."""
        w, h = self.r.width, self.r.height
        cut = {self.places[i]: box.clipped(w, h) for i, box in boxes.items() if i in self.places}
        return {k: box for k, box in sorted(cut.items()) if box.width >= w / 1000 and box.height >= h / 1000}

    def layout(self) -> Layout:
        """The layout, read back and found true."""
        from spacestudio.layouts.boxes import Impossible, Unsure, solve

        if not self.ids:
            return self._made((), {}, ())
        standing = self.standing(self.asked, self.order)
        if standing is None:
            raise self.infeasible()
        solved: Solved | None = None
        demand = [max(self.r.visible, 0.0)] * len(self.ids)
        for _ in range(3):
            problem = self.problem(self.asked, standing, self.fixed, demand)
            try:
                solved = solve(problem)
            except (Impossible, Unsure) as failure:
                if solved is not None:  # only the stricter demand on visible shares can't be met
                    break
                if isinstance(failure, Unsure):
                    raise self.unfound() from None
                tight = self.standing(self.asked, self.order, tight=True)
                if tight is None or tight == standing:
                    raise self.infeasible() from None
                standing = tight
                continue
            still = solved.stayed | set(self.fixed)
            boxes = {k: self._px(solved.boxes[k], k if k in still else None) for k in range(len(self.ids))}
            hidden = [k for k in self._hidden(boxes, standing.order) if k not in still]
            if not hidden:
                break
            for k in hidden:
                demand[k] = 1 - (1 - demand[k]) / 2
        if solved is None:
            raise self.infeasible()
        made = self._made(standing.order, boxes, standing.z, solved.stayed)
        if wrong := missing(made, (a.relation for a in self.asked)):
            told = "; ".join(statement(r, self.names) for r in wrong)
            raise LayoutError(f"The layout found does not show what was asked ({told})", next_step="Try another seed")
        return made

    def standing(self, asked: Sequence[Ask], order: Sequence[int], tight: bool = False) -> Standing | None:
        """Distances for these relations; None when there are none. `tight` crowds things where nearness is asked."""
        from spacestudio.layouts.depths import stand

        focal = Camera.assumed(self.r.width, self.r.height).fx
        corner = math.hypot(1, self.r.width / 2 / focal, self.r.height / 2 / focal)
        wish = [share * 0.2 if tight else share for share in self.wish(order)]
        return stand(asked, wish, order, corner, self.r.seed % (2**31 - 1), 8 if tight else 1)

    def wish(self, order: Sequence[int]) -> list[float]:
        """Where each object would like to stand in depth, 0 nearest to 1 farthest.

        The order asked, else the present order, else what is lower is nearer; new things stand by size, small ones near.
        """
        n = len(self.ids)
        known: dict[int, float] = {}
        present = [self.places[i] for i in self.r.present_order if i in self.places]
        for line in (present, order):
            known |= {k: rank / max(1, len(line) - 1) for rank, k in enumerate(line)}
        bottoms = {k: box.y1 / self.r.height for k, box in (self.kept | self.fixed).items()}
        if not present:
            lowest_first = sorted((k for k in bottoms if k not in known), key=lambda k: (-bottoms[k], k))
            known |= {k: rank / max(1, len(lowest_first) - 1) for rank, k in enumerate(lowest_first)} if not order else {}
        sizes = {k: s[0] * s[1] for k in range(n) if (s := typical(self.r.graph.objects[k], self.r.sizes))}
        by_size = sorted(range(n), key=lambda k: (sizes.get(k, 0.5), k))
        wish = []
        for k in range(n):
            if k in known:
                wish.append(known[k])
            elif k in bottoms and len(with_both := [j for j in known if j in bottoms]) > 1:
                line = sorted(with_both, key=lambda j: bottoms[j])
                wish.append(float(np.interp(bottoms[k], [bottoms[j] for j in line], [known[j] for j in line])))
            else:
                wish.append((by_size.index(k) + 0.5) / n)
        ranked = sorted(range(n), key=lambda k: (wish[k], k))
        return [ranked.index(k) / max(1, n - 1) for k in range(n)]

    def problem(
        self, asked: tuple[Ask, ...], standing: Standing, fixed: Mapping[int, Box], visible: Sequence[float]
    ) -> Problem:
        """The boxes still to be found, on the grid."""
        from spacestudio.layouts.boxes import Problem

        held = {k: box for k, box in self.kept.items() if k not in fixed}
        wishes: tuple[Aim, ...] = aims(
            self.r.graph.objects, asked, standing.z, self.r.sizes, self.r.width / self.r.height, self.r.seed
        )
        satisfied = self._satisfied(asked, standing, held | dict(fixed))
        return Problem(
            self.r.width, self.r.height, asked, satisfied, standing.order, standing.z,
            {k: self._cells(box) for k, box in held.items()}, {k: self._cells(box) for k, box in fixed.items()},
            wishes, tuple(visible), self.r.seed,
        )  # fmt: skip

    def _satisfied(self, asked: Sequence[Ask], standing: Standing, boxes: Mapping[int, Box]) -> frozenset[int]:
        """Which relations hold by the rules as long as these boxes stay."""
        rows = {k: row for row, k in enumerate(boxes)}
        if len(rows) < 2:
            return frozenset()
        corners = np.array([box.xyxy for box in boxes.values()], np.float64)
        z = np.array([standing.z[k] for k in boxes])
        judges = Judges(measured(corners, z, self.r.width, self.r.height), {self.ids[k]: row for k, row in rows.items()})
        return frozenset(i for i, ask in enumerate(asked) if ask.a in rows and ask.b in rows and judges.holds(ask.relation))

    def _cells(self, box: Box) -> Cells:
        from spacestudio.layouts.boxes import N

        x0, y0, x1, y1 = box.scaled(N / self.r.width, N / self.r.height).xyxy
        left, top = min(round(x0), N - 1), min(round(y0), N - 1)
        return left, top, max(round(x1), left + 1), max(round(y1), top + 1)

    def _px(self, cells: Cells, same: int | None) -> Box:
        """Back to px; a box that kept its place keeps it exactly."""
        from spacestudio.layouts.boxes import N

        if same is not None:
            return self.fixed[same] if same in self.fixed else self.kept[same]
        return Box(*(round(v, 3) for v in Box(*cells).scaled(self.r.width / N, self.r.height / N).xyxy))

    def _hidden(self, boxes: Mapping[int, Box], order: Sequence[int]) -> list[int]:
        """Objects of which all nearer boxes together leave less than `LEAST` free."""
        side = 200
        free: NDArray[np.bool_] = np.ones((side, side), bool)
        out = []
        for k in order:
            own = boxes[k].scaled(side / self.r.width, side / self.r.height).slices(side, side)
            if free[own].mean() < min(LEAST, self.r.visible):
                out.append(k)
            free[own] = False
        return out

    def _made(
        self, order: Sequence[int], boxes: Mapping[int, Box], z: Sequence[float], stayed: Iterable[int] = ()
    ) -> Layout:
        moved = [k for k in self.kept if k not in set(stayed)]
        notes = [f"{self.names[self.ids[k]]} had to move." for k in moved]
        hidden = self._hidden(boxes, order)
        notes += [f"{self.names[self.ids[k]]} is mostly hidden by what is nearer." for k in hidden]
        for r in self.r.graph:
            if r.verdict == "true" and family_of(r.predicate) is None:
                notes.append(f"“{statement(r, self.names)}” is in the prompt only: a layout can't show it.")
        return Layout(
            self.r.width, self.r.height, {i: boxes[k] for k, i in enumerate(self.ids)}, tuple(self.ids[k] for k in order),
            dict(self.names), self.r.background, self.r.prompt, self.r.negative_prompt, tuple(notes),
            {i: round(z[k], 9) for k, i in enumerate(self.ids)},
        )  # fmt: skip

    # When nothing fits

    def unfound(self) -> LayoutInfeasible:
        """Nothing found, nothing ruled out."""
        told = f"No layout of {len(self.ids)} objects and {len(self.asked)} relations was found in time"
        return LayoutInfeasible((), told, "Ask for fewer relations, or place some boxes yourself")

    def infeasible(self) -> LayoutInfeasible:
        """Why: a set of relations, an order and placed boxes of which none can be left out."""
        from spacestudio.layouts.boxes import possible

        def fits(members: Sequence[object]) -> bool:
            asked = tuple(m for m in members if isinstance(m, Ask))
            order = self.order if "order" in members else ()
            fixed = {k: box for k, box in self.fixed.items() if k in members}
            for tight in (False, True):
                standing = self.standing(asked, order, tight)
                if standing is None:
                    return False
                problem = self.problem(asked, standing, fixed, [self.r.visible] * len(self.ids))
                if possible(replace(problem, kept={})):
                    return True
            return False

        members: list[object] = [*(["order"] if self.order else []), *self.fixed, *self.asked]
        core = _irreducible(members, fits)
        relations = [m.relation for m in core if isinstance(m, Ask)]
        placed = [self.ids[m] for m in core if isinstance(m, int)]
        told = [statement(r, self.names) for r in relations]
        if "order" in core:
            told.append("the depth order")
        if placed:
            told.append(f"the place you gave to {', '.join(self.names[i] for i in placed)}")
        if not told:
            told = [f"{len(self.ids)} objects"]
        joined = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
        words = f"There is no room on {self.r.width} × {self.r.height} px for this: {joined}"
        if any(o.predicate == "inside" for o in core if isinstance(o, Ask)) and len(relations) == 2:
            words += "; what lies inside another thing has no direction from it in the picture, and must not be hidden by it"
        return LayoutInfeasible(relations, words, "Drop or change one of them", placed)


def _irreducible(members: list[object], fits: Callable[[Sequence[object]], bool]) -> list[object]:
    """A part of `members` that does not fit, of which none can be left out; larger parts are tried first."""
    core = list(members)
    size = max(1, len(core) // 2)
    while True:
        start = 0
        while start < len(core):
            fewer = core[:start] + core[start + size :]
            if fewer != core and not fits(fewer):
                core = fewer
            else:
                start += size
        if size == 1:
            return core
        size = max(1, size // 2)
