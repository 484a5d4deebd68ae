"""What stands where, seen from the left, right or back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from spacestudio.domain.graph import Relation
from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import NO, YES, Candidate, choose, number, pick, shuffled
from spacestudio.qa.keys import Asked
from spacestudio.qa.known import Known, known, truth
from spacestudio.qa.relation import ENOUGH, either, spoken, touched, worded
from spacestudio.qa.scene import Scene

ROOM = {YES: 2, NO: 2, "choice": 2}
PREDICATES = {"direction": ("left of", "right of"), "depth": ("in front of", "behind")}
SIDES = {"left": "left side", "right": "right side", "back": "back"}
YES_NO = (
    "Seen from the {side} of the scene, {be} {s} {p} {o}?",
    "If you looked at the scene from its {side}, would {s} be {p} {o}?",
    "Imagine standing at the {side} of the scene: {be} {s} {p} {o} from there?",
)
CHOICE = (
    "Seen from the {side} of the scene, {be} {s} {options} {o}?",
    "If you looked at the scene from its {side}, would {s} be {options} {o}?",
    "Imagine standing at the {side} of the scene: {be} {s} {options} {o} from there?",
)


def questions(scene: Scene) -> list[QAPair]:
    """Left or right, in front or behind, as seen from the scene's other sides; above and below stay what they are.

    Nothing is asked of a pair with a clash in any frame the view is turned from.
    """
    k = known(scene)
    found: dict[tuple[str, str], list[Relation]] = {}
    for view in scene.views:
        for family in PREDICATES if view in SIDES else ():
            for a, b in k.pairs(family, view):
                s, o = (a, b) if number(scene.seed, a, b, view, family) % 2 else (b, a)
                r = k.decided(s, o, family, view)
                if r and r.predicate in PREDICATES[family] and _clear(k, s, o):
                    found.setdefault((a, b), []).append(r)
    deep, held = len(found) < ENOUGH * sum(ROOM.values()), touched(scene)
    candidates = [
        c for pair, relations in found.items() for c in _of_pair(scene, k, pair, relations, deep or frozenset(pair) in held)
    ]
    return choose(candidates, ROOM, scene.seed, scene.kept)


def _clear(k: Known, s: str, o: str) -> bool:
    return all(k.trusted(s, o, family, frame) for family in PREDICATES for frame in ("image", "camera"))


def _of_pair(scene: Scene, k: Known, pair: tuple[str, str], relations: list[Relation], deep: bool) -> Iterator[Candidate]:
    """Every view and family of a pair is a topic; the first to be asked stands in tier 0; only that one unless `deep`."""
    ranked = sorted(relations, key=lambda r: number(scene.seed, *pair, r.frame, r.family))
    for tier, r in enumerate(ranked if deep else ranked[:1]):
        topic = f"{pair[0]}:{r.frame}:{r.family}:{pair[1]}"
        forms = []
        for predicate in PREDICATES[r.family]:
            holds = truth(r, predicate)
            if holds is not None:
                key = Asked("viewpoint", r.subject, predicate, r.object, r.frame, "yes-no").key
                make = partial(_yes_no, scene, k, key, r, predicate, holds)
                forms.append(Candidate(key, topic, YES if holds else NO, make, tier))
        if r.verdict == "true":
            key = Asked("viewpoint", r.subject, r.family, r.object, r.frame, "choice").key
            forms.append(Candidate(key, topic, "choice", partial(_choice, scene, k, key, r), tier))
        yield from sorted(forms, key=lambda c: number(scene.seed, "form", c.key))


def _yes_no(scene: Scene, k: Known, key: str, r: Relation, predicate: str, holds: bool) -> QAPair:
    text = worded(
        pick(YES_NO, scene.seed, key), k.names[r.subject], k.names[r.object], side=SIDES[r.frame], p=spoken(predicate)
    )
    return QAPair(key, "viewpoint", text, YES if holds else NO, k.facts([r.subject, r.object], [r]))


def _choice(scene: Scene, k: Known, key: str, r: Relation) -> QAPair:
    among = PREDICATES[r.family]
    said = either(shuffled(among, scene.seed, key, "spoken"))
    text = worded(pick(CHOICE, scene.seed, key), k.names[r.subject], k.names[r.object], side=SIDES[r.frame], options=said)
    options = tuple(shuffled(among, scene.seed, key, "options"))
    return QAPair(key, "viewpoint", text, r.predicate, k.facts([r.subject, r.object], [r]), options)
