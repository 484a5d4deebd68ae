"""A sample's own graph as SR4G captions: what geometry measured and people corrected, one caption a relation."""

from __future__ import annotations

from spacestudio.captions.sr2d import phrase
from spacestudio.captions.sr4g import TYPES, noun
from spacestudio.captions.story import Story, text
from spacestudio.domain.graph import Relation
from spacestudio.domain.grounded import Exchange, Mention, Predicate, Span
from spacestudio.domain.sample import Sample

ASKED = "Say how two things in the picture stand to each other."
_RELATIONS = frozenset(name for names in TYPES.values() for name in names)


def stated(sample: Sample) -> tuple[Exchange, ...]:
    """A caption for each true relation of the fourteen in the picture's plane, in the graph's order.

    Both things are the only ones the picture has under their label. What a clash touches is left out.
    """
    story = Story(sample)
    alone = {i for i, label in story.labels.items() if (name := story.names.get(i)) and name.text == label}
    question = text([[ASKED]])
    return tuple(
        Exchange(
            f"sr4g:{r.subject}:{r.predicate}:{r.object}", question, text([_said(story, r)]), story.facts([r], r.key[:2])
        )
        for r in sample.graph
        if r.verdict == "true" and r.frame == "image" and r.predicate in _RELATIONS
        if {r.subject, r.object} <= alone and r.key not in story.distrusted
    )


def _said(story: Story, r: Relation) -> tuple[Span, ...]:
    """Worded as `sr4g.spoken` does, names and predicate pointing at objects."""
    subject, object_ = _thing(story, r.subject), _thing(story, r.object)
    predicate = Predicate(phrase(r.predicate), (r.subject,), (r.object,))
    if r.predicate == "separated":
        return (*subject, " and ", *object_, " ", predicate)
    return (*subject, " ", predicate, " ", *object_)


def _thing(story: Story, object_id: str) -> tuple[Span, ...]:
    label = story.labels[object_id]
    article = noun(label).removesuffix(label)
    return (article, Mention(label, (object_id,)))
