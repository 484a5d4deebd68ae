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

import sys
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping
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

CANDIDATES = 2 * MAX_CLASHES
"""So many of the shortest conflicts found are made irreducible; several may come down to the same clash."""

STEPS = 4_000_000
"""What finding more than the shortest clash may cost, in edges looked at (some seconds); so may areas that follow."""

Axis = tuple[Frame, str]
Pair = tuple[int, int]
Table = Mapping[Pair, frozenset[int]]
Following = Mapping[int, list[tuple[int, frozenset[int]]]]
"""Place -> the places after it, each with the relations that say so."""

Ways = dict[int, tuple[int, int, frozenset[int]]]
"""Place -> how many relations lead there, the place before it, and the relations of the last step."""

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

_LEVEL = {"at the same depth": "z", "as far to the side": "x"}
"""Predicate -> the axis on which it puts both at one place; the second is what the first becomes from a side."""

_SYMMETRIC = (*_LEVEL, "overlapping", "separated", "near", "beside", "far")

_PREDICATE = {axis: predicate for predicate, (axis, first) in _BEFORE.items() if first}

_SAYS_TOO = {"on": ("y",), "inside": ("width", "height", "area")}
"""Predicate -> the axes of its frame on which it puts its subject first besides what else it says."""

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

    def following(self) -> Following:
        """Places doubled: 2a is a, 2b + 1 is b reached with a strict step on the way."""
        out: dict[int, list[tuple[int, frozenset[int]]]] = {}
        for (a, b), members in sorted((self.weak | self.strict).items()):
            firm = (a, b) in self.strict
            out.setdefault(2 * a, []).append((2 * b + firm, members))
            out.setdefault(2 * a + 1, []).append((2 * b + 1, members))
        return out


class _Found:
    """The shortest conflicts so far, and the work that finding them took.

    Attributes:
        keep: how many are wanted.
        work: edges looked at.
        allowed: so many may be; nothing is given up before one conflict is found.
    """

    def __init__(self, keep: int = 1, allowed: int = sys.maxsize) -> None:
        self.keep, self.work, self.allowed = keep, 0, allowed
        self._sets: set[frozenset[int]] = set()
        self._sizes: list[int] = []

    def add(self, members: frozenset[int]) -> None:
        if members not in self._sets and len(members) <= self.most:
            self._sets.add(members)
            insort(self._sizes, len(members))

    @property
    def most(self) -> int:
        """A conflict of more members is of no interest."""
        return sys.maxsize if len(self._sizes) < self.keep else self._sizes[self.keep - 1]

    @property
    def spent(self) -> bool:
        return self.work > self.allowed and bool(self._sizes)

    def shortest(self) -> list[frozenset[int]]:
        return sorted(self._sets, key=lambda members: (len(members), sorted(members)))[: self.keep]


def clashes(graph: SpatialGraph, negative: bool = True) -> tuple[tuple[Relation, ...], ...]:
    """Irreducible sets of relations that can't hold together, shortest first; empty when the graph is possible.

    Every set reported is impossible, and of several the shortest found come first (at most `MAX_CLASHES`; the first is
    `first_clash`'s unless making another irreducible led to a shorter one). Same graph, same answer.

    Args:
        negative: False leaves out relations with verdict "false".
    """
    rows = _rows(graph, negative)
    first = _first(rows)
    if first is None:
        return ()
    effort = _Found(CANDIDATES, STEPS)
    found = {first: 0}
    for members in _shortest(rows, effort):
        if len(found) == MAX_CLASHES or effort.spent:
            break
        found.setdefault(_minimal(members, rows, effort), len(found))
    relations = graph.relations
    ordered = sorted(found, key=lambda members: (len(members), members != first, sorted(members)))
    return tuple(_as_told(members, rows, relations) for members in ordered)


def first_clash(graph: SpatialGraph) -> tuple[Relation, ...]:
    """The shortest clash found; empty when the graph is possible.

    None is shorter, but where it takes areas that follow from widths and heights, or depths that are level.
    """
    rows = _rows(graph)
    first = _first(rows)
    return () if first is None else _as_told(first, rows, graph.relations)


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


def implied(graph: SpatialGraph, every: bool = False) -> tuple[Relation, ...]:
    """What follows and is not said: from orders, containment, sameness of depth, and what is beside or separated.

    An axis that clashes implies nothing. `evidence["implied_by"]` names relations it follows from, none of them needless.

    Args:
        every: False fills only places that are free in the graph, which holds one relation per pair, family and frame, and
            none twice. True gives all that follows.
    """
    relations, rows = graph.relations, _rows(graph)
    ids = graph.ids
    said = {_fact(row) for row in rows if row.holds}
    taken = {r.key for r in relations} | {(r.object, r.subject, r.family, r.frame) for r in relations}
    out = []

    def wanted(fact: _Fact) -> bool:
        return fact not in said if every else _key(fact, ids) not in taken

    for fact, chain in _following_facts(rows, len(graph), wanted):
        key = _key(fact, ids)
        subject, object_, family_name, frame = key
        taken |= {key, (object_, subject, family_name, frame)}
        evidence = {"implied_by": [list(relations[i].triple) for i in sorted(chain)]}
        out.append(Relation(subject, fact.predicate, object_, family_name, frame, evidence=evidence))
    return tuple(out)


def redundant(graph: SpatialGraph) -> tuple[tuple[Relation, tuple[Relation, ...]], ...]:
    """The relations that need not be said, each with those it follows from, none of which is itself redundant.

    Redundant are a fact said twice (the reverse of a stated relation too), shortcuts along an order, and what "on",
    "inside", "beside" and containment say already. Negations stay, so do a person's own words, and an axis that clashes.
    """
    relations, rows = graph.relations, _rows(graph)
    dropped = _needless(rows, len(graph))
    facts = {row.number: _fact(row) for row in rows if row.number in dropped}
    kept = [row for row in rows if row.number not in dropped]
    because = {(_fact(row), row.holds): frozenset((row.number,)) for row in reversed(kept)}
    wanted = {fact for fact in facts.values() if (fact, True) not in because}
    because |= {(fact, True): chain for fact, chain in _following_facts(kept, len(graph), wanted.__contains__)}
    holds = {row.number: row.holds for row in rows}
    return tuple((relations[i], tuple(relations[k] for k in sorted(because[(facts[i], holds[i])]))) for i in sorted(dropped))


def reduced(graph: SpatialGraph) -> SpatialGraph:
    """The graph without what is `redundant`: the same follows from it."""
    dropped = _needless(_rows(graph), len(graph))
    return graph.but(relations=[r for i, r in enumerate(graph.relations) if i not in dropped])


def derivation(relation: Relation, because: Iterable[Relation], names: Mapping[str, str]) -> str:
    """ "cup is left of lamp follows from cup is left of plate and plate is left of lamp." """
    *parts, last = [statement(r, names) for r in because]
    reasons = f"{', '.join(parts)} and {last}" if parts else last
    return f"{statement(relation, names)} follows from {reasons}."


# What follows


class _Fact(NamedTuple):
    """A canonical predicate of two places in a frame."""

    predicate: str
    a: int
    b: int
    frame: Frame


def _fact(row: _Row) -> _Fact:
    return _Fact(row.predicate, row.a, row.b, row.frame)


def _key(fact: _Fact, ids: tuple[str, ...]) -> tuple[str, str, str, Frame]:
    """The place of a graph that the fact takes."""
    family = family_of(fact.predicate)
    assert family is not None
    return ids[fact.a], ids[fact.b], family.name, fact.frame


def _following_facts(rows: list[_Row], n: int, wanted: Callable[[_Fact], bool]) -> Iterator[tuple[_Fact, frozenset[int]]]:
    """The wanted facts that follow, each with a chain of relations it follows from, none of them needless."""
    own = {row.number: row for row in rows}
    orders = _with_areas(_orders(rows), n) | {("image", "inside"): _containment(rows)}
    for (frame, axis), order in orders.items():
        strict, any_ = order.edges(n)
        beyond = _strictly_beyond(strict, any_)
        if beyond.diagonal().any():
            continue
        following, ways = order.following(), dict[int, Ways]()

        def way(a: int, end: int, following: Following = following, ways: dict[int, Ways] = ways) -> frozenset[int]:
            if a not in ways:
                ways[a] = _ways(following, 2 * a)
            return _chain(ways[a], end)

        predicate = "inside" if axis == "inside" else _PREDICATE[axis]
        for a, b in np.argwhere(beyond).tolist():
            if wanted(fact := _Fact(predicate, a, b, frame)):
                chain = way(a, 2 * b + 1)
                yield fact, chain if axis != "area" else _trimmed(fact, chain, own)
        if axis == "z":
            reach = _closure(any_)
            for a, b in np.argwhere(np.triu(reach & reach.T, 1)).tolist():
                if wanted(fact := _Fact("at the same depth", a, b, frame)):
                    yield fact, _trimmed(fact, way(a, 2 * b) | way(b, 2 * a), own)
    for row in rows:
        if row.predicate == "beside" and row.holds and wanted(fact := _fact(row)._replace(predicate="near")):
            yield fact, frozenset((row.number,))
    yield from _parted(rows, n, wanted)


def _trimmed(fact: _Fact, chain: frozenset[int], own: Mapping[int, _Row]) -> frozenset[int]:
    """What two chains have together, without members that the fact does not need."""
    if len(chain) < 3 or len({own[i].predicate for i in chain}) == 1:
        return chain
    denied = _Row(-1, *fact, False, False)
    for number in sorted(chain):
        fewer = chain - {number}
        if _clash([denied, *(own[i] for i in sorted(fewer))]):
            chain = fewer
    return chain


def _parted(rows: list[_Row], n: int, wanted: Callable[[_Fact], bool]) -> Iterator[tuple[_Fact, frozenset[int]]]:
    """What is inside a thing is separated from all the thing is separated from."""
    apart = {(row.a, row.b): row.number for row in rows if row.predicate == "separated" and row.holds}
    held = _containment(rows)
    strict, _ = held.edges(n)
    if not apart or not strict.any() or _closure(strict).diagonal().any():
        return
    following, ways = _following(held.strict), dict[int, Ways]()
    found: dict[_Fact, frozenset[int]] = {}
    within = _closure(strict) | np.eye(n, dtype=bool)
    for (p, q), number in apart.items():
        for a in np.flatnonzero(within[:, p]).tolist():
            for b in np.flatnonzero(within[:, q]).tolist():
                fact = _Fact("separated", min(a, b), max(a, b), "image")
                if a == b or (a, b) == (p, q) or not wanted(fact):
                    continue
                for place in (a, b):
                    if place not in ways:
                        ways[place] = _ways(following, place)
                chain = _chain(ways[a], p) | _chain(ways[b], q) | {number}
                if fact not in found or len(chain) < len(found[fact]):
                    found[fact] = chain
    yield from sorted(found.items())


def _needless(rows: list[_Row], n: int) -> set[int]:
    """Numbers of the relations that the others imply; each step leaves what follows as it was."""
    dropped: set[int] = set()

    def left() -> list[_Row]:
        return [row for row in rows if row.number not in dropped]

    first: dict[tuple[_Fact, bool], int] = {}
    for row in rows:
        if first.setdefault((_fact(row), row.holds), row.number) != row.number:
            dropped.add(row.number)
    beside = {_fact(row)._replace(predicate="near") for row in rows if row.predicate == "beside" and row.holds}
    dropped |= {row.number for row in rows if row.holds and _fact(row) in beside}
    for measured in (False, True):  # what was measured says less of distances, so it can't stand for what was said
        dropped |= _shortcuts([row for row in left() if not row.measured or measured], n, measured)
    dropped |= _carried(left(), n)
    dropped |= _level_twice(left(), n)
    rest = left()
    orders = _with_areas(_orders(rest), n)
    sizes = _sizes(orders, n)
    for (frame, axis), order in orders.items():
        dropped |= _needless_on(rest, (frame, axis), order, sizes if (frame, axis) == ("image", "area") else None, n)
    return dropped


def _shortcuts(rows: list[_Row], n: int, measured: bool) -> set[int]:
    """Containment that follows from containment; only measured or only said relations are dropped."""
    strict, _ = _containment(rows).edges(n)
    reach = _closure(strict)
    if reach.diagonal().any():
        return set()
    through = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
    own = (row for row in rows if row.predicate == "inside" and row.holds and row.measured == measured)
    return {row.number for row in own if through[row.a, row.b]}


def _carried(rows: list[_Row], n: int) -> set[int]:
    """Separations that follow from another one and from containment."""
    own = {_fact(row): row.number for row in rows if row.predicate == "separated" and row.holds}
    return {own[fact] for fact, _ in _parted(rows, n, own.__contains__)}


def _level_twice(rows: list[_Row], n: int) -> set[int]:
    """Sameness of depth, as somebody says, between things that others of these relations make level."""
    strict, any_ = _orders(rows).get(("camera", "z"), _Order()).edges(n)
    if _strictly_beyond(strict, any_).diagonal().any():
        return set()
    group: dict[tuple[Frame, int], int] = {}
    out = set()
    for row in rows:
        if row.predicate == "at the same depth" and row.holds and not row.measured:
            a, b = (group.setdefault((row.frame, place), place) for place in (row.a, row.b))
            if a == b:
                out.add(row.number)
            group |= {key: b for key, own in group.items() if own == a and key[0] == row.frame}
    return out


def _needless_on(rows: list[_Row], axis: Axis, order: _Order, sizes: _Sizes | None, n: int) -> set[int]:
    """Relations of one axis that follow: by way of another place, or from one that puts the same places in order."""
    frame, name = axis
    strict, any_ = order.edges(n)
    beyond, reach = _strictly_beyond(strict, any_), _closure(any_)
    if beyond.diagonal().any():
        return set()
    level = (reach & reach.T) | np.eye(n, dtype=bool)
    past, firm = (reach & ~level).astype(np.float32), beyond.astype(np.float32)
    through = (past @ firm > 0) | (firm @ past > 0)
    place = level.argmax(1).tolist()
    held = {
        (place[row.a], place[row.b])
        for row in rows
        if row.holds and row.frame == frame and name in _SAYS_TOO.get(row.predicate, ())
    }
    if sizes is not None:
        held |= {(place[a], place[b]) for a, b in np.argwhere(sizes.strictly).tolist()}
    out = set()
    for row in rows:
        if row.holds and row.predicate == _PREDICATE[name] and row.frame == frame:
            pair = place[row.a], place[row.b]
            if through[row.a, row.b] or pair in held:
                out.add(row.number)
            held.add(pair)
    return out


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
def judged_in(predicate: str, frame: Frame) -> tuple[str, Frame] | None:
    """The predicate that says the same in a frame its family stores; None where there is none, as for a person's own words.

    Side views turn into the camera's frame; a frame its family does not have gives way to the family's first.
    """
    f = family_of(predicate)
    if f is None:
        return None
    if frame in VIEWS and f.name in ("direction", "depth"):
        if predicate == "at the same depth" and VIEWS[frame] % 2:
            return None
        return turn_predicate(predicate, 4 - VIEWS[frame]) or predicate, "camera"
    return predicate, frame if frame in f.frames else f.frames[0]


@cache
def _placed(predicate: str, frame: Frame) -> tuple[str, Frame, bool] | None:
    """Canonical predicate, the frame it is judged in, and whether subject and object change places; None for own words."""
    home = judged_in(predicate, frame)
    if home is None:
        return ("as far to the side", "camera", False) if predicate == "at the same depth" else None
    return _CANON.get(home[0], home[0]), home[1], home[0] in _CANON


def _orders(rows: Iterable[_Row]) -> dict[Axis, _Order]:
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
        elif row.predicate in _LEVEL:
            here = order(row.frame, _LEVEL[row.predicate])
            if not row.holds:
                here.apart.setdefault(pair, row.number)
            elif not row.measured:
                here.weak.setdefault(pair, own)
                here.weak.setdefault(reverse, own)
        elif row.holds:
            for axis in _SAYS_TOO.get(row.predicate, ()):
                order(row.frame, axis).strict.setdefault(pair, own)
    return dict(sorted(orders.items()))


class _Sizes:
    """What widths and heights say of areas: narrower (or as wide) and shorter (or as tall) is smaller.

    Attributes:
        both: (N, N) bool: a at most as large as b.
        strictly: (N, N) bool: a smaller than b.
    """

    def __init__(self, wide: _Order, tall: _Order, n: int) -> None:
        edges = [o.edges(n) for o in (wide, tall)]
        self.both = np.logical_and(*(_closure(any_) for _, any_ in edges))
        np.fill_diagonal(self.both, False)
        self.strictly = self.both & np.logical_or(*(_strictly_beyond(strict, any_) for strict, any_ in edges))
        self._following = wide.following(), tall.following()

    def why(self, a: int, ends: list[int], most: int, found: _Found) -> Iterator[tuple[int, bool, frozenset[int]]]:
        """b, whether a is smaller than b or at most as large, and why: as shortly as can be, in at most so many members."""
        ways = [_ways(following, 2 * a, most, found) for following in self._following]
        for b in ends:
            found.work += 8
            level = [
                min((w[s][0], s) for s in (2 * b, 2 * b + 1) if s in w) if 2 * b in w or 2 * b + 1 in w else None
                for w in ways
            ]
            if level[0] is None or level[1] is None:
                continue
            states = (level[0][1], level[1][1])
            options = {False: {states}, True: {(2 * b + 1, states[1]), (states[0], 2 * b + 1)}}
            for firm, pairs in options.items():
                chains = [_chain(ways[0], p) | _chain(ways[1], q) for p, q in pairs if p in ways[0] and q in ways[1]]
                if chains:
                    chain = min(chains, key=lambda members: (len(members), sorted(members)))
                    if len(chain) <= most:
                        yield b, firm, chain


def _sizes(orders: Mapping[Axis, _Order], n: int) -> _Sizes | None:
    wide, tall = (orders.get(("image", axis)) for axis in ("width", "height"))
    return _Sizes(wide, tall, n) if wide and tall and ("image", "area") in orders else None


def _with_areas(orders: dict[Axis, _Order], n: int) -> dict[Axis, _Order]:
    """With every edge of the area order that follows from the other two."""
    silent: dict[Axis, _Order] = {("image", "area"): _Order()}
    orders = dict(sorted((silent | orders).items()))
    sizes = _sizes(orders, n)
    if sizes is None:
        return orders
    area, found = orders[("image", "area")], _Found()
    strict, weak = dict(area.strict), dict(area.weak)
    for a in np.flatnonzero(sizes.both.any(1)).tolist():
        for b, firm, members in sizes.why(a, np.flatnonzero(sizes.both[a]).tolist(), sys.maxsize, found):
            if firm == bool(sizes.strictly[a, b]):
                (strict if firm else weak).setdefault((a, b), members)
    return orders | {("image", "area"): _Order(strict, weak, area.apart)}


def _containment(rows: Iterable[_Row]) -> _Order:
    order = _Order()
    for row in rows:
        if row.predicate == "inside" and row.holds:
            order.strict.setdefault((row.a, row.b), frozenset((row.number,)))
    return order


def _conflicts(rows: list[_Row], n: int, found: _Found) -> Iterator[frozenset[int]]:
    """Sets of relation indices that can't hold together, one at least if there is any; `found` says which are wanted."""
    yield from _contradicted(rows)
    yield from _distances(rows, found)
    orders = _orders(rows)
    done: list[_Order] = []
    for order in orders.values():
        if order not in done:  # containment alone says the same of widths, heights and areas
            yield from _cycles(order, n, found)
            done.append(order)
    yield from _topology(rows, n, found)
    yield from _areas(rows, orders, n, found)


def _shortest(rows: list[_Row], found: _Found) -> list[frozenset[int]]:
    """The shortest conflicts of these relations; only the objects they name are looked at."""
    ends = sorted({row.a for row in rows} | {row.b for row in rows})
    if ends and ends[-1] >= len(ends):
        places = {end: place for place, end in enumerate(ends)}
        rows = [_Row(r.number, r.predicate, places[r.a], places[r.b], r.frame, r.holds, r.measured) for r in rows]
    for members in _conflicts(rows, len(ends), found):
        found.add(members)
    return found.shortest()


def _first(rows: list[_Row]) -> frozenset[int] | None:
    """The shortest clash found."""
    found = _shortest(rows, _Found())
    return _minimal(found[0], rows, _Found()) if found else None


def _contradicted(rows: Iterable[_Row]) -> Iterator[frozenset[int]]:
    """The same said to be true and false."""
    said: dict[tuple[str, int, int, Frame], dict[bool, int]] = {}
    for row in rows:
        said.setdefault((row.predicate, row.a, row.b, row.frame), {}).setdefault(row.holds, row.number)
    for verdicts in said.values():
        if len(verdicts) == 2:
            yield frozenset(verdicts.values())


def _cycles(order: _Order, n: int, found: _Found) -> Iterator[frozenset[int]]:
    """For each strict edge on a cycle the shortest cycle through it; pairs said to differ and forced level."""
    strict, any_ = order.edges(n)
    reach = _closure(any_)
    bad = {(a, b): order.strict[(a, b)] for a, b in np.argwhere(strict & reach.T).tolist()}
    if bad:
        yield from _closed(bad, _following(order.weak | order.strict, reach), found)
    if not order.apart:
        return
    level, ways = _following(order.weak, reach), dict[int, Ways]()
    for (a, b), index in order.apart.items():
        if reach[a, b] and reach[b, a] and not found.spent:
            for end in (a, b):
                if end not in ways:
                    ways[end] = _ways(level, end, found.most - 1, found)
            if b in ways[a] and a in ways[b]:
                yield _chain(ways[a], b) | _chain(ways[b], a) | {index}


def _closed(strict: Table, following: Following, found: _Found, most: int = sys.maxsize) -> Iterator[frozenset[int]]:
    """For each of these edges a shortest way back, of at most so many members with it."""
    starts: dict[int, list[int]] = {}
    for a, b in sorted(strict):
        starts.setdefault(b, []).append(a)
    for end, before in starts.items():
        if found.spent:
            return
        ways = _ways(following, end, min(most, found.most) - 1, found, before)
        for a in before:
            if a in ways and ways[a][0] < found.most:
                yield _chain(ways, a) | strict[(a, end)]


def _areas(rows: list[_Row], orders: Mapping[Axis, _Order], n: int, found: _Found) -> Iterator[frozenset[int]]:
    """Cycles of the area order that take what follows from widths and heights.

    One without a word on areas would be a cycle of widths or heights, so what follows matters only from where one such
    relation ends to where one begins. Short ones are looked for first, and the work is bounded.
    """
    spoken = {row.number for row in rows if row.predicate == "smaller"}
    sizes = _sizes(orders, n) if spoken and found.most > 2 else None
    if sizes is None:
        return
    area = orders[("image", "area")]
    table = area.weak | area.strict
    own = np.array([pair for pair, members in table.items() if members & spoken], np.intp).reshape(-1, 2)
    joins = np.zeros((n, n), bool)
    joins[np.ix_(own[:, 1], own[:, 0])] = True
    joins &= sizes.both
    strict, any_ = area.edges(n)
    reach = _closure(any_ | joins)
    joins &= reach.T
    if not (((joins & sizes.strictly) | strict) & reach.T).any() or not joins.any():
        return
    found.allowed = min(found.allowed, found.work + STEPS)
    for limit in (4, 16, 64, sys.maxsize):
        most = min(limit, found.most)
        firm, loose = dict(area.strict), dict(table)
        for a in np.flatnonzero(joins.any(1)).tolist():
            if found.spent:
                break
            for b, is_firm, members in sizes.why(a, np.flatnonzero(joins[a]).tolist(), most, found):
                (firm if is_firm else loose).setdefault((a, b), members)
        bad = {(a, b): members for (a, b), members in firm.items() if reach[b, a]}
        any_found = False
        for members in _closed(bad, _following(loose, reach), found, most):
            any_found = True
            yield members
        if any_found or limit >= found.most or found.spent:
            return


def _topology(rows: list[_Row], n: int, found: _Found) -> Iterator[frozenset[int]]:
    """Exclusive pairs, carried along containment: what is inside a thing is separated from all the thing is."""
    kinds: dict[tuple[str, bool], dict[Pair, int]] = {}
    for row in rows:
        if row.predicate in ("inside", "overlapping", "separated"):
            kinds.setdefault((row.predicate, row.holds), {}).setdefault((row.a, row.b), row.number)
    following = _following(_containment(rows).strict)
    separated: dict[int, dict[int, int]] = {}
    for (a, b), number in kinds.get(("separated", True), {}).items():
        separated.setdefault(a, {})[b] = separated.setdefault(b, {})[a] = number
    cached: dict[int, Ways] = {}

    def around(p: int) -> Ways:
        """p and the things it is inside of."""
        if p not in cached:
            cached[p] = _ways(following, p, found.most - 1, found)
        return cached[p]

    def parted(p: int, q: int, more: int) -> Iterator[frozenset[int]]:
        """Why p and q are separated, where so many members more are of interest."""
        for a, (far, *_) in around(p).items():
            beside, others = separated.get(a, {}), around(q)
            found.work += min(len(beside), len(others))
            for b in beside if len(beside) < len(others) else others:
                if b in beside and b in others and far + others[b][0] + more < found.most:
                    yield _chain(around(p), a) | _chain(others, b) | {beside[b]}

    for (p, q), index in kinds.get(("overlapping", True), {}).items():
        for a, b in ((p, q), (q, p)):
            if b in around(a):
                yield _chain(around(a), b) | {index}
    for (a, b), index in kinds.get(("inside", False), {}).items():
        if b in around(a):
            yield _chain(around(a), b) | {index}
    if not separated:
        return
    for p in sorted(following):
        if found.spent:
            return
        yield from parted(p, p, 0)
    for kind in (("overlapping", True), ("separated", False)):
        for (p, q), index in kinds.get(kind, {}).items():
            if found.spent:
                return
            yield from (why | {index} for why in parted(p, q, 1))


def _distances(rows: list[_Row], found: _Found) -> Iterator[frozenset[int]]:
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
    following, ways = _following(spoken), dict[int, Ways]()
    for (a, b), rows_far in far.items():
        for start, end in ((a, b), (b, a)):
            if rows_far[0].measured or start not in following or found.spent:
                continue
            if start not in ways:
                ways[start] = _ways(following, start, found.most - 1, found)
            if end in ways[start]:
                yield _chain(ways[start], end) | {rows_far[0].number}


# Small sets, told well


def _minimal(members: frozenset[int], rows: list[_Row], effort: _Found) -> frozenset[int]:
    """The set without members it does not need to be impossible.

    The shortest conflict within it needs all of its members, but where `_approximate`: then each is tried.
    """
    own = [row for row in rows if row.number in members]
    while len(own) > 2:
        within = _Found()
        shortest = _shortest(own, within)[0]
        effort.work += within.work
        if len(shortest) == len(own):
            break
        own = [row for row in own if row.number in shortest]
    if len(own) > 2 and _approximate(own):
        for row in sorted(own):
            fewer = [other for other in own if other != row]
            if _clash(fewer):
                own = fewer
    return frozenset(row.number for row in own)


def _approximate(rows: list[_Row]) -> bool:
    """Whether two chains may be needed that can share members, so that the shortest two need not be the fewest members."""
    said = [row.predicate for row in rows]
    if any(row.predicate in _LEVEL and not row.holds for row in rows):
        return True
    return "smaller" in said and len(set(said)) > 1 and ("inside" in said or said.count("smaller") > 1)


def _clash(rows: list[_Row]) -> bool:
    """Whether these relations clash."""
    return bool(_shortest(rows, _Found()))


def _as_told(members: frozenset[int], rows: list[_Row], relations: tuple[Relation, ...]) -> tuple[Relation, ...]:
    by_index = {row.number: row for row in rows if row.number in members}
    return tuple(relations[i] for i in _told(members, by_index))


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
    return _clash(rows)


def _flipped(r: Relation) -> Relation | None:
    """The relation turned into its opposite: a false one becomes true, left becomes right, near becomes far."""
    if r.verdict == "false":
        return replace(r, verdict="true", origin="person")
    opposite = _OPPOSITE.get(r.predicate, inverse_of(r.predicate))
    if opposite is None or opposite == r.predicate:
        verdict: Verdict = "false"
        return replace(r, verdict=verdict, origin="person")
    return replace(r, predicate=opposite, origin="person")


# Reachability on up to some hundred objects


def _closure(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, N) bool: b can be reached from a in one or more steps."""
    reach = np.packbits(edges, axis=1)
    for k in np.flatnonzero(edges.any(0) & edges.any(1)).tolist():
        reach[(reach[:, k >> 3] & (128 >> (k & 7))) != 0] |= reach[k]
    return np.unpackbits(reach, axis=1, count=edges.shape[1]).astype(bool)


def _strictly_beyond(strict: NDArray[np.bool_], any_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, N) bool: b can be reached from a by a way with a strict step."""
    step = (_closure(any_) | np.eye(len(any_), dtype=bool)).astype(np.float32)
    then = (step @ strict.astype(np.float32) > 0).astype(np.float32)
    beyond: NDArray[np.bool_] = then @ step > 0
    return beyond


def _following(table: Table, reach: NDArray[np.bool_] | None = None) -> Following:
    """The table's edges place by place; with `reach`, only those on a cycle."""
    out: dict[int, list[tuple[int, frozenset[int]]]] = {}
    for a, b in sorted(table):
        if reach is None or reach[b, a]:
            out.setdefault(a, []).append((b, table[(a, b)]))
    return out


def _ways(
    following: Following, start: int, most: int = sys.maxsize, found: _Found | None = None, ends: Iterable[int] = ()
) -> Ways:
    """A shortest way from start to each place within `most` relations; with `ends`, no further than to all of these."""
    ways: Ways = {start: (0, start, frozenset())}
    levels, cost, left, steps = {0: [start]}, 0, set(ends), 0
    until = bool(left)
    while levels and (left or not until):
        cost = cost if cost in levels else min(levels)
        for here in levels.pop(cost):
            if ways[here][0] != cost:
                continue
            left.discard(here)
            after = following.get(here, ())
            steps += len(after)
            for b, members in after:
                total = cost + len(members)
                if total <= most and (b not in ways or total < ways[b][0]):
                    ways[b] = (total, here, members)
                    levels.setdefault(total, []).append(b)
        cost += 1
    if found is not None:
        found.work += steps
    return ways


def _chain(ways: Ways, end: int) -> frozenset[int]:
    """The relations on the way to `end`."""
    parts: list[frozenset[int]] = []
    while ways[end][0]:
        _, end, members = ways[end]
        parts.append(members)
    return frozenset().union(*parts)
