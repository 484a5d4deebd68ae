"""What is certain of a sample, what its things are called, and how grounded sentences are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.dice import number, pick
from spacestudio.domain.events import fold
from spacestudio.domain.graph import Relation
from spacestudio.domain.grounded import Grounded, Mention, Predicate, Span
from spacestudio.domain.sample import Sample
from spacestudio.geometry.intervals import ranges_of, record
from spacestudio.geometry.measure import measure
from spacestudio.relations.facts import Table, fact, finite, stored
from spacestudio.relations.naming import Names, label_of
from spacestudio.relations.relate import VIEWS, seen_from
from spacestudio.relations.words import sided

AXES = {"direction": 0, "depth": 2}
"""Family -> the axis of the record its relations in the camera's frame are about; above and below: the other."""

_records: WeakKeyDictionary[Sample, NDArray[np.int8]] = WeakKeyDictionary()


class Story:
    """What a caption may say of a sample: its true relations outside of clashes, its named things, its layers.

    Attributes:
        sample: it.
        labels: object id -> label ready for a sentence; unnamed objects are left out.
        names: what to call an object so that nothing else of the picture is meant; not every labelled one has such a name.
        distrusted: places of relations that a clash touches, both ways round.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.labels = {o.id: label for o in sample.objects if (label := label_of(o.label))}
        unlisted = fold(sample.events).unlisted if sample.events else ()
        folded = frozenset(label_of(label).casefold() for label in unlisted)
        self.names = Names(sample.objects, sample.width, sample.height, folded)
        self._seed = number(0, sample.id)
        self._shows_camera = any("camera" in label.casefold() for label in self.labels.values())
        self.distrusted = frozenset(key for clash in sample.clashes for r in clash for key in (r.key, _reversed(r.key)))

    def number(self, *words: str) -> int:
        """A stable number for these words in this sample."""
        return number(self._seed, *words)

    def pick(self, choices: Sequence[str], *words: str) -> str:
        """One of them, the same for the same words in this sample, put as `put` puts it."""
        return self.put(pick(choices, self._seed, *words))

    def put(self, template: str) -> str:
        """Words of ours; where the picture shows a camera, the one that took it is "the viewer"."""
        return template.replace("the camera", "the viewer") if self._shows_camera else template

    @cached_property
    def layers(self) -> tuple[tuple[str, ...], ...]:
        """The labelled objects of each layer that has any, near to far."""
        rows = (tuple(i for i in layer.object_ids if i in self.labels) for layer in self.sample.layers)
        return tuple(row for row in rows if row)

    @cached_property
    def layer_of(self) -> Mapping[str, int]:
        """Object id -> place of its layer in `layers`."""
        return {i: k for k, row in enumerate(self.layers) for i in row}

    @cached_property
    def views(self) -> Mapping[str, tuple[Relation, ...]]:
        """Viewpoint -> the relations seen from there; measured here where the sample, read from a folder, has none."""
        s = self.sample
        if s.views or s.depth is None or s.camera is None:
            return s.views
        variants = s.variants or measure(s.objects, s.width, s.height, s.depth, s.camera, turned=False)
        return {str(view): seen_from(view, s.objects, variants, s.graph) for view in VIEWS}

    @cached_property
    def _viewed(self) -> Table:
        return {r.key: r for view in self.views.values() for r in view}

    def true(self, subject: str, object_: str, family: str, frame: str) -> Relation | None:
        """The relation at that place if it is true, from whichever side it is stored; None too where a clash touches it."""
        if (subject, object_, family, frame) in self.distrusted:
            return None
        table = self.sample.graph.by_key if frame in ("image", "camera") else self._viewed
        r = stored(table, subject, object_, family, frame)
        return r if r is not None and r.verdict == "true" and self._apart(r) else None

    def _apart(self, r: Relation) -> bool:
        """Whether the pairwise record, too, tells two things apart on the axis in space a relation is about.

        A text then never orders what the record leaves undecided. What a person said needs no measurement.
        """
        if r.origin == "person" or r.frame == "image" or r.family not in AXES or r.predicate == "at the same depth":
            return True
        axis = 1 if r.predicate in ("above", "below") else AXES[r.family]
        if r.frame in ("left", "right") and axis != 1:
            axis = 2 - axis  # seen from a side, left and right are what was near and far
        return bool(self._record[self._place[r.subject], self._place[r.object], axis])

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {o.id: k for k, o in enumerate(self.sample.objects)}

    @cached_property
    def _record(self) -> NDArray[np.int8]:
        """Measured once a sample, however many styles tell it."""
        s = self.sample
        if s.depth is None or s.camera is None:
            return np.zeros((len(s.objects), len(s.objects), 3), np.int8)
        if s not in _records:
            _records[s] = record(*ranges_of(s.objects, s.depth, s.camera))
        return _records[s]

    def called(self, object_id: str) -> tuple[Span, ...]:
        """ "the leftmost ", cup, "": a named object, pointed at."""
        name, label = self.names[object_id], self.labels[object_id]
        before, _, after = name.the.rpartition(label)
        return tuple(span for span in (before, Mention(label, (object_id,)), after) if span)

    def facts(self, relations: Iterable[Relation], objects: Iterable[str], **more: Any) -> dict[str, Any]:
        """What an exchange rests on, JSON values, in the form of `QAPair.facts`."""
        relations = list(dict.fromkeys(relations))
        assumed = [str(note) for r in relations for note in r.evidence.get("assumed", ())]
        return {
            "relations": [fact(r) for r in relations],
            "objects": list(dict.fromkeys(objects)),
            "numbers": {},
            "thresholds": {r.predicate: finite(r.threshold) for r in relations if r.threshold},
            "assumed": list(dict.fromkeys(assumed)),
        } | more


def _reversed(key: tuple[str, str, str, str]) -> tuple[str, str, str, str]:
    subject, object_, family, frame = key
    return object_, subject, family, frame


def predicate(r: Relation) -> Predicate:
    """A relation as a span."""
    return Predicate(sided(r.predicate), (r.subject,), (r.object,))


def sentence(*spans: Span) -> tuple[Span, ...]:
    """The spans with a capital letter in front."""
    first = spans[0]
    if isinstance(first, str):
        return (first[:1].upper() + first[1:], *spans[1:])
    return spans


def text(sentences: Iterable[Sequence[Span]], between: str = " ") -> Grounded:
    """One text of sentences; neighbouring words become one span."""
    spans: list[Span] = []
    for k, said in enumerate(sentences):
        for span in (between, *said) if k else said:
            if isinstance(span, str) and spans and isinstance(spans[-1], str):
                spans[-1] += span
            elif span:
                spans.append(span)
    return Grounded(tuple(spans))


def listed(items: Sequence[Sequence[Span]], last: str = "and") -> tuple[Span, ...]:
    """ "a cup, two plates and a vase"."""
    out: list[Span] = []
    for k, item in enumerate(items):
        out += [f" {last} " if k == len(items) - 1 else ", "] if k else []
        out += item
    return tuple(out)
