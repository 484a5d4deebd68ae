"""Order three or more objects from near to far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import combinations, permutations

from spacestudio.domain.graph import Relation
from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import Candidate, choose, number, pick, shuffled
from spacestudio.qa.keys import Asked
from spacestudio.qa.known import Known, known
from spacestudio.qa.scene import Scene
from spacestudio.relations.naming import listing

CAP = 2
LEAST, MOST = 3, 5
WORDINGS = (
    "Put these in order from nearest to farthest: {things}.",
    "Starting with the one closest to the camera, in which order do {things} come?",
    "Order {things} by their distance from the camera, nearest first.",
)


def questions(scene: Scene) -> list[QAPair]:
    """Three to five named objects of which any two are ordered for certain; the right order among four."""
    k = known(scene)
    asked = [Asked.of(key) for key in sorted(scene.kept) if key.startswith("depth_order:")]
    held = [tuple(a.subject.split("+")) for a in asked if a]
    groups = dict.fromkeys((*held, *(_group(scene, k, attempt) for attempt in range(CAP * 2))))
    candidates = []
    for group in groups:
        order = order_of(k, group)
        if order:
            key = Asked("depth_order", "+".join(group), "in front of", "", "camera", "order").key
            candidates.append(Candidate(key, key, "order", partial(_pair, scene, k, key, order)))
    return choose(candidates, {"order": CAP}, scene.seed, scene.kept)


def _group(scene: Scene, k: Known, attempt: int) -> tuple[str, ...]:
    """Objects picked in an order of their own, each decided against all before it; ids sorted."""
    size = LEAST + number(scene.seed, "size", str(attempt)) % (MOST - LEAST + 1)
    group: list[str] = []
    for i in shuffled(k.names, scene.seed, "order", str(attempt)):
        if len(group) < size and all(_ordered(k, i, other) for other in group):
            group.append(i)
    return tuple(sorted(group))


def _ordered(k: Known, a: str, b: str) -> Relation | None:
    r = k.decided(a, b, "depth", "camera")
    return r if r and r.verdict == "true" and r.predicate in ("in front of", "behind") else None


def order_of(k: Known, ids: Iterable[str]) -> tuple[str, ...]:
    """The objects nearest first; empty where one is unnamed, two are not ordered, or the order runs in a circle."""
    group = list(dict.fromkeys(ids))
    ahead = dict.fromkeys(group, 0)
    if not LEAST <= len(group) <= MOST or not all(i in k.names for i in group):
        return ()
    for a, b in combinations(group, 2):
        r = _ordered(k, a, b)
        if r is None:
            return ()
        ahead[a if r.predicate == "in front of" else b] += 1
    order = sorted(group, key=lambda i: -ahead[i])
    return tuple(order) if [ahead[i] for i in order] == list(range(len(group)))[::-1] else ()


def spoken(k: Known, order: Sequence[str]) -> str:
    """The order as an answer: "the cup, the plate, the vase"."""
    return ", ".join(k.names[i].the for i in order)


def _pair(scene: Scene, k: Known, key: str, order: Sequence[str]) -> QAPair:
    things = listing([k.names[i].the for i in shuffled(order, scene.seed, key)], "and")
    answer = spoken(k, order)
    wrong = [spoken(k, p) for p in permutations(order) if p != tuple(order)]
    options = tuple(shuffled([answer, *shuffled(wrong, scene.seed, key)[:3]], scene.seed, key, "options"))
    relations = [r for a, b in combinations(order, 2) if (r := _ordered(k, a, b))]
    question = pick(WORDINGS, scene.seed, key).format(things=things)
    return QAPair(key, "depth_order", question, answer, k.facts(order, relations), options)
