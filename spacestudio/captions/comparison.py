"""SpaceSGG's comparative questions: which of two is closer, further left, higher, larger (SEEDS 1.4; wording ours)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from spacestudio.captions.story import Story, predicate, sentence, text
from spacestudio.domain.graph import Relation
from spacestudio.domain.grounded import Exchange, Grounded
from spacestudio.domain.sample import Sample

COUNT = 4
"""Questions a picture (SEEDS 1.4)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What two things are compared by.

    Attributes:
        name: of the kind.
        family, frame: where its relations are stored.
        words: predicate -> how the question asks for the one it is true of, and how the answer calls it.
        across: whether things of different layers are asked about first, rather than things of one layer.
    """

    name: str
    family: str
    frame: str
    words: dict[str, tuple[str, str]]
    across: bool = False


KINDS = (
    Kind("distance", "depth", "camera", {
        "in front of": ("is closer to the camera", "closer to the camera"),
        "behind": ("is farther from the camera", "farther from the camera"),
    }, across=True),
    Kind("side", "direction", "image", {
        "left of": ("is further to the left in the picture", "further to the left"),
        "right of": ("is further to the right in the picture", "further to the right"),
    }),
    Kind("height", "direction", "image", {
        "above": ("is higher up in the picture", "higher up in the picture"),
        "below": ("is lower down in the picture", "lower down in the picture"),
    }),
    Kind("size", "scale", "image", {
        "larger": ("looks larger in the picture", "larger in the picture"),
        "smaller": ("looks smaller in the picture", "smaller in the picture"),
    }),
)  # fmt: skip
PEOPLE = frozenset(
    {"person", "man", "woman", "boy", "girl", "child", "baby", "kid", "lady", "guy", "player", "rider", "driver"}
)
"""Last words of labels that are no "it" (ours)."""
ASKED = ("which {is_}, {a} or {b}?", "of {a} and {b}, which {is_}?", "{a} or {b}: which of the two {is_}?")


@dataclass(frozen=True, slots=True)
class Choice:
    """A comparison that could be asked: `relation` is true of the answer as its subject."""

    kind: Kind
    relation: Relation

    @property
    def pair(self) -> frozenset[str]:
        """The two things."""
        return frozenset((self.relation.subject, self.relation.object))


def comparison(sample: Sample) -> tuple[Exchange, ...]:
    """About four exchanges, one of each kind where the picture decides one, other kinds in place of those it leaves open.

    Only things with a name of their own are compared, different pairs first. The answer is named first as often as second,
    the first place in even questions falling to the answer or not by the sample's id.
    """
    story = Story(sample)
    chosen = _chosen(story)
    start = story.number("place") % 2
    return tuple(_exchange(story, choice, (k + start) % 2 == 0) for k, choice in enumerate(chosen))


def _chosen(story: Story) -> list[Choice]:
    left = {kind.name: list(_candidates(story, kind)) for kind in KINDS}
    used: Counter[frozenset[str]] = Counter()
    out: list[Choice] = []
    while len(out) < COUNT and any(left.values()):
        for kind in KINDS:
            if left[kind.name] and len(out) < COUNT:
                best = min(left[kind.name], key=lambda c: (used[c.pair], *_rank(story, c)))
                left[kind.name].remove(best)
                used[best.pair] += 1
                out.append(best)
    return out


def _candidates(story: Story, kind: Kind) -> Iterator[Choice]:
    """Each pair of named things once; which of the two is asked for goes by the sample's id."""
    for x, y in combinations(story.names, 2):
        s, o = (x, y) if story.number(kind.name, x, y) % 2 else (y, x)
        r = story.true(s, o, kind.family, kind.frame)
        if r is not None and r.predicate in kind.words:
            yield Choice(kind, r)


def _rank(story: Story, choice: Choice) -> tuple[bool, int]:
    """Things of the layers the kind prefers first; unknown layers count as one."""
    layers = {story.layer_of.get(i) for i in choice.pair}
    return (len(layers) > 1) != choice.kind.across, story.number("rank", choice.kind.name, *sorted(choice.pair))


def _exchange(story: Story, choice: Choice, answer_first: bool) -> Exchange:
    r, kind = choice.relation, choice.kind
    answer, other = r.subject, r.object
    back = story.true(other, answer, kind.family, kind.frame)
    assert back is not None, "a relation is true of a pair whichever of the two it is said of"
    asks, is_ = map(story.put, kind.words[r.predicate])
    key = f"comparison:{answer}:{r.predicate}:{other}"
    name, rest = story.names[answer], story.names[other]
    a, b = (answer, other) if answer_first else (other, answer)
    question = _asked(story, story.pick(ASKED, key), asks, a, b)
    said = (
        *sentence(*story.called(answer)), f" {name.be} {is_}: ", *story.called(other), f" {rest.be} ", predicate(back),
        f" {_pronoun(story, answer)}.",
    )  # fmt: skip
    return Exchange(key, question, text([said]), story.facts([back], [answer, other]))


def _pronoun(story: Story, object_id: str) -> str:
    """ "it", "them" for what is plural; people are named again."""
    word = story.labels[object_id].casefold().split()[-1]
    if story.names[object_id].plural:
        return "them"
    return story.names[object_id].the if word in PEOPLE else "it"


def _asked(story: Story, template: str, asks: str, a: str, b: str) -> Grounded:
    parts = {"{a}": story.called(a), "{b}": story.called(b), "{is_}": (asks,)}
    spans = []
    rest = template
    while rest:
        at, name = min(((rest.index(n), n) for n in parts if n in rest), default=(len(rest), ""))
        spans += [rest[:at], *parts.get(name, ())]
        rest = rest[at + len(name) :]
    return text([sentence(*(s for s in spans if s))])
