"""Is A left of / above / on / inside / larger than … B?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from spacestudio.domain.graph import Relation
from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import NO, YES, Candidate, choose, number, pick, shuffled
from spacestudio.qa.keys import Asked
from spacestudio.qa.known import Known, known, truth
from spacestudio.qa.scene import Scene
from spacestudio.relations.naming import Name, listing
from spacestudio.relations.words import read

CANNOT_TELL = "It cannot be told from this picture."
MAX_CANNOT_TELL = 2
ENOUGH = 4
"""With this many pairs per question to ask, only one family per pair is considered."""


@dataclass(frozen=True)
class Wording:
    """How one family of relations is asked about.

    Attributes:
        frame: where its relations are taken from.
        predicates: asked with yes or no.
        weight: how often it is asked first about a pair.
        yes_no: fields Be, be, Do, do, s, o, p.
        choice: fields as above, and options instead of p; empty when it is not asked by choice.
        options: predicate -> the options among which it is the only right one.
    """

    frame: str
    predicates: tuple[str, ...]
    weight: int
    yes_no: tuple[str, ...]
    choice: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] | None = None


def _each(*groups: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {p: group for group in groups for p in group}


WORDINGS: Mapping[str, Wording] = {
    "direction": Wording(
        "image",
        ("left of", "right of", "above", "below"),
        3,
        (
            "In the picture, {be} {s} {p} {o}?",
            "{Be} {s} {p} {o} in the picture?",
            "Looking at the picture, {be} {s} placed {p} {o}?",
        ),
        (
            "In the picture, {be} {s} {options} {o}?",
            "{Be} {s} {options} {o} in the picture?",
            "Looking at the picture, {be} {s} {options} {o}?",
        ),
        _each(("left of", "right of"), ("above", "below")),
    ),
    "topology": Wording(
        "image",
        ("inside", "surrounding", "overlapping", "separated"),
        1,
        (
            "Going by their bounding boxes, {be} {s} {p} {o}?",
            "Is the bounding box of {s} {p} the bounding box of {o}?",
            "In the picture, is the bounding box of {s} {p} that of {o}?",
        ),
        (
            "Going by their bounding boxes, {be} {s} {options} {o}?",
            "Is the bounding box of {s} {options} the bounding box of {o}?",
            "In the picture, is the bounding box of {s} {options} that of {o}?",
        ),
        _each(("inside", "surrounding"), ("overlapping", "separated")),
    ),
    "scale": Wording(
        "image",
        ("larger", "smaller", "wider", "narrower", "taller", "shorter"),
        2,
        (
            "{Do} {s} appear {p} {o} in the picture?",
            "In the picture, {be} {s} {p} {o}?",
            "Measured in the picture, {be} {s} {p} {o}?",
        ),
        (
            "{Do} {s} appear {options} {o} in the picture?",
            "In the picture, {be} {s} {options} {o}?",
            "Measured in the picture, {be} {s} {options} {o}?",
        ),
        _each(("larger", "smaller"), ("wider", "narrower"), ("taller", "shorter")),
    ),
    "support": Wording(
        "image",
        ("on", "under"),
        6,
        ("{Be} {s} {p} {o}?", "In this scene, {be} {s} {p} {o}?", "Would you say that {s} {be} {p} {o}?"),
        ("{Be} {s} {options} {o}?", "In this scene, {be} {s} {options} {o}?", "Would you say that {s} {be} {options} {o}?"),
        _each(("on", "under")),
    ),
    "depth": Wording(
        "camera",
        ("in front of", "behind", "at the same depth"),
        2,
        (
            "Seen from the camera, {be} {s} {p} {o}?",
            "{Be} {s} {p} {o}, as seen from the camera?",
            "From where the camera stands, {be} {s} {p} {o}?",
        ),
        (
            "Seen from the camera, {be} {s} {options} {o}?",
            "{Be} {s} {options} {o}, as seen from the camera?",
            "From where the camera stands, {be} {s} {options} {o}?",
        ),
        _each(("in front of", "behind", "at the same depth")),
    ),
    "distance": Wording(
        "camera",
        ("beside", "near", "far"),
        1,
        (
            "For things of their size, {be} {s} {p} {o}?",
            "{Be} {s} {p} {o}, compared with their own size?",
            "Compared with their own size, {be} {s} {p} {o}?",
        ),
        (
            "For things of their size, {be} {s} {options} {o}?",
            "{Be} {s} {options} {o}, compared with their own size?",
            "Compared with their own size, {be} {s} {options} {o}?",
        ),
        {"near": ("near", "far"), "far": ("near", "far")},
    ),
}
UNDECIDED = (
    "{Be} {s} in front of or behind {o}?",
    "Seen from the camera, {be} {s} in front of {o} or behind?",
    "Which holds, seen from the camera: {be} {s} in front of {o} or behind?",
)


def caps(objects: int) -> dict[str, int]:
    """How many of each form: twelve in all, up to eighteen where there are more objects."""
    third = min(max(2 * objects, 12), 18) // 3
    return {YES: third, NO: third, "choice": third}


def questions(scene: Scene) -> list[QAPair]:
    """Yes-no and choice questions on decided relations, and at most two on which the picture doesn't decide.

    A pair of objects is asked about once per family, from one side. A person's own predicates, whose grammar and
    opposite nobody knows, are not asked.
    """
    k = known(scene)
    pairs: dict[tuple[str, str], list[tuple[str, Relation]]] = {}
    for family, wording in WORDINGS.items():
        for a, b in k.pairs(family, wording.frame):
            s, o = (a, b) if number(scene.seed, a, b, family) % 2 else (b, a)
            relation = k.decided(s, o, family, wording.frame)
            if relation:
                pairs.setdefault((a, b), []).append((family, relation))
    room = caps(len(k.names))
    deep, held = len(pairs) < ENOUGH * sum(room.values()), touched(scene)
    candidates = [
        c for pair, found in pairs.items() for c in _of_pair(scene, k, pair, found, deep or frozenset(pair) in held)
    ]
    return choose(candidates, room, scene.seed, scene.kept) + _undecided(scene, k)


def _of_pair(
    scene: Scene, k: Known, pair: tuple[str, str], found: Sequence[tuple[str, Relation]], deep: bool
) -> Iterator[Candidate]:
    """The pair's families, the one to ask first in tier 0; only that one unless `deep`."""
    ranked = sorted(found, key=lambda f: (number(scene.seed, *pair, "first", f[0]) / WORDINGS[f[0]].weight, f[0]))
    for tier, (family, relation) in enumerate(ranked if deep else ranked[:1]):
        topic = f"{pair[0]}:{family}:{pair[1]}"
        forms = _forms(scene, k, topic, family, relation)
        for c in sorted(forms, key=lambda c: number(scene.seed, "form", c.key)):
            yield Candidate(c.key, topic, c.kind, c.make, tier)


def _forms(scene: Scene, k: Known, topic: str, family: str, r: Relation) -> Iterator[Candidate]:
    wording = WORDINGS[family]
    for predicate in wording.predicates:
        holds = truth(r, predicate)
        if holds is not None:
            key = Asked("relation", r.subject, predicate, r.object, wording.frame, "yes-no").key
            yield Candidate(key, topic, YES if holds else NO, partial(_yes_no, scene, k, key, wording, r, predicate, holds))
    if r.verdict == "true" and wording.options and r.predicate in wording.options:
        key = Asked("relation", r.subject, family, r.object, wording.frame, "choice").key
        yield Candidate(key, topic, "choice", partial(_choice, scene, k, key, wording, r))


def _yes_no(scene: Scene, k: Known, key: str, wording: Wording, r: Relation, predicate: str, holds: bool) -> QAPair:
    text = worded(pick(wording.yes_no, scene.seed, key), k.names[r.subject], k.names[r.object], p=spoken(predicate))
    return QAPair(key, "relation", text, YES if holds else NO, k.facts([r.subject, r.object], [r]))


def _choice(scene: Scene, k: Known, key: str, wording: Wording, r: Relation) -> QAPair:
    assert wording.options is not None
    among = wording.options[r.predicate]
    if r.family == "direction" and _clear_axis(k, r):
        among = ("left of", "right of", "above", "below")
    spoken_order = shuffled(among, scene.seed, key, "spoken")
    text = worded(
        pick(wording.choice, scene.seed, key),
        k.names[r.subject],
        k.names[r.object],
        options=either(spoken_order),
    )
    options = tuple(shuffled(among, scene.seed, key, "options"))
    return QAPair(key, "relation", text, r.predicate, k.facts([r.subject, r.object], [r]), options)


def _clear_axis(k: Known, r: Relation) -> bool:
    """Whether the boxes' centres are level across the other axis, so that one of four directions alone is right."""
    if r.origin == "person" or not r.threshold:
        return False
    axis = 1 if r.predicate in ("left of", "right of") else 0
    ends = [k.objects[i].box for i in (r.subject, r.object)]
    offset = abs(ends[0].center[axis] - ends[1].center[axis]) / max(k.size[axis], 1)
    return offset < r.threshold / 2


def _undecided(scene: Scene, k: Known) -> list[QAPair]:
    """Pairs whose order in depth the measurement leaves open, asked with that as the answer."""
    candidates = []
    for a, b in k.pairs("depth", "camera"):
        s, o = (a, b) if number(scene.seed, a, b, "open") % 2 else (b, a)
        relation = k.stored(s, o, "depth", "camera")
        if relation and relation.verdict == "undecided" and k.trusted(s, o, "depth", "camera"):
            key = Asked("relation", s, "in front of", o, "camera", "cannot-tell").key
            candidates.append(Candidate(key, key, "cannot-tell", partial(_cannot_tell, scene, k, key, relation)))
    return choose(candidates, {"cannot-tell": MAX_CANNOT_TELL}, scene.seed, scene.kept, MAX_CANNOT_TELL)[:MAX_CANNOT_TELL]


def _cannot_tell(scene: Scene, k: Known, key: str, r: Relation) -> QAPair:
    text = worded(pick(UNDECIDED, scene.seed, key), k.names[r.subject], k.names[r.object])
    numbers = {"margin": round(r.margin, 6)}
    return QAPair(
        key,
        "relation",
        text,
        CANNOT_TELL,
        k.facts([r.subject, r.object], [r], numbers, {"threshold": round(r.threshold, 6)}),
    )


def spoken(predicate: str) -> str:
    """A predicate as it stands between two nouns of a question."""
    return {
        "left of": "to the left of",
        "right of": "to the right of",
        "at the same depth": "at about the same depth as",
    }.get(predicate, read(predicate))


def either(predicates: Sequence[str]) -> str:
    """ "in front of or behind", "larger or smaller than": a last word all of them share is said once."""
    said = [spoken(p).split() for p in predicates]
    if len({words[-1] for words in said}) == 1 and all(len(words) > 1 for words in said):
        return f"{listing([' '.join(words[:-1]) for words in said])} {said[0][-1]}"
    return listing([" ".join(words) for words in said])


def touched(scene: Scene) -> frozenset[frozenset[str]]:
    """Pairs of objects about which a person has edited or judged a question."""
    asked = (Asked.of(key) for key in scene.kept)
    return frozenset(frozenset((a.subject, a.object)) for a in asked if a and a.object)


def worded(template: str, s: Name, o: Name, **more: str) -> str:
    """The template with both names, the verb agreeing with the first."""
    return template.format(s=s.the, o=o.the, be=s.be, Be=s.be.capitalize(), do=s.do, Do=s.do.capitalize(), **more)
