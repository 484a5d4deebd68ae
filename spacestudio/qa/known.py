"""What a scene says for certain: its relations looked up by place, trusted or not, and as facts for a question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from spacestudio.domain.graph import Relation
from spacestudio.qa.scene import Scene
from spacestudio.relations.facts import Table as Table
from spacestudio.relations.facts import fact as fact
from spacestudio.relations.facts import finite as finite
from spacestudio.relations.facts import stored as stored
from spacestudio.relations.naming import Names, label_of
from spacestudio.relations.relate import inverse_of

WEAK_DEPTH = "estimate without a model"
DEPTH_FAMILIES = ("depth", "distance")

IMPLIED: Mapping[str, Mapping[str, bool]] = {
    "left of": {"right of": False},
    "right of": {"left of": False},
    "above": {"below": False},
    "below": {"above": False},
    "inside": {"surrounding": False},
    "surrounding": {"inside": False},
    "overlapping": {"separated": False},
    "separated": {"overlapping": False},
    "larger": {"smaller": False},
    "smaller": {"larger": False},
    "wider": {"narrower": False},
    "narrower": {"wider": False},
    "taller": {"shorter": False},
    "shorter": {"taller": False},
    "in front of": {"behind": False, "at the same depth": False},
    "behind": {"in front of": False, "at the same depth": False},
    "at the same depth": {},
    "near": {"far": False},
    "beside": {"far": False, "near": True},
    "far": {"near": False, "beside": False},
    "on": {"under": False},
    "under": {"on": False},
}
"""A true predicate -> what else is then decided of the same ordered pair; nothing else is."""


class Known:
    """A scene's relations by place, and what its objects are called."""

    def __init__(self, scene: Scene) -> None:
        self._distrusted, self._depth_source = scene.distrusted, scene.depth_source
        self.size = scene.width, scene.height
        self.unlisted = frozenset(label_of(label).casefold() for label in scene.unlisted)
        self.names = Names(scene.graph.objects, scene.width, scene.height, self.unlisted)
        self.objects = {o.id: o for o in scene.graph.objects}
        self.table: Table = {
            **scene.graph.by_key,
            **{(r.subject, r.object, r.family, r.frame): r for view in scene.views.values() for r in view},
        }
        named = frozenset(self.names)
        self._pairs: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
        for s, o, family, frame in self.table:
            if s in named and o in named:
                self._pairs.setdefault((family, frame), {})[(s, o) if s < o else (o, s)] = None

    @property
    def complete(self) -> bool:
        """Whether all that is known to be in the picture has a name, so that a label that is missing means absence."""
        return not self.names.unnamed and "" not in self.unlisted

    @cached_property
    def said(self) -> frozenset[str]:
        """The labels of the picture, listed or not, and their words, each also without a last "s"."""
        labels = (*self.names.groups, *self.unlisted)
        words = [w for label in labels for w in label.replace("-", " ").split()]
        return frozenset((*labels, *words, *(w.removesuffix("s") for w in words)))

    def pairs(self, family: str, frame: str) -> Iterator[tuple[str, str]]:
        """Pairs of named objects, each once, ids in order, about which that family says anything in that frame."""
        return iter(self._pairs.get((family, frame), ()))

    def trusted(self, subject: str, object_: str, family: str, frame: str) -> bool:
        """Whether no clash touches that place."""
        clashes = self._distrusted
        return (subject, object_, family, frame) not in clashes and (object_, subject, family, frame) not in clashes

    def stored(self, subject: str, object_: str, family: str, frame: str) -> Relation | None:
        """The relation at that place, from whichever side it is stored; None when the two sides disagree."""
        return stored(self.table, subject, object_, family, frame)

    def decided(self, subject: str, object_: str, family: str, frame: str) -> Relation | None:
        """The true or false relation at that place; None when undecided, distrusted or contradicted."""
        if not self.trusted(subject, object_, family, frame):
            return None
        relation = self.stored(subject, object_, family, frame)
        return relation if relation and relation.verdict != "undecided" else None

    def weak_depth(self) -> list[str]:
        """The depth's maker, where it has to be named as an assumption."""
        return [self._depth_source] if WEAK_DEPTH in self._depth_source else []

    def facts(
        self,
        objects: Iterable[str],
        relations: Iterable[Relation] = (),
        numbers: Mapping[str, Any] | None = None,
        thresholds: Mapping[str, float] | None = None,
        assumed: Iterable[str] = (),
        found: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What an answer rests on, JSON-able; `found` holds what was read off the objects themselves."""
        relations = list(relations)
        notes = [*assumed]
        for r in relations:
            notes += [str(note) for note in r.evidence.get("assumed", ())]
            if r.family in DEPTH_FAMILIES or r.frame != "image":
                notes += self.weak_depth()
        limits = {r.predicate: finite(r.threshold) for r in relations if r.threshold} | dict(thresholds or {})
        facts: dict[str, Any] = {
            "relations": [fact(r) for r in relations],
            "objects": list(objects),
            "numbers": dict(numbers or {}),
            "thresholds": limits,
            "assumed": list(dict.fromkeys(notes)),
        }
        return facts | ({"found": dict(found)} if found else {})


_known: WeakKeyDictionary[Scene, Known] = WeakKeyDictionary()


def known(scene: Scene) -> Known:
    """Read once per scene, however many families ask."""
    found = _known.get(scene)
    if found is None:
        found = Known(scene)
        _known[scene] = found
    return found


def truth(relation: Relation | None, predicate: str) -> bool | None:
    """Whether the predicate holds, as far as that relation decides it."""
    if relation is None or relation.verdict == "undecided":
        return None
    if relation.predicate == predicate:
        return relation.verdict == "true"
    return IMPLIED.get(relation.predicate, {}).get(predicate) if relation.verdict == "true" else None


def inverse(predicate: str) -> str:
    """The predicate of the reversed pair; itself for a person's own words."""
    return inverse_of(predicate) or predicate
