"""The common-sense grammar: scenes sampled so that their relations hold together by construction.

A scene is first laid out in a hidden room: what rests on, in, beneath or over what, then metres across (x),
metres away (depth) and metres up. Every statement is read off that room, so no two can contradict each other.

Words: "on" means carried by; "under" is its converse ("saucer under cup"), as in `relations.support`. A thing
sheltered by another, such as a dog beneath a table (an "under" pair in the data), is stated as "below".
"""

from __future__ import annotations

import functools
import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from spacestudio.errors import UnknownName

Phrase = Literal[
    "left of", "right of", "above", "below", "in front of", "behind",
    "on", "under", "inside", "near", "far", "beside",
]  # fmt: skip
Category = Literal[
    "person", "animal", "vehicle", "furniture", "plant",
    "food", "container", "tool", "small_object", "building",
]  # fmt: skip
Rest = Literal["ground", "surface", "air", "wall"]
Ground = Literal[
    "wood", "tile", "carpet", "grass", "asphalt", "sand", "snow", "water", "soil", "concrete", "stage",
]  # fmt: skip

PHRASES: tuple[Phrase, ...] = get_args(Phrase)
"""The twelve phrases a triplet may use."""
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""The ten kinds of thing."""
COLORS = frozenset({
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray", "tan",
    "golden", "silver", "colorful",
})  # fmt: skip
"""Attributes that say a colour; an object is given at most one."""
MATERIALS = frozenset({
    "wooden", "ceramic", "glass", "metal", "leather", "plastic", "woven", "marble", "stone", "brick",
    "crystal", "bronze", "straw",
})  # fmt: skip
"""Attributes that say a material; they follow the colour in English."""

NEAR, FAR = 0.6, 1.8
"""Gap over mean diagonal: near at most, far at least (ours; stricter than `relations.distance`)."""
WALL_M, HANG_M = 1.5, 3.4
"""Metres above the ground at which things on a wall begin, and lamps, signs and the like overhead (ours)."""
KINDS_OF: Mapping[str, frozenset[str]] = {
    "car": frozenset({"taxi"}), "cat": frozenset({"kitten"}), "dog": frozenset({"puppy"}),
    "boat": frozenset({"sailboat", "rowboat", "canoe", "kayak", "ferry", "ship"}),
    "truck": frozenset({"fire engine", "concrete mixer"}), "building": frozenset({"house", "skyscraper"}),
    "sports ball": frozenset({"soccer ball", "basketball", "tennis ball", "volleyball", "beach ball"}),
    "bird": frozenset({
        "parrot", "duck", "goose", "swan", "chicken", "rooster", "penguin", "seagull", "pigeon", "owl",
        "eagle", "ostrich", "flamingo", "peacock",
    }),
}  # fmt: skip
"""General label -> labels it also names; a general label is not excluded where one of these is present."""
_DATA = Path(__file__).with_name("commonsense.json")
_T = TypeVar("_T")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ObjectKind(_Frozen):
    """What is known about a kind of thing.

    Attributes:
        size_m: typical (width, height) in metres, seen from the side.
        category: one of `CATEGORIES`.
        attributes: short adjectives one can see, colours first.
        supports: others may rest on it (a flat top, a seat, a deck, a saddle).
        rests: where it usually is, commonest first.
        plural_ok: a scene may well show two of them.
    """

    size_m: tuple[PositiveFloat, PositiveFloat]
    category: Category
    attributes: Annotated[tuple[str, ...], Field(min_length=2, max_length=8)]
    supports: bool
    rests: Annotated[tuple[Rest, ...], Field(min_length=1)]
    plural_ok: bool

    @property
    def width(self) -> float:
        """metres"""
        return self.size_m[0]

    @property
    def height(self) -> float:
        """metres"""
        return self.size_m[1]


class SceneKind(_Frozen):
    """A kind of place.

    Attributes:
        setting: indoor or outdoor.
        background: what to see behind the objects; names none of them.
        ground: what the objects stand on.
        objects: labels found there.
        absent: labels that suit as excluded objects.
        anchors: those of `objects` on which any small thing may rest.
    """

    setting: Literal["indoor", "outdoor"]
    background: str
    ground: Ground
    objects: Annotated[tuple[str, ...], Field(min_length=6, max_length=20)]
    absent: Annotated[tuple[str, ...], Field(min_length=3, max_length=8)]
    anchors: tuple[str, ...]


class PhraseRule(_Frozen):
    """How plausible phrases are between two categories; weights of several rules add up."""

    subject_category: Category
    object_category: Category
    phrases: Annotated[tuple[Phrase, ...], Field(min_length=1)]
    weight: PositiveInt


class PairRule(_Frozen):
    """A concrete piece of common sense, such as laptop on desk. Here "under" means sheltered by."""

    subject: str
    phrase: Phrase
    object: str
    weight: PositiveInt


class Grammar(_Frozen):
    """Objects, scenes and what is plausible; refuses data whose references or physics do not fit."""

    version: Literal[1]
    objects: Mapping[str, ObjectKind]
    scenes: Mapping[str, SceneKind]
    relations: tuple[PhraseRule, ...]
    pairs: tuple[PairRule, ...]

    @model_validator(mode="after")
    def _references(self) -> Grammar:
        problems = [*self._object_problems(), *self._pair_problems(), *self._rule_problems()]
        for name, scene in self.scenes.items():
            problems += [f"{name}: {text}" for text in self._scene_problems(scene)]
        if problems:
            raise ValueError("; ".join(problems[:8]))
        return self

    def _object_problems(self) -> Iterable[str]:
        for label, kind in self.objects.items():
            for values in (kind.attributes, kind.rests):
                if len(set(values)) < len(values):
                    yield f"{label}: said twice in {values}"

    def _pair_problems(self) -> Iterable[str]:
        seen = set()
        for pair in self.pairs:
            words = f"{pair.subject} {pair.phrase} {pair.object}"
            if pair.subject not in self.objects or pair.object not in self.objects:
                yield f"{words}: unknown object"
                continue
            if words in seen:
                yield f"{words}: twice"
            seen.add(words)
            subject, other = self.objects[pair.subject], self.objects[pair.object]
            wider, taller = other.width > subject.width, other.height > subject.height
            if pair.phrase == "on" and not (other.supports and wider):
                yield f"{words}: needs a wider supporter"
            if pair.phrase in ("inside", "under") and not (wider and taller):
                yield f"{words}: needs something wider and taller"
            higher = {"above": subject, "below": other}.get(pair.phrase)
            if higher is not None and not {"air", "wall"} & set(higher.rests):
                yield f"{words}: the upper one neither flies nor hangs"

    def _rule_problems(self) -> Iterable[str]:
        """Any two categories need words for side by side and one behind the other; high things, for above."""
        high = {kind.category for kind in self.objects.values() if {"air", "wall"} & set(kind.rests)}
        for one in CATEGORIES:
            for two in CATEGORIES:
                for words in (("left of", "right of"), ("in front of", "behind")):
                    keys = [(a, word, b) for word in words for a, b in ((one, two), (two, one))]
                    if not any(map(self.rule_weights.get, keys)):
                        yield f"no rule for {' or '.join(words)} between {one} and {two}"
                if one in high and not self.rule_weights.get((one, "above", two)):
                    yield f"no rule for {one} above {two}"

    def _scene_problems(self, scene: SceneKind) -> Iterable[str]:
        for label in (*scene.objects, *scene.absent, *scene.anchors):
            if label not in self.objects:
                yield f"unknown object {label!r}"
                return
        for values in (scene.objects, scene.absent, scene.anchors):
            if len(set(values)) < len(values):
                yield f"said twice in {values}"
        if set(scene.absent) & set(scene.objects):
            yield f"present and absent: {sorted(set(scene.absent) & set(scene.objects))}"
        for label in scene.anchors:
            if label not in scene.objects or not self.objects[label].supports:
                yield f"{label!r} can't be an anchor"
        if len({self.objects[label].category for label in scene.objects}) < 3:
            yield "fewer than three categories"
        if not self.pairs_in(scene):
            yield "none of the pairs"
        for label in scene.objects:
            if self.objects[label].rests == ("surface",) and not self.hosts(scene, label):
                yield f"nothing for {label!r} to rest on"

    @functools.cached_property
    def rule_weights(self) -> Mapping[tuple[str, str, str], int]:
        """(subject category, phrase, object category) -> weight."""
        table: dict[tuple[str, str, str], int] = {}
        for rule in self.relations:
            for phrase in rule.phrases:
                key = (rule.subject_category, phrase, rule.object_category)
                table[key] = table.get(key, 0) + rule.weight
        return table

    @functools.cached_property
    def pair_weights(self) -> Mapping[tuple[str, str, str], int]:
        """(subject, phrase, object) -> weight."""
        return {(pair.subject, pair.phrase, pair.object): pair.weight for pair in self.pairs}

    def pairs_in(self, scene: SceneKind) -> list[PairRule]:
        """The pairs whose two things are both found there."""
        present = set(scene.objects)
        return [pair for pair in self.pairs if pair.subject in present and pair.object in present]

    def hosts(self, scene: SceneKind, label: str) -> dict[tuple[str, str], float]:
        """What may carry or hold `label` there: (host label, "on" or "inside") -> weight."""
        kind, found = self.objects[label], {}
        for host in scene.objects:
            other = self.objects[host]
            if host == label or other.width <= kind.width:
                continue
            for phrase in ("on", "inside"):
                if weight := self.pair_weights.get((label, phrase, host)):
                    found[host, phrase] = 2.0 * weight
            general = self.rule_weights.get((kind.category, "on", other.category), 0)
            if general and host in scene.anchors and "surface" in kind.rests and (host, "on") not in found:
                found[host, "on"] = general * (1.0 if kind.rests[0] == "surface" else 0.2)
        return found


@functools.cache
def load_grammar() -> Grammar:
    """The grammar beside this module, checked."""
    return Grammar.model_validate_json(_DATA.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class SampledScene:
    """One spatial knowledge graph.

    Attributes:
        scene, background, ground, setting: the place, in words of the grammar.
        objects: (label, attributes), N of them; equal labels differ in their attributes.
        triplets: (subject, phrase, object), places in `objects`; at most one per pair, together connected.
        negative_objects: labels that must not be in the picture.
    """

    scene: str
    background: str
    ground: str
    setting: str
    objects: tuple[tuple[str, tuple[str, ...]], ...]
    triplets: tuple[tuple[int, str, int], ...]
    negative_objects: tuple[str, ...]


_STOP = frozenset({
    "a", "an", "the", "in", "at", "of", "on", "for", "with", "by", "and", "or", "to", "two", "from", "into",
    "near", "some", "my", "our", "your", "his", "her", "its", "is", "are",
})  # fmt: skip


def _words(text: str) -> list[str]:
    """Lower-case words without small words and plural endings."""
    found = re.findall(r"[a-z0-9]+", text.lower().replace("'s", "").replace("’s", ""))
    return [_singular(word) for word in found if word not in _STOP and len(word) > 1]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word


def match_scene(grammar: Grammar, text: str) -> str | None:
    """The known scene nearest to `text` by words shared; None when it shares none.

    Words of a scene's name count first, rare ones most; failing these, the labels found in few scenes.
    """
    folded = " ".join(text.lower().split())
    for name in grammar.scenes:
        if name.lower() == folded:
            return name
    wanted = set(_words(text))
    names = {name: set(_words(name)) for name in grammar.scenes}
    best = _best(wanted, names, math.inf)
    if best is None:
        said = " " + " ".join(_words(text)) + " "
        labels = {label: " ".join(_words(label)) for label in grammar.objects}
        spoken = {label for label, words in labels.items() if words and f" {words} " in said}
        best = _best(spoken, {name: set(scene.objects) for name, scene in grammar.scenes.items()}, 8)
    return best


def _best(wanted: set[str], sets: Mapping[str, set[str]], commonest: float) -> str | None:
    """The set sharing most with `wanted`, rare members counting more; at least one must be in few sets."""
    counts = {word: sum(word in members for members in sets.values()) for word in sorted(wanted)}
    winner, top = None, (0.0, 0.0)
    for name, members in sets.items():
        shared = [word for word in counts if word in members]
        if not shared or min(counts[word] for word in shared) > commonest:
            continue
        score = (sum(1 / (1 + math.log(counts[word])) for word in shared), len(shared) / len(members))
        if score > top:
            winner, top = name, score
    return winner


def sample_scene(
    grammar: Grammar, rng: random.Random, scene: str | None = None, n_objects: tuple[int, int] = (3, 6)
) -> SampledScene:
    """A consistent, physically plausible graph; the same state of `rng` gives the same graph.

    Args:
        grammar: what there is.
        rng: the only source of chance.
        scene: a scene's name, or words to match one by; None for any.
        n_objects: fewest and most objects, at least 2 and at most as many as the scene has labels.

    Raises:
        UnknownName: `scene` shares no word with any scene.
        ValueError: `n_objects` can't be met.
    """
    name = rng.choice(list(grammar.scenes)) if scene is None else match_scene(grammar, scene)
    if name is None:
        known = f"words of one of the {len(grammar.scenes)} known scenes"
        raise UnknownName(f"No scene resembles {scene!r}", known, "Leave it empty for any scene.")
    kind = grammar.scenes[name]
    low, high = n_objects
    if not 2 <= low <= high or low > len(kind.objects):
        raise ValueError(f"n_objects {n_objects}: need 2 <= fewest <= most, fewest <= {len(kind.objects)} here")
    labels = _choose(grammar, kind, rng, low, rng.randint(low, high))
    room = _Room(grammar, kind, rng, [_Thing(label, grammar.objects[label]) for label in labels])
    room.mount()
    room.arrange()
    triplets = room.read()
    return SampledScene(
        name, kind.background, kind.ground, kind.setting,
        tuple(zip(labels, _attributes(grammar, labels, rng), strict=True)), tuple(triplets),
        _negatives(grammar, name, kind, labels, rng),
    )  # fmt: skip


def _pick(rng: random.Random, weighted: Sequence[tuple[_T, float]]) -> _T:
    return rng.choices([item for item, _ in weighted], [weight for _, weight in weighted])[0]


def _shuffled(rng: random.Random, weighted: Sequence[tuple[_T, float]]) -> list[_T]:
    """A random order in which heavy items tend to come first."""
    keyed = [(rng.random() ** (1 / weight), place) for place, (_, weight) in enumerate(weighted)]
    return [weighted[place][0] for _, place in sorted(keyed, reverse=True)]


# What is in the scene


def _choose(grammar: Grammar, scene: SceneKind, rng: random.Random, low: int, count: int) -> list[str]:
    """At least `low`, usually `count` labels among which whatever needs a supporter finds one with room."""
    hosts = {label: grammar.hosts(scene, label) for label in scene.objects}
    pairs = grammar.pairs_in(scene)

    def fits(labels: list[str]) -> bool:
        return _greedy(grammar, hosts, labels) is not None

    def close(labels: list[str], label: str) -> list[str] | None:
        """`labels` with `label` and, if needed, supporters for it."""
        if len(labels) >= count:
            return None
        if fits([*labels, label]):
            return [*labels, label]
        for host, _ in _shuffled(rng, list(hosts[label].items())):
            more = close(labels, host) if host not in labels else None
            if more is not None and len(more) < count and fits([*more, label]):
                return [*more, label]
        return None

    labels: list[str] = []
    if pairs and rng.random() < 0.85:
        first = _pick(rng, [(pair, pair.weight) for pair in pairs])
        for label in (first.object, first.subject):
            labels = labels if label in labels else close(labels, label) or labels
    while len(labels) < count:
        friends = {pair.subject for pair in pairs if pair.object in labels}
        friends |= {pair.object for pair in pairs if pair.subject in labels}
        twins = [label for label in labels if labels.count(label) < 2 and _can_double(grammar, label)]
        fresh = [label for label in scene.objects if label not in labels]
        order = _shuffled(rng, [(label, 2.5 if label in friends else 1.0) for label in fresh])
        if twins and rng.random() < 0.06:
            order.insert(0, rng.choice(twins))
        elif len(labels) < low:
            order += twins
        more = next((grown for label in order if (grown := close(labels, label))), None)
        if more is None:
            break
        labels = more
    if len(labels) < low:
        raise ValueError(f"only {len(labels)} of {low} objects find a place in this scene")
    rng.shuffle(labels)
    return labels


def _can_double(grammar: Grammar, label: str) -> bool:
    kind = grammar.objects[label]
    return kind.plural_ok and len(_telling(kind)) >= 2


def _telling(kind: ObjectKind) -> list[str]:
    """Attributes that tell two of a kind apart: colours, or others where there are not two colours."""
    colors = [word for word in kind.attributes if word in COLORS]
    return colors if len(colors) >= 2 else list(kind.attributes)


def _needs_host(grammar: Grammar, hosts: Mapping[str, Mapping[tuple[str, str], float]], label: str) -> bool:
    """Usually found on something, and something of that sort belongs to the scene."""
    return grammar.objects[label].rests[0] == "surface" and bool(hosts[label])


def _demand(child: ObjectKind, host: ObjectKind) -> float:
    """Metres of the host's width that a child takes up."""
    if child.category != "person":
        return 1.1 * child.width
    return max(1.1 * child.width, 1.8 if host.category in ("vehicle", "animal") else 0.8)


def _greedy(
    grammar: Grammar, hosts: Mapping[str, Mapping[tuple[str, str], float]], labels: Sequence[str]
) -> dict[int, tuple[int, str]] | None:
    """Widest first, onto the host with most room: child -> (host, "on" or "inside"); None if impossible."""
    needy = [i for i, label in enumerate(labels) if _needs_host(grammar, hosts, label)]
    used: dict[int, float] = {}
    placed: dict[int, tuple[int, str]] = {}
    for i in sorted(needy, key=lambda i: (-grammar.objects[labels[i]].width, i)):
        child, best = grammar.objects[labels[i]], None
        for j, label in enumerate(labels):
            host = grammar.objects[label]
            for phrase in ("on", "inside"):
                if (label, phrase) not in hosts[labels[i]] or placed.get(j, (j, "on"))[1] == "inside":
                    continue
                taken, demand = used.get(j, 0.0), _demand(child, host)
                room = taken == 0 or taken + demand <= host.width
                if room and (best is None or host.width - taken > best[0]):
                    best = (host.width - taken, j, phrase, demand)
        if best is None:
            return None
        placed[i] = best[1], best[2]
        used[best[1]] = used.get(best[1], 0.0) + best[3]
    return placed


def _attributes(grammar: Grammar, labels: Sequence[str], rng: random.Random) -> list[tuple[str, ...]]:
    """One or two adjectives each, in English order; twins get one each, a different one."""
    spare: dict[str, list[str]] = {}
    result: list[tuple[str, ...]] = []
    for label in labels:
        kind = grammar.objects[label]
        if labels.count(label) > 1:
            telling = _telling(kind)
            result.append((spare.setdefault(label, rng.sample(telling, len(telling))).pop(),))
            continue
        colors = [word for word in kind.attributes if word in COLORS]
        others = [word for word in kind.attributes if word not in COLORS]
        if colors and others and rng.random() < 0.3:
            color, other = rng.choice(colors), rng.choice(others)
            result.append((color, other) if other in MATERIALS else (other, color))
        else:
            result.append((rng.choice(colors if colors and rng.random() < 0.75 else kind.attributes),))
    return result


def _negatives(grammar: Grammar, name: str, scene: SceneKind, labels: Sequence[str], rng: random.Random) -> tuple[str, ...]:
    """One to three excluded labels; at times one that would have fitted, unless the place itself names it."""
    absent = [label for label in scene.absent if not _shown(grammar, label, labels)]
    said = set(_words(f"{name} {scene.background}"))
    likely = [label for label in scene.objects if not _shown(grammar, label, labels)]
    likely = [label for label in likely if not said & set(_words(label))]
    chosen = rng.sample(absent, min(rng.randint(1, 3), len(absent)))
    if likely and (not chosen or rng.random() < 0.4):
        chosen[-1:] = [rng.choice(likely)]
    return tuple(chosen)


def _shown(grammar: Grammar, label: str, labels: Sequence[str]) -> bool:
    """A picture of `labels` would show a `label`: a police car is a car, a chef is a person."""
    if label == "person" and any(grammar.objects[other].category == "person" for other in labels):
        return True
    words, kinds = set(label.split()), KINDS_OF.get(label, frozenset())
    return any(other in kinds or words <= set(other.split()) for other in labels)


# The hidden room


@dataclass(slots=True)
class _Thing:
    """One object and its place: `host` and `mode` if another object carries or shelters it, else `place`."""

    label: str
    kind: ObjectKind
    host: int | None = None
    mode: Literal["on", "inside", "under", "over", ""] = ""
    place: Rest = "ground"
    x: float = 0.0
    depth: float = 0.0
    bottom: float = 0.0

    @property
    def span(self) -> tuple[float, float]:
        return self.x - self.kind.width / 2, self.x + self.kind.width / 2

    @property
    def top(self) -> float:
        return self.bottom + self.kind.height

    @property
    def middle(self) -> float:
        return self.bottom + self.kind.height / 2

    @property
    def diagonal(self) -> float:
        return math.hypot(self.kind.width, self.kind.height)


@dataclass(slots=True)
class _Room:
    """Objects being placed, and the statements that hold between them."""

    grammar: Grammar
    scene: SceneKind
    rng: random.Random
    things: list[_Thing]
    used: dict[tuple[int, str], float] = field(default_factory=dict)
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)

    # Who carries whom

    def mount(self) -> None:
        """Give each thing a supporter, shelter or place of its own; widest first, so supporters precede."""
        hosts = {label: self.grammar.hosts(self.scene, label) for label in self.scene.objects}
        labels = [thing.label for thing in self.things]
        order = sorted(range(len(labels)), key=lambda i: (-self.things[i].kind.width, i))
        needy = [i for i in order if _needs_host(self.grammar, hosts, labels[i])]
        for i in needy:
            options = self._carriers(i, hosts)
            if not options:
                break
            self._put(i, *_pick(self.rng, options))
        if any(self.things[i].host is None for i in needy):
            for i in needy:
                self.things[i].host, self.things[i].mode = None, ""
            self.used.clear()
            for i, (j, phrase) in (_greedy(self.grammar, hosts, labels) or {}).items():
                self._put(i, j, phrase)
        for i in order:
            if i not in needy:
                self._settle(i, hosts)

    def _carriers(self, i: int, hosts: Mapping[str, Mapping[tuple[str, str], float]]) -> list[tuple[tuple[int, str], float]]:
        """Things that may carry or hold thing i and have room."""
        child, found = self.things[i], []
        for j, host in enumerate(self.things):
            if j == i or host.mode in ("inside", "over") or host.place in ("air", "wall"):
                continue
            for phrase in ("on", "inside"):
                weight = hosts[child.label].get((host.label, phrase))
                if weight and not (phrase == "inside" and self._carries(i)) and self._has_room(i, j, "on"):
                    found.append(((j, phrase), weight))
        return found

    def _has_room(self, i: int, j: int, phrase: str) -> bool:
        host = self.things[j].kind
        taken = self.used.get((j, phrase), 0.0)
        return taken == 0 or taken + _demand(self.things[i].kind, host) <= host.width

    def _carries(self, i: int) -> bool:
        return any(thing.host == i for thing in self.things)

    def _put(self, i: int, j: int, phrase: str) -> None:
        child = self.things[i]
        child.host, child.mode = j, phrase  # type: ignore[assignment]
        key = (j, "on" if phrase in ("on", "inside") else phrase)
        self.used[key] = self.used.get(key, 0.0) + _demand(child.kind, self.things[j].kind)

    def _settle(self, i: int, hosts: Mapping[str, Mapping[tuple[str, str], float]]) -> None:
        """Choose among being carried, sheltered, held overhead, and standing, hanging or flying alone."""
        thing, pairs = self.things[i], self.grammar.pair_weights
        options: list[tuple[tuple[int | None, str], float]] = list(self._carriers(i, hosts))
        for j, host in enumerate(self.things):
            if j == i or host.host is not None or host.place != "ground":
                continue
            sheltered = pairs.get((thing.label, "under", host.label), 0)
            if sheltered and "ground" in thing.kind.rests and self._has_room(i, j, "under"):
                options.append(((j, "under"), sheltered))
            overhead = pairs.get((thing.label, "above", host.label), 0)
            if overhead and thing.kind.rests[0] == "ground" and not self._carries(i) and not self._carries(j):
                options.append(((j, "over"), 3.0 * overhead))
        for rank, rest in enumerate(thing.kind.rests):
            if rest == "surface" or (rest in ("air", "wall") and self._carries(i)):
                continue
            if rest == "air" and rank and thing.kind.category not in ("animal", "vehicle"):
                continue  # held overhead, not flying
            if rest == "ground" and "air" in thing.kind.rests and self.scene.ground == "water":
                continue  # what can fly does
            options.append(((None, rest), (6.0 if rank == 0 else 2.0) * self._place_weight(rest)))
        if not options:
            options = [((None, "ground"), 1.0)]
        host_index, word = _pick(self.rng, options)
        if host_index is None:
            thing.place = word  # type: ignore[assignment]
        else:
            self._put(i, host_index, word)

    def _place_weight(self, rest: Rest) -> float:
        return 0.4 if rest == "wall" and self.scene.setting == "outdoor" else 1.0

    # Where everything is

    def arrange(self) -> None:
        """Fix x, depth and height of all things."""
        standing = self._own("ground")
        self._depths(standing)
        self._across(standing)
        for i in standing:
            self._children(i)
        self._walls(self._own("wall"))
        self._skies(self._own("air"))
        for i in range(len(self.things)):
            self.spans[i] = self._group_span(self._root(i))

    def _own(self, place: Rest) -> list[int]:
        return [i for i, thing in enumerate(self.things) if thing.host is None and thing.place == place]

    def _root(self, i: int) -> int:
        host = self.things[i].host
        return i if host is None else self._root(host)

    def _group_span(self, root: int) -> tuple[float, float]:
        members = [thing.span for i, thing in enumerate(self.things) if self._root(i) == root]
        return min(low for low, _ in members), max(high for _, high in members)

    def _pull(self, i: int, j: int, phrase: str, converse: str) -> int:
        """How strongly the pairs ask for "i phrase j", said either way round."""
        one, two, pairs = self.things[i].label, self.things[j].label, self.grammar.pair_weights
        return 0 if one == two else pairs.get((one, phrase, two), 0) + pairs.get((two, converse, one), 0)

    def _sorted(self, places: list[int], phrase: str, converse: str, keys: Mapping[int, float]) -> list[int]:
        """By key, except where the pairs ask otherwise; a wish that would close a circle is dropped."""
        after: dict[int, set[int]] = {i: set() for i in places}
        for a, i in enumerate(places):
            for j in places[a + 1 :]:
                forth, back = self._pull(i, j, phrase, converse), self._pull(j, i, phrase, converse)
                if forth + back and self.rng.random() < 0.9:
                    first, second = (i, j) if self.rng.random() * (forth + back) < forth else (j, i)
                    if not _reaches(after, second, first):
                        after[first].add(second)
        order: list[int] = []
        left = list(places)
        while left:
            free = [i for i in left if not any(i in after[j] for j in left)]
            order.append(min(free, key=lambda i: (keys[i], i)))
            left.remove(order[-1])
        return order

    def _depths(self, standing: list[int]) -> None:
        """Large things tend to stand further back; buildings behind all that the pairs don't put there."""
        keys = {}
        for i in standing:
            kind = self.things[i].kind
            back = 20.0 if kind.category == "building" and kind.width > 3 else 0.0
            keys[i] = 0.6 * math.log(kind.width * kind.height) + self.rng.gauss(0, 1) + back
        order = self._sorted(standing, "in front of", "behind", keys)
        depth = 2.0
        for before, i in zip([None, *order], order, strict=False):
            if before is not None:
                widest = max(self.things[before].kind.width, self.things[i].kind.width)
                depth += max(0.1, self.rng.uniform(0.25, 0.6) * min(widest, 12.0))
            self.things[i].depth = depth

    def _across(self, standing: list[int]) -> None:
        """One after the other, to either side of what stands already, or in line with one of it."""
        done: list[int] = []
        left = list(standing)
        while left:
            weights = [(i, 1.0 + sum(self._pull(i, j, "beside", "beside") for j in done[-1:])) for i in left]
            i = _pick(self.rng, weights)
            left.remove(i)
            thing = self.things[i]
            line = [(j, p) for j in done if (p := self._in_line(i, j))]
            beside = any(self._pull(i, j, word, word) for j in done[-1:] for word in ("beside", "near"))
            if line and self.rng.random() < 0.8:
                self._line_up(thing, self.things[_pick(self.rng, line)])
            elif done and not beside and self.rng.random() < 0.25:
                self._line_up(thing, self.things[self.rng.choice(done)])
            elif done:
                lefts = sum(self._pull(i, j, "left of", "right of") for j in done)
                rights = sum(self._pull(i, j, "right of", "left of") for j in done)
                side = -1 if self.rng.random() * (lefts + rights + 2) < lefts + 1 else 1
                edge = [self.things[j].span for j in done]
                scale = max(thing.diagonal, self.things[done[-1]].diagonal)
                roomy = not beside and self.rng.random() < 0.3
                gap = scale * (self.rng.uniform(1.9, 2.6) if roomy else self.rng.uniform(0.08, 0.35))
                rim = min(low for low, _ in edge) if side < 0 else max(high for _, high in edge)
                thing.x = rim + side * (gap + thing.kind.width / 2)
            done.append(i)

    def _in_line(self, i: int, j: int) -> int:
        return self._pull(i, j, "in front of", "behind") + self._pull(j, i, "in front of", "behind")

    def _line_up(self, thing: _Thing, other: _Thing) -> None:
        slack = abs(other.kind.width - thing.kind.width) / 2
        thing.x = other.x + self.rng.uniform(-0.8, 0.8) * slack

    def _children(self, host_index: int) -> None:
        """Place what the host carries, holds and shelters, then what those carry."""
        host = self.things[host_index]
        for mode in ("on", "inside", "under", "over"):
            members = [i for i, t in enumerate(self.things) if t.host == host_index and t.mode == mode]
            keys = {i: self.rng.random() for i in members}
            for rank, i in enumerate(self._sorted(members, "in front of", "behind", keys)):
                self.things[i].depth = host.depth + 0.002 * (rank - len(members) / 2)
            self._row(members, host)
            for i in members:
                thing = self.things[i]
                thing.bottom = host.top if mode in ("on", "over") else host.bottom
                self._children(i)

    def _row(self, members: list[int], host: _Thing) -> None:
        """Side by side within the host's width; what belongs in front of another shares its column."""
        keys = {i: self.rng.random() for i in members}
        columns: list[list[int]] = []
        for i in self._sorted(members, "left of", "right of", keys):
            home = next((c for c in columns if any(self._in_line(i, j) for j in c)), None)
            if home is not None and self.rng.random() < 0.8:
                home.append(i)
            else:
                columns.append([i])
        widths = [max(self.things[i].kind.width for i in column) for column in columns]
        parts = [self.rng.uniform(0.5, 1.5) for _ in range(len(columns) + 1)]
        slack = max(0.0, host.kind.width - sum(widths)) / sum(parts)
        x = host.x - (sum(widths) + slack * sum(parts)) / 2
        for column, width, part in zip(columns, widths, parts, strict=False):
            x += slack * part
            for i in column:
                self.things[i].x = x + width / 2
            x += width

    def _walls(self, hanging: list[int]) -> None:
        """On the wall behind everything, side by side, above what the pairs name if it is there."""
        back = max((thing.depth for thing in self.things), default=2.0) + 1.0
        for i in hanging:
            thing = self.things[i]
            thing.depth, thing.bottom, thing.x = back, WALL_M, self._below(i)
        rim = -math.inf
        for i in sorted(hanging, key=lambda i: (self.things[i].x, i)):
            thing = self.things[i]
            thing.x = max(thing.x, rim + 0.2 + thing.kind.width / 2)
            rim = thing.span[1]

    def _skies(self, flying: list[int]) -> None:
        """Lamps, signs and the like overhead; what flies, higher than all else; one above the other."""
        self.rng.shuffle(flying)
        low = [i for i in flying if not self._flies_high(self.things[i])]
        back = max((thing.depth for thing in self.things), default=2.0)
        floor = HANG_M
        for i in (*low, *(i for i in flying if i not in low)):
            thing = self.things[i]
            if i not in low:
                floor = max([floor, *(t.top for t in self.things if t.place != "air")])
            thing.x, thing.depth = self._below(i), self.rng.uniform(1.0, back)
            thing.bottom = floor + self.rng.uniform(0.2, 0.8)
            floor = thing.top

    def _flies_high(self, thing: _Thing) -> bool:
        """An animal, a vehicle, or what the pairs put above something tall (a kite above a tree)."""
        if thing.kind.category in ("animal", "vehicle"):
            return True
        above = (o for s, phrase, o in self.grammar.pair_weights if s == thing.label and phrase == "above")
        return any(self.grammar.objects[label].height > HANG_M for label in above)

    def _below(self, i: int) -> float:
        """x of what thing i belongs above, or anywhere within the scene."""
        others = self._own("ground")
        if not others:
            return self.rng.uniform(-1.0, 1.0)
        wanted = [(j, p) for j in others if (p := self._pull(i, j, "above", "below"))]
        if wanted:
            return self.things[_pick(self.rng, wanted)].x
        spans = [self.things[j].span for j in others]
        return self.rng.uniform(min(low for low, _ in spans), max(high for _, high in spans))

    # What can be said

    def read(self) -> list[tuple[int, str, int]]:
        """Who carries whom, then statements that join all parts, then up to two more."""
        count = len(self.things)
        said = [self._carried(i) for i, thing in enumerate(self.things) if thing.host is not None]
        part = [self._root(i) for i in range(count)]
        degree = [sum(i in (s, o) for s, _, o in said) for i in range(count)]
        open_pairs: dict[tuple[int, int], list[tuple[tuple[int, str, int], float]]] = {}
        taken = {frozenset((s, o)) for s, _, o in said}
        for i in range(count):
            for j in range(i + 1, count):
                if frozenset((i, j)) not in taken and (found := self._statements(i, j)):
                    open_pairs[i, j] = found
        extra = self.rng.choice((0, 0, 1, 1, 2))
        while open_pairs:
            joining = [pair for pair in open_pairs if part[pair[0]] != part[pair[1]]]
            if not joining:
                if not extra:
                    break
                extra -= 1
            weighted = []
            for i, j in joining or open_pairs:
                busy = (1 + degree[i]) * (1 + degree[j])
                weighted.append(((i, j), sum(weight for _, weight in open_pairs[i, j]) / busy))
            i, j = _pick(self.rng, weighted)
            said.append(_pick(self.rng, open_pairs.pop((i, j))))
            degree[i], degree[j] = degree[i] + 1, degree[j] + 1
            old, new = part[j], part[i]
            part = [new if p == old else p for p in part]
        self.rng.shuffle(said)
        return said

    def _carried(self, i: int) -> tuple[int, str, int]:
        thing = self.things[i]
        host = thing.host if thing.host is not None else i
        if thing.mode == "on":
            alive = thing.kind.category in ("person", "animal")
            return (host, "under", i) if not alive and self.rng.random() < 0.1 else (i, "on", host)
        if thing.mode == "inside":
            return i, "inside", host
        upper, lower = (host, i) if thing.mode == "under" else (i, host)
        from_above = self.rng.random() < (0.15 if thing.mode == "under" else 0.85)
        return (upper, "above", lower) if from_above else (lower, "below", upper)

    def _statements(self, i: int, j: int) -> list[tuple[tuple[int, str, int], float]]:
        """What is true and plausible between two things of which neither carries the other, with weights."""
        one, two = self.things[i], self.things[j]
        if "inside" in (one.mode, two.mode) or "over" in (one.mode, two.mode):
            return []
        found: list[tuple[tuple[int, str, int], float]] = []
        if self._root(i) == self._root(j):
            if one.host != two.host or one.mode != two.mode or one.host is None:
                return []
            true = self._siblings(i, j)
        elif "under" in (one.mode, two.mode):
            return []
        else:
            true = self._apart(i, j)
        for first, phrase, second, factor in true:
            if weight := self._weight(first, phrase, second) * factor:
                found.append(((first, phrase, second), weight))
        return found

    def _weight(self, i: int, phrase: str, j: int) -> float:
        one, two = self.things[i], self.things[j]
        rule = self.grammar.rule_weights.get((one.kind.category, phrase, two.kind.category), 0)
        pair = self.grammar.pair_weights.get((one.label, phrase, two.label), 0)
        small_first = 1.0 if one.kind.width * one.kind.height <= two.kind.width * two.kind.height else 0.5
        ratio = max(one.diagonal, two.diagonal) / min(one.diagonal, two.diagonal)
        return (rule + 4 * pair) * small_first * (0.3 if ratio > 12 else 1.0)

    def _siblings(self, i: int, j: int) -> list[tuple[int, str, int, float]]:
        """Between two things on the same supporter, or beneath the same shelter."""
        one, two = self.things[i], self.things[j]
        a, b = (i, j) if one.x <= two.x else (j, i)
        true: list[tuple[int, str, int, float]] = [(i, "near", j, 0.5), (j, "near", i, 0.5)]
        apart = self.things[a].span[1] <= self.things[b].span[0]
        if apart:
            true += [(a, "left of", b, 1.0), (b, "right of", a, 1.0)]
            row = [t for t in self.things if t.host == one.host and t.mode == one.mode]
            if sum(self.things[a].x <= t.x <= self.things[b].x for t in row) == 2:
                true += [(i, "beside", j, 1.0), (j, "beside", i, 1.0)]
        if one.mode == "on":
            f, g = (i, j) if one.depth < two.depth else (j, i)
            factor = 0.1 if apart else 1.0
            true += [(f, "in front of", g, factor), (g, "behind", f, factor)]
        return true

    def _apart(self, i: int, j: int) -> list[tuple[int, str, int, float]]:
        """Between two things that share no supporter."""
        one, two = self.things[i], self.things[j]
        own = one.host is None and two.host is None
        share = 1.0 if own else 0.2
        places = {self.things[self._root(i)].place, self.things[self._root(j)].place}
        true: list[tuple[int, str, int, float]] = []
        a, b = (i, j) if one.x <= two.x else (j, i)
        apart = self.spans[a][1] <= self.spans[b][0]
        steep = abs(one.middle - two.middle) > abs(one.x - two.x)
        if apart:
            factor = share * (0.05 if steep and places != {"ground"} else 1.0)
            true += [(a, "left of", b, factor), (b, "right of", a, factor)]
        high, low = (i, j) if one.middle > two.middle else (j, i)
        clear = self.things[high].bottom >= self.things[low].top
        if places != {"ground"} and clear and self.things[high].host is None:
            factor = share * (1.0 if steep else 0.05)
            true += [(high, "above", low, factor), (low, "below", high, factor * 0.6)]
        if places != {"wall"} and not ("air" in places and clear):
            f, g = (i, j) if one.depth < two.depth else (j, i)
            wall = "wall" in places
            factor = share * ((0.4 if wall else 1.0) if not apart else (0.0 if wall else 0.15))
            true += [(f, "in front of", g, factor), (g, "behind", f, factor * (0.3 if wall else 1.0))]
        if own and places == {"ground"}:
            true += self._distances(i, j, apart)
        return true

    def _distances(self, i: int, j: int, apart: bool) -> list[tuple[int, str, int, float]]:
        one, two = self.things[i], self.things[j]
        across = max(0.0, max(one.span[0], two.span[0]) - min(one.span[1], two.span[1]))
        away = abs(one.depth - two.depth)
        gap = math.hypot(across, away) / ((one.diagonal + two.diagonal) / 2)
        if gap >= FAR:
            return [(i, "far", j, 1.0), (j, "far", i, 1.0)]
        if gap > NEAR:
            return []
        true = [(i, "near", j, 1.0), (j, "near", i, 1.0)]
        low, high = sorted((one.x, two.x))
        between = any(low <= self.things[k].x <= high for k in self._own("ground") if k not in (i, j))
        if apart and away < abs(one.x - two.x) and not between:
            true += [(i, "beside", j, 1.0), (j, "beside", i, 1.0)]
        return true


def _reaches(after: Mapping[int, set[int]], start: int, goal: int) -> bool:
    """True if `goal` comes after `start`, or is it."""
    return start == goal or any(_reaches(after, step, goal) for step in sorted(after[start]))
