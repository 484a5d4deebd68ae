"""Can these relations hold together? If not: the smallest sets that can't, and ways out. If so: what follows from them.

A relation with verdict "true" asserts, "false" asserts the opposite, "undecided" nothing. What is asserted:

- order: "left of" puts one centre strictly before the other on an axis of its frame; "not left of" puts it at or after.
  So do above/below, in front of/behind, larger/smaller, wider/narrower, taller/shorter. "on" also means above, "inside"
  smaller, narrower and shorter. A thing narrower and shorter is smaller. Side views turn into the camera's frame.
- "at the same depth" is equality when somebody says so. Measured, it has a tolerance and orders nothing.
- topology: inside, surrounding, overlapping (partly) and separated exclude each other; what is inside a thing is separated
  from all the thing is separated from.
- distance: far excludes near and beside; beside is near. Said (not measured) far also excludes on, under and inside.

So a measured graph never clashes with itself; a person's corrections, and written graphs, may. A clash is a shortest cycle
with a strict step, or an exclusive pair, and is irreducible: without any one of its members the rest is possible.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Frame, Relation, SpatialGraph, Verdict
from spacestudio.relations.relate import VIEWS, family_of, inverse_of, turn_predicate
from spacestudio.relations.words import statement

MAX_CLASHES = 32
"""At most so many clashes are reported; with thousands of relations one wrong correction clashes in hundreds of ways."""

Axis = tuple[Frame, str]
Pair = tuple[int, int]

_BEFORE: Mapping[str, tuple[str, bool]] = {
    "left of": ("x", True), "right of": ("x", False), "above": ("y", True), "below": ("y", False),
    "in front of": ("z", True), "behind": ("z", False),
    "smaller": ("area", True), "larger": ("area", False), "narrower": ("width", True), "wider": ("width", False),
    "shorter": ("height", True), "taller": ("height", False),
}  # fmt: skip
"""Predicate -> its axis, and whether the subject comes first on it."""

_CANON = {"right of": "left of", "below": "above", "behind": "in front of", "larger": "smaller", "wider": "narrower",
          "taller": "shorter", "surrounding": "inside", "under": "on"}  # fmt: skip
"""Predicate -> the one that says the same of the reversed pair and is reasoned with."""

_SYMMETRIC = ("at the same depth", "overlapping", "separated", "near", "beside", "far")

_PREDICATE = {axis: predicate for predicate, (axis, first) in _BEFORE.items() if first}

_OPPOSITE = {"overlapping": "separated", "separated": "overlapping", "near": "far", "beside": "far", "far": "near"}


@dataclass(frozen=True)
class Repair:
    """One way to make a clash disappear.

    Attributes:
        kind: "drop" the relation, or "flip" it into `replacement`.
        relation: the member of the clash it changes.
        words: what to do, one sentence.
        replacement: what stands there after a flip; None for a drop.
    """

    kind: Literal["drop", "flip"]
    relation: Relation
    words: str
    replacement: Relation | None = None


class _Row(NamedTuple):
    """A relation in canonical form: its number in the graph, objects by place, `a` the canonical predicate's subject."""

    number: int
    predicate: str
    a: int
    b: int
    frame: Frame
    holds: bool
    measured: bool


@dataclass
class _Order:
    """One axis: which relations put a before b strictly, or at most level with it."""

    strict: dict[Pair, frozenset[int]] = field(default_factory=dict)
    weak: dict[Pair, frozenset[int]] = field(default_factory=dict)
    apart: dict[Pair, int] = field(default_factory=dict)

    def edges(self, n: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(N, N) bool: a strictly before b; a at most level with b."""
        strict, weak = np.zeros((n, n), bool), np.zeros((n, n), bool)
        for table, matrix in ((self.strict, strict), (self.weak, weak)):
            if table:
                matrix[tuple(np.array(list(table)).T)] = True
        return strict, strict | weak


def clashes(graph: SpatialGraph, negative: bool = True) -> tuple[tuple[Relation, ...], ...]:
    """Irreducible sets of relations that can't hold together, shortest first; empty when the graph is possible.

    Every set reported is impossible, and of several the shortest found come first (at most `MAX_CLASHES`). Same graph, same
    answer.

    Args:
        negative: False leaves out relations with verdict "false".
    """
    rows = _rows(graph, negative)
    found = {_minimal(members, rows, len(graph)) for members in _conflicts(rows, len(graph))}
    ordered = sorted(found, key=lambda members: (len(members), sorted(members)))[:MAX_CLASHES]
    if not ordered:
        return ()
    by_index, relations = {row.number: row for row in rows}, graph.relations
    return tuple(tuple(relations[i] for i in _told(members, by_index)) for members in ordered)


def first_clash(graph: SpatialGraph) -> tuple[Relation, ...]:
    """The shortest clash; empty when the graph is possible."""
    found = clashes(graph)
    return found[0] if found else ()


def explain(clash: Iterable[Relation], names: Mapping[str, str]) -> str:
    """One sentence: "cup is left of plate, plate is left of lamp and lamp is left of cup can't all hold."

    Args:
        names: id -> what to call the object.
    """
    parts = [statement(r, names) for r in clash]
    if not parts:
        return "These relations can hold together."
    if len(parts) == 1:
        return f"{parts[0]} can't hold."
    return f"{', '.join(parts[:-1])} and {parts[-1]} can't {'both' if len(parts) == 2 else 'all'} hold."


def repairs(clash: tuple[Relation, ...], names: Mapping[str, str] | None = None) -> tuple[Repair, ...]:
    """Ways out of one clash, each checked: with it, what remains of the clash is possible. Drops first, then flips."""
    names = names or {}
    drops = [Repair("drop", r, f"Drop “{statement(r, names)}”.") for r in clash]
    flips = []
    for k, r in enumerate(clash):
        flipped = _flipped(r)
        if flipped and not _impossible((*clash[:k], flipped, *clash[k + 1 :])):
            words = f"Say “{statement(flipped, names)}” instead of “{statement(r, names)}”."
            flips.append(Repair("flip", r, words, flipped))
    return tuple(d for d in drops if not _impossible([r for r in clash if r is not d.relation])) + tuple(flips)


def absent_clashes(graph: SpatialGraph) -> tuple[str, ...]:
    """One sentence for each object that is both in the graph and excluded from it."""
    excluded = {_plain(name): name for name in graph.negative_objects}
    out = []
    for o in graph.objects:
        hit = excluded.get(_plain(o.name)) or excluded.get(_plain(o.label))
        if hit:
            out.append(f"{o.name} ({o.id}) is in the graph, and {hit} must not appear.")
    return tuple(out)


def implied(graph: SpatialGraph) -> tuple[Relation, ...]:
    """What follows from the strict orders and from containment, and is not said: one relation per pair and axis.

    Only places free in the graph are filled (a graph holds one relation per pair, family and frame), no place twice, and an
    axis that clashes implies nothing. `evidence["implied_by"]` names a shortest chain of relations it follows from.
    """
    relations, rows = graph.relations, _rows(graph)
    n, ids = len(graph), graph.ids
    taken = {r.key for r in relations} | {(r.object, r.subject, r.family, r.frame) for r in relations}
    out = []
    orders = dict(_orders(rows, n)) | {("image", "inside"): _containment(rows)}
    for (frame, axis), order in orders.items():
        strict, any_ = order.edges(n)
        beyond = _strictly_beyond(strict, any_)
        if beyond.diagonal().any():
            continue
        table = order.weak | order.strict
        predicate = "inside" if axis == "inside" else _PREDICATE[axis]
        family = family_of(predicate)
        assert family is not None
        for a, b in np.argwhere(beyond).tolist():
            key = (ids[a], ids[b], family.name, frame)
            if key in taken or (chain := _path(table, a, b, order.strict)) is None:
                continue
            taken |= {key, (ids[b], ids[a], family.name, frame)}
            evidence = {"implied_by": [list(relations[i].triple) for i in sorted(chain)]}
            out.append(Relation(ids[a], predicate, ids[b], family.name, frame, evidence=evidence))
    return tuple(out)


def reduced(graph: SpatialGraph) -> SpatialGraph:
    """The graph without what the rest of it implies: the reverse of a stated relation, and shortcuts along an order.

    Relations that assert on no single axis (topology, support, distance, negations, a person's own words) stay. An axis
    that clashes stays as it is.
    """
    relations, rows = graph.relations, _rows(graph)
    n = len(graph)
    drop: set[int] = set()
    seen: dict[tuple[str, int, int, Frame, bool], int] = {}
    for row in rows:
        key = (row.predicate, row.a, row.b, row.frame, row.holds)
        if relations[row.number].predicate in _BEFORE and seen.setdefault(key, row.number) != row.number:
            drop.add(row.number)
    for (frame, axis), order in _orders(rows, n):
        strict, any_ = order.edges(n)
        beyond = _strictly_beyond(strict, any_)
        if beyond.diagonal().any():
            continue
        level = _closure(any_) & _closure(any_).T
        for row in rows:
            if row.holds and row.number not in drop and row.predicate == _PREDICATE[axis] and row.frame == frame:
                through = beyond[row.a] & beyond[:, row.b] & ~level[row.a] & ~level[row.b]
                if through.any():
                    drop.add(row.number)
    return graph.but(relations=[r for i, r in enumerate(relations) if i not in drop])


# From rows to conflicts


def _rows(graph: SpatialGraph, negative: bool = True) -> list[_Row]:
    """The relations that assert something, in canonical form; the person's come first."""
    t = graph.table
    asserts = (t.verdict == "true") | ((t.verdict == "false") & negative)
    measured = (t.origin == "geometry") & (t.threshold > 0)
    rank = np.where(t.origin == "person", 0, np.where(t.origin == "model", 1, 2))
    chosen = np.flatnonzero(asserts)
    chosen = chosen[np.argsort(rank[chosen], kind="stable")]
    columns = zip(
        chosen.tolist(), t.predicate[chosen].tolist(), t.subject[chosen].tolist(), t.object[chosen].tolist(),
        t.frame[chosen].tolist(), (t.verdict[chosen] == "true").tolist(), measured[chosen].tolist(), strict=True,
    )  # fmt: skip
    rows = (_canonical(*column) for column in columns)
    return [row for row in rows if row]


def _canonical(index: int, predicate: str, a: int, b: int, frame: Frame, holds: bool, measured: bool) -> _Row | None:
    placed = _placed(predicate, frame)
    if placed is None:
        return None
    predicate, frame, turned = placed
    if turned or (predicate in _SYMMETRIC and b < a):
        a, b = b, a
    return _Row(index, predicate, a, b, frame, holds, measured)


@cache
def _placed(predicate: str, frame: Frame) -> tuple[str, Frame, bool] | None:
    """Canonical predicate, the frame it is judged in, and whether subject and object change places; None for own words."""
    f = family_of(predicate)
    if f is None:
        return None
    if frame in VIEWS and f.name in ("direction", "depth"):
        predicate, frame = turn_predicate(predicate, 4 - VIEWS[frame]) or predicate, "camera"
    elif frame not in f.frames:
        frame = f.frames[0]
    return _CANON.get(predicate, predicate), frame, predicate in _CANON


def _orders(rows: Iterable[_Row], n: int) -> Iterator[tuple[Axis, _Order]]:
    """The orders asserted, axis by axis; an edge remembers the relations it comes from, the first stated of several."""
    orders: dict[Axis, _Order] = {}

    def order(frame: Frame, axis: str) -> _Order:
        return orders.setdefault((frame, axis), _Order())

    for row in rows:
        own, pair, reverse = frozenset((row.number,)), (row.a, row.b), (row.b, row.a)
        if row.predicate in _BEFORE:
            here = order(row.frame, _BEFORE[row.predicate][0])
            if row.holds:
                here.strict.setdefault(pair, own)
            else:
                here.weak.setdefault(reverse, own)
        elif row.predicate == "at the same depth":
            here = order(row.frame, "z")
            if not row.holds:
                here.apart.setdefault(pair, row.number)
            elif not row.measured:
                here.weak.setdefault(pair, own)
                here.weak.setdefault(reverse, own)
        elif row.predicate == "on" and row.holds:
            order(row.frame, "y").strict.setdefault(pair, own)
        elif row.predicate == "inside" and row.holds:
            for axis in ("width", "height", "area"):
                order(row.frame, axis).strict.setdefault(pair, own)
    _derive_areas(orders, n)
    yield from sorted(orders.items())


def _derive_areas(orders: dict[Axis, _Order], n: int) -> None:
    """Narrower (or as wide) and shorter (or as tall) is smaller: edges of the area order that follow from the other two."""
    area = orders.get(("image", "area"))
    wide, tall = (orders.get(("image", axis)) for axis in ("width", "height"))
    if area is None or wide is None or tall is None:
        return
    closed = []
    for o in (wide, tall):
        strict, any_ = o.edges(n)
        closed.append((_closure(any_), _strictly_beyond(strict, any_), o.weak | o.strict, o.strict))
    both = closed[0][0] & closed[1][0]
    np.fill_diagonal(both, False)
    strictly = both & (closed[0][1] | closed[1][1])
    for a, b in np.argwhere(both).tolist():
        if (a, b) in area.strict:
            continue
        chains = [_path(table, a, b, firm if strictly[a, b] and beyond[a, b] else None) for _, beyond, table, firm in closed]
        if all(chain is not None for chain in chains):
            members = frozenset().union(*(chain for chain in chains if chain is not None))
            (area.strict if strictly[a, b] else area.weak).setdefault((a, b), members)


def _containment(rows: Iterable[_Row]) -> _Order:
    order = _Order()
    for row in rows:
        if row.predicate == "inside" and row.holds:
            order.strict.setdefault((row.a, row.b), frozenset((row.number,)))
    return order


def _conflicts(rows: list[_Row], n: int) -> Iterator[frozenset[int]]:
    """Sets of relation indices that can't hold together, not yet irreducible."""
    yield from _contradicted(rows)
    for _, order in _orders(rows, n):
        yield from _cycles(order, n)
    yield from _topology(rows, n)
    yield from _distances(rows, n)


def _contradicted(rows: Iterable[_Row]) -> Iterator[frozenset[int]]:
    """The same said to be true and false."""
    said: dict[tuple[str, int, int, Frame], dict[bool, int]] = {}
    for row in rows:
        said.setdefault((row.predicate, row.a, row.b, row.frame), {}).setdefault(row.holds, row.number)
    for verdicts in said.values():
        if len(verdicts) == 2:
            yield frozenset(verdicts.values())


def _cycles(order: _Order, n: int) -> Iterator[frozenset[int]]:
    """For each strict edge on a cycle the shortest cycle through it; pairs said to differ and forced level."""
    strict, any_ = order.edges(n)
    reach = _closure(any_)
    table = order.weak | order.strict
    bad = np.argwhere(strict & reach.T).tolist()
    if bad:
        for end in sorted({b for _, b in bad}):
            starts = [a for a, e in bad if e == end]
            for a, chain in _paths_from(table, end, starts).items():
                yield chain | order.strict[(a, end)]
    for (a, b), index in order.apart.items():
        if reach[a, b] and reach[b, a]:
            there, back = _path(order.weak, a, b), _path(order.weak, b, a)
            if there is not None and back is not None:
                yield there | back | {index}


def _topology(rows: list[_Row], n: int) -> Iterator[frozenset[int]]:
    """Exclusive pairs, carried along containment: what is inside a thing is separated from all the thing is."""
    kinds: dict[tuple[str, bool], list[_Row]] = {}
    for row in rows:
        if row.predicate in ("inside", "overlapping", "separated"):
            kinds.setdefault((row.predicate, row.holds), []).append(row)
    within = _containment(rows)
    table = within.strict
    inside = _closure(within.edges(n)[1]) | np.eye(n, dtype=bool)
    lapping: dict[Pair, int] = {}
    for row in kinds.get(("overlapping", True), ()):
        lapping.setdefault((row.a, row.b), row.number)

    def chains(*pairs: Pair) -> frozenset[int]:
        parts = [_path(table, a, b) or frozenset() for a, b in pairs if a != b]
        return frozenset().union(*parts) if parts else frozenset()

    said = np.zeros((n, n), bool)
    for row in kinds.get(("separated", True), ()):
        said[row.a, row.b] = said[row.b, row.a] = True
    carried = inside.astype(np.int32)
    apart = (carried @ said.astype(np.int32) @ carried.T) > 0

    def parted(p: int, q: int) -> Iterator[frozenset[int]]:
        """Why p and q are separated."""
        for row in kinds.get(("separated", True), ()):
            for a, b in ((row.a, row.b), (row.b, row.a)):
                if inside[p, a] and inside[q, b]:
                    yield chains((p, a), (q, b)) | {row.number}

    for p in np.flatnonzero(apart.diagonal()).tolist():
        yield from parted(p, p)
    for (p, q), index in lapping.items():
        for a, b in ((p, q), (q, p)):
            if inside[a, b]:
                yield chains((a, b)) | {index}
        if apart[p, q]:
            yield from (why | {index} for why in parted(p, q))
    for row in kinds.get(("inside", False), ()):
        if inside[row.a, row.b]:
            yield chains((row.a, row.b)) | {row.number}
    for row in kinds.get(("separated", False), ()):
        if apart[row.a, row.b]:
            yield from (why | {row.number} for why in parted(row.a, row.b))


def _distances(rows: list[_Row], n: int) -> Iterator[frozenset[int]]:
    """far against near, beside and touching; beside against "not near"."""
    said: dict[tuple[str, bool], dict[Pair, list[_Row]]] = {}
    for row in rows:
        if row.predicate in ("near", "beside", "far", "on"):
            pair = (min(row.a, row.b), max(row.a, row.b))
            said.setdefault((row.predicate, row.holds), {}).setdefault(pair, []).append(row)
    far = said.get(("far", True), {})
    for pair, rows_far in far.items():
        for other in ("near", "beside", "on"):
            for row in said.get((other, True), {}).get(pair, ()):
                if other != "on" or not (row.measured or rows_far[0].measured):
                    yield frozenset((rows_far[0].number, row.number))
    for pair, rows_near in said.get(("near", False), {}).items():
        for row in said.get(("beside", True), {}).get(pair, ()):
            yield frozenset((rows_near[0].number, row.number))
    spoken = _containment(row for row in rows if not row.measured).strict
    if not spoken or not far:
        return
    for (a, b), rows_far in far.items():
        for start, end in ((a, b), (b, a)):
            chain = _path(spoken, start, end)
            if chain is not None and not rows_far[0].measured:
                yield chain | {rows_far[0].number}


# Small sets, told well


def _minimal(members: frozenset[int], rows: list[_Row], n: int) -> frozenset[int]:
    """The set without members it does not need to be impossible."""
    if len(members) <= 2:
        return members
    kept = members
    own = [row for row in rows if row.number in members]
    for index in sorted(members):
        fewer = [row for row in own if row.number in kept and row.number != index]
        if next(_conflicts(fewer, n), None) is not None:
            kept = kept - {index}
    return kept


def _told(members: frozenset[int], by_index: Mapping[int, _Row]) -> list[int]:
    """The members in the order they chain: each starts where the one before ended, where that can be."""
    left = sorted(members)
    told = [left.pop(0)]
    while left:
        last = by_index[told[-1]]
        follows = [i for i in left if by_index[i].a == last.b]
        touches = [i for i in left if {by_index[i].a, by_index[i].b} & {last.a, last.b}]
        step = (follows or touches or left)[0]
        left.remove(step)
        told.append(step)
    return told


def _impossible(relations: Iterable[Relation]) -> bool:
    """Whether these few relations clash."""
    places: dict[str, int] = {}
    rows = []
    for index, r in enumerate(relations):
        a, b = (places.setdefault(end, len(places)) for end in (r.subject, r.object))
        measured = r.origin == "geometry" and r.threshold > 0
        row = _canonical(index, r.predicate, a, b, r.frame, r.verdict == "true", measured)
        if row and r.verdict != "undecided":
            rows.append(row)
    return next(_conflicts(rows, len(places)), None) is not None


def _flipped(r: Relation) -> Relation | None:
    """The relation turned into its opposite: a false one becomes true, left becomes right, near becomes far."""
    if r.verdict == "false":
        return replace(r, verdict="true", origin="person")
    opposite = _OPPOSITE.get(r.predicate, inverse_of(r.predicate))
    if opposite is None or opposite == r.predicate:
        verdict: Verdict = "false"
        return replace(r, verdict=verdict, origin="person")
    return replace(r, predicate=opposite, origin="person")


def _plain(name: str) -> str:
    words = name.lower().split()
    return " ".join(words[1:] if words[:1] in (["a"], ["an"], ["the"]) else words)


# Reachability on a few dozen objects


def _closure(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, N) bool: b can be reached from a in one or more steps."""
    reach = edges.copy()
    for k in np.flatnonzero(edges.any(0) & edges.any(1)):
        reach |= np.outer(reach[:, k], reach[k])
    return reach


def _strictly_beyond(strict: NDArray[np.bool_], any_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, N) bool: b can be reached from a by a way with a strict step."""
    step = _closure(any_) | np.eye(len(any_), dtype=bool)
    beyond: NDArray[np.bool_] = (step.astype(np.int32) @ strict.astype(np.int32) @ step.astype(np.int32)) > 0
    return beyond


def _neighbours(table: Mapping[Pair, frozenset[int]]) -> dict[int, list[int]]:
    out: dict[int, list[int]] = {}
    for a, b in sorted(table):
        out.setdefault(a, []).append(b)
    return out


def _paths_from(table: Mapping[Pair, frozenset[int]], start: int, ends: Iterable[int]) -> dict[int, frozenset[int]]:
    """The relations on a shortest way from start to each end that can be reached, counted in relations."""
    following = _neighbours(table)
    best: dict[int, frozenset[int]] = {start: frozenset()}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for b in following.get(here, ()):
            through = best[here] | table[(here, b)]
            if b not in best or len(through) < len(best[b]):
                best[b] = through
                queue.append(b)
    return {end: best[end] for end in ends if end in best}


def _path(
    table: Mapping[Pair, frozenset[int]], start: int, end: int, through: Mapping[Pair, frozenset[int]] | None = None
) -> frozenset[int] | None:
    """The relations on a shortest way from start to end, or None; with `through`, on one that takes a step of it."""
    if through is None:
        return _paths_from(table, start, [end]).get(end)
    options = []
    for a, b in sorted(through):
        before = _path(table, start, a) if a != start else frozenset()
        after = _path(table, b, end) if b != end else frozenset()
        if before is not None and after is not None:
            options.append(before | through[(a, b)] | after)
    return min(options, key=lambda chain: (len(chain), sorted(chain)), default=None)
