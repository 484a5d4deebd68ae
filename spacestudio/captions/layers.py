"""SpaceSGG's description: the picture layer by layer, near to far, with what stands where (SEEDS 1.4; wording ours)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, permutations

from spacestudio.captions.story import Story, listed, predicate, sentence, text
from spacestudio.domain.graph import Relation
from spacestudio.domain.grounded import Exchange, Mention, Span
from spacestudio.domain.sample import Sample
from spacestudio.relations.naming import a, attributes_of, is_plural, is_uncounted, plural

ASKED = (
    "Describe the picture layer by layer, from what is nearest to the camera to what is farthest away.",
    "What can be seen in this picture, from the foreground to the background, and how do the things stand to each other?",
    "Go through this picture from near to far: what is there, and where?",
    "Starting with what is closest to the camera, describe the things in this picture and where they are.",
)
FLAT = (
    "Describe what is in this picture and where things are.",
    "What can be seen in this picture, and how do the things stand to each other?",
    "Which things does this picture show, and where are they?",
)
NEAREST = ("nearest to the camera {be} ", "closest to the camera {be} ", "in the foreground, nearest to the camera, {be} ")
NEXT = ("further back {be} ", "further back still {be} ", "beyond that {be} ", "even further back {be} ")
FARTHEST = ("farthest from the camera {be} ", "farthest away {be} ", "farthest back {be} ")
SUPPORTED, CHAINED, BEHIND = 3, 4, 2
"""Relations told of a layer at most: what lies on what, neighbours from left to right, what is behind the layer before."""
MOST = 16
"""Relations told of one picture at most, so that 15 things fit the 2,048 tokens ASMv2 was trained with (ours)."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

Described = tuple[str, ...]
"""Attributes and label of a thing."""


def description(sample: Sample) -> tuple[Exchange, ...]:
    """One exchange: every labelled object once, in its layer, near to far, and true relations within and between layers.

    Without depth it is told without layers; objects whose distance is unknown come last. Nothing without a labelled object.
    """
    story = Story(sample)
    if not story.labels:
        return ()
    leads = _leads(story)
    rest = [i for i in story.labels if i not in story.layer_of]
    told, used, seen = list[Sequence[Span]](), list[Relation](), set[Described]()
    for k, layer in enumerate(story.layers):
        told.append(_introduced(story, leads[k], layer, seen))
        told += _told(_related(story, k), story, used)
    if rest and story.layers:
        told.append(_introduced(story, "at a distance that is not known {be} ", rest, seen))
    elif rest:
        told.append(_introduced(story, "the picture shows ", rest, seen))
        told += _told(_chain(story, rest), story, used)
    asked = story.pick(ASKED if story.layers else FLAT, "description")
    facts = story.facts(used, [i for row in (*story.layers, rest) for i in row], layers=[list(row) for row in story.layers])
    return (Exchange("description", text([[asked]]), text(told), facts),)


def _leads(story: Story) -> list[str]:
    """How the sentence of each layer begins; among unnamed things only the named ones are said to be nearest."""
    count = len(story.layers)
    if not count:
        return []
    if count == 1:
        alone = len(story.layers[0]) == 1
        return ["the picture shows " if alone else story.put("at about the same distance from the camera {be} ")]
    among = "" if len(story.labels) == len(story.sample.objects) else "of what is named here, "
    middle = [NEXT[min(k, len(NEXT) - 1)] for k in range(count - 2)]
    return [among + story.pick(NEAREST, "nearest"), *middle, among + story.pick(FARTHEST, "farthest")]


def _introduced(story: Story, lead: str, ids: Sequence[str], seen: set[Described]) -> tuple[Span, ...]:
    """ "Further back are a table and two red cups." What it tells of is added to `seen`."""
    groups: dict[Described, list[str]] = {}
    for i in ids:
        groups.setdefault((*attributes_of(story.sample.graph[i]), story.labels[i]), []).append(i)
    several = len(ids) > 1 or is_plural(story.labels[ids[0]])
    items = [_item(words, members, words in seen) for words, members in groups.items()]
    seen.update(groups)
    return (*sentence(lead.format(be="are" if several else "is"), *listed(items)), ".")


def _item(words: Described, ids: list[str], again: bool) -> tuple[Span, ...]:
    """ "a ", cup; "two red ", cups; of what was told of before "another " or "two more "."""
    *attributes, label = words
    if len(ids) > 1:
        count = NUMBERS[len(ids)] if len(ids) < len(NUMBERS) else str(len(ids))
        return " ".join((count, *(["more"] if again else []), *attributes, "")), Mention(plural(label), tuple(ids))
    return " ".join((_article(words, again), *attributes, "")), Mention(label, (ids[0],))


def _article(words: Described, again: bool) -> str:
    """ "the grass", "some scissors", "an old cup"; "more grass", "more scissors", "another old cup"."""
    described, label = " ".join(words), words[-1]
    if is_uncounted(label) or is_plural(label):
        return "more" if again else "the" if is_uncounted(label) else "some"
    return "another" if again else a(described).removesuffix(described).strip()


def _related(story: Story, k: int) -> Iterator[Relation]:
    """What is said of a layer: within it, and against those before it."""
    layer, before = story.layers[k], [i for row in story.layers[:k] for i in row]
    own, known = set(layer), {*before, *layer} & set(story.names)
    on = []
    for s, o in permutations(sorted(known, key=[*before, *layer].index), 2):
        if (s in own or o in own) and (r := story.true(s, o, "support", "image")) and r.predicate == "on":
            on.append(r)
    yield from on[:SUPPORTED]
    told = {frozenset((r.subject, r.object)) for r in on[:SUPPORTED]}
    yield from (r for r in _chain(story, layer) if frozenset((r.subject, r.object)) not in told)
    yield from _behind(story, layer, story.layers[k - 1] if k else ())


def _chain(story: Story, ids: Sequence[str]) -> list[Relation]:
    """Neighbours from left to right in the picture, each against the next."""
    row = sorted((i for i in ids if i in story.names), key=lambda i: (story.sample.graph[i].box.center, i))
    found = (story.true(s, o, "direction", "image") for s, o in pairwise(row))
    return [r for r in found if r][:CHAINED]


def _behind(story: Story, layer: Sequence[str], before: Sequence[str]) -> list[Relation]:
    """Objects of a layer against the nearest neighbour, in the picture, of the layer before that they are behind."""
    graph, found = story.sample.graph, []
    for s in layer:
        x, y = graph[s].box.center
        for o in sorted(before, key=lambda i: (abs(graph[i].box.center[0] - x) + abs(graph[i].box.center[1] - y), i)):
            both = s in story.names and o in story.names
            if both and (r := story.true(s, o, "depth", "camera")) and r.predicate == "behind":
                found.append(r)
                break
    return found[:BEHIND]


def _told(relations: Iterable[Relation], story: Story, used: list[Relation]) -> list[tuple[Span, ...]]:
    """A sentence each; where the next is about the last one's object, both in one. What is told is added to `used`."""
    out: list[tuple[Span, ...]] = []
    joined = False
    for r in relations:
        if len(used) == MOST:
            break
        s, o = story.names[r.subject], story.names[r.object]
        joined = bool(out) and not joined and used[-1].object == r.subject
        if joined:
            *start, end = out[-1]
            out[-1] = (*start, f"{str(end)[:-1]}, which {s.be} ", predicate(r), f" {o.the}.")
        else:
            out.append((*sentence(f"{s.the} {s.be} "), predicate(r), f" {o.the}."))
        used.append(r)
    return out
