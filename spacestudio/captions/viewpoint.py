"""SpaceSGG's conversation: how two things stand to each other, now and seen from another side (SEEDS 1.4; wording ours)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, product

from spacestudio.captions.story import Story, listed, predicate, sentence, text
from spacestudio.domain.graph import Relation
from spacestudio.domain.grounded import Exchange, Span
from spacestudio.domain.sample import Sample

COUNT = 20
"""Relations asked of a picture at most (SEEDS 1.4)."""
SIDES = {"left": "the left side", "right": "the right side", "back": "the back"}
HORIZONTAL = ("left of", "right of", "in front of", "behind")
ASKED = (
    "If you looked at the scene from {side}, how would they stand to each other, and why?",
    "How do they stand to each other when seen from {side} of the scene? Explain.",
    "Now imagine walking round to {side} of the scene. Where is the first of them from there, and why?",
)
BECAUSE = {
    "left": {"direction": "what is near the camera is on the right", "depth": "what is on the camera's left is in front"},
    "right": {"direction": "what is near the camera is on the left", "depth": "what is on the camera's right is in front"},
    "back": {"direction": "left and right change places", "depth": "what is near the camera is at the back"},
}
"""Viewpoint -> what turns into its left and right, and into its near and far (SEEDS 1.3 d)."""


def viewpoint(sample: Sample) -> tuple[Exchange, ...]:
    """Up to twenty exchanges, each about a pair of its own: what holds now, a view, what holds from there and why.

    Left and right, near and far are those of the camera's frame; what another side shows was measured on the turned points
    (`Sample.views`). What is undecided now or there, or does not follow from what is said, is neither said nor asked. Views
    come in turn. Empty without depth.
    """
    story = Story(sample)
    pairs = sorted(combinations(story.names, 2), key=lambda pair: story.number("pair", *pair)) if story.views else []
    out: list[Exchange] = []
    for pair in pairs:
        if len(out) == COUNT:
            break
        s, o = pair if story.number("first", *pair) % 2 else pair[::-1]
        now = _holding(story, s, o, "camera") if _clear(story, s, o) else []
        turn = (story.number("turn") + len(out)) % len(SIDES)
        for view in (*list(SIDES)[turn:], *list(SIDES)[:turn]):
            if then := [r for r in _holding(story, s, o, view) if _follows(r, now)]:
                out.append(_exchange(story, view, now, then))
                break
    return tuple(out)


def _clear(story: Story, s: str, o: str) -> bool:
    """Whether no clash touches what a view is turned from."""
    places = product(("direction", "depth"), ("image", "camera"))
    return not any((s, o, family, frame) in story.distrusted for family, frame in places)


def _holding(story: Story, s: str, o: str, frame: str) -> list[Relation]:
    found = (story.true(s, o, family, frame) for family in ("direction", "depth"))
    return [r for r in found if r and r.predicate != "at the same depth"]


def _follows(r: Relation, now: Sequence[Relation]) -> bool:
    """Whether what another side shows rests on something said of the camera's view, so that its reason can be followed."""
    other = {"direction": "depth", "depth": "direction"}
    source = r.family if r.frame == "back" else other[r.family]
    return r.predicate in HORIZONTAL and any(said.family == source and said.predicate in HORIZONTAL for said in now)


def _exchange(story: Story, view: str, now: Sequence[Relation], then: Sequence[Relation]) -> Exchange:
    s, o = now[0].subject, now[0].object
    key = f"viewpoint:{s}:{view}:{o}"
    side = SIDES[view]
    scene = "" if view == "back" else " of the scene"
    both = *story.called(s), " and ", *story.called(o)
    asked = story.pick(ASKED, key).format(side=side)
    question = text([[*sentence("take ", *both), ": ", *_said(story, now), "."], [asked]])
    answer = text(
        [[f"From {side}{scene}, ", *both, " look like this: ", *_said(story, then), _because(story, view, now, then)]]
    )
    return Exchange(key, question, answer, story.facts([*now, *then], [s, o], view=view))


def _said(story: Story, relations: Sequence[Relation]) -> tuple[Span, ...]:
    """ "the cup is to the left of and in front of the plate"."""
    s, o = story.names[relations[0].subject], story.names[relations[0].object]
    return f"{s.the} {s.be} ", *listed([[predicate(r)] for r in relations]), f" {o.the}"


def _because(story: Story, view: str, now: Iterable[Relation], then: Iterable[Relation]) -> str:
    """Which rule the new relations follow from."""
    rules = [story.put(BECAUSE[view][r.family]) for r in then]
    kept = " Above and below stay as they are." if any(r.predicate in ("above", "below") for r in now) else ""
    return f", because from there {', and '.join(rules)}.{kept}"
