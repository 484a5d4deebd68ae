"""Scene graphs written by a language model: scenes, objects, nodes with attributes, triplets; each with schema and check.

Prompts are our own; what they ask for follows SKG2Data's stages (SEEDS 2.2).
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject, fresh_id
from spacestudio.engines.language.talk import Talk, messages_of
from spacestudio.engines.protocols import Message, Reply
from spacestudio.relations.relate import family_of
from spacestudio.relations.words import parse_phrase

Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\W_][\w '’-]{0,39}$")]
"""Plain words of 40 characters at most: no sentence, no markup."""
Word = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\W\d_][\w'’-]{0,23}( [\w'’-]{1,24})?$")]
"""One short word, or two."""
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\W\d_][\w '’,-]{0,59}$")]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
"""Something that must be one of what was given."""


class Schema(BaseModel):
    """A reply: these fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Scenes(Schema):
    """Names of scenes."""

    scenes: list[Name] = Field(min_length=1, max_length=50)


class Objects(Schema):
    """Things of a scene."""

    objects: list[Name] = Field(min_length=3, max_length=40)


class Node(Schema):
    """One thing with what can be seen of it."""

    object: Said
    attributes: list[Word] = Field(max_length=3)


class Nodes(Schema):
    """Two to four things of one picture."""

    nodes: list[Node] = Field(min_length=2, max_length=4)


class Triplet(Schema):
    """One relation, by ids."""

    subject: Said
    relation: Phrase
    object: Said


class Triplets(Schema):
    """How the things stand to each other."""

    relations: list[Triplet] = Field(min_length=1, max_length=6)


class ChatScenes:
    """A language model as a writer of scenes; the subclasses say how one talks to it."""

    name: str
    version: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model and parameters."""
        raise NotImplementedError

    def say(self, messages: Sequence[Message], schema: Mapping[str, Any], seed: int) -> Reply:
        """One reply; see `protocols.Chat`."""
        raise NotImplementedError

    def imagine(self, scene: str | None, seed: int) -> SpatialGraph:
        """A graph of 2 to 4 objects; it may clash, see `services.imagine.imagine_scene`.

        Raises:
            NoAnswer: no usable reply.
            Unavailable: it can't be asked.
        """
        return write_scene(Talk(self, seed), scene)


def write_scene(talk: Talk, scene: str | None) -> SpatialGraph:
    """Scene, objects, nodes and triplets in turn; statements in the order in which they were said.

    Raises:
        NoAnswer: no usable reply at one of the stages.
    """
    name = " ".join((scene or "").split())[:200] or scene_names(talk, 1)[0]
    return graph_among(talk, name, objects_of(talk, name))


def graph_among(talk: Talk, scene: str, things: Sequence[str]) -> SpatialGraph:
    """Nodes and triplets in turn; absent is one of the things that were not chosen.

    Raises:
        NoAnswer: no usable reply at one of the stages.
    """
    objects: list[SceneObject] = []
    for label, attributes in nodes_of(talk, scene, things):
        own = fresh_id(label, {o.id for o in objects})
        objects.append(SceneObject(own, label, Box(0, 0, 0, 0), attributes, origin="model"))
    relations = triplets_of(talk, scene, objects)
    chosen = {o.label.casefold() for o in objects}
    unchosen = [t for t in things if not any(t.casefold() in c or c in t.casefold() for c in chosen)]
    absent = random.Random(f"{talk.seed}:{scene}").sample(unchosen, min(1, len(unchosen)))
    return SpatialGraph.of(objects, relations, scene, absent)


def scene_names(talk: Talk, count: int, told: Sequence[str] = ()) -> list[str]:
    """`count` names of scenes, none twice and none of those already told; fewer when the model has no more.

    Raises:
        NoAnswer: no usable reply.
    """
    task = (
        f"Name {count} {'place' if count == 1 else 'different places'} of everyday life that a photograph could show, "
        "indoors and outdoors, harmless, each in one to four words. Leave out the places listed in DATA."
    )
    data = {"already named": [*told][-100:]}
    old = {name.casefold() for name in told}

    def fresh(found: Scenes) -> list[str]:
        once = {name.casefold(): name for name in reversed(found.scenes) if name.casefold() not in old}
        return [n for n in dict.fromkeys(name.casefold() for name in found.scenes) if n in once]

    def check(found: Scenes) -> str:
        return "" if fresh(found) else "All these places were named already"

    found = talk.ask(messages_of(task, data, Scenes), Scenes, check)
    return fresh(found)[:count]


def objects_of(talk: Talk, scene: str) -> list[str]:
    """Things one can expect in a scene, each once.

    Raises:
        NoAnswer: no usable reply.
    """
    task = (
        "List 8 to 20 kinds of solid things that belong in the scene given in DATA and can be drawn each by itself: "
        "everyday words, singular, unambiguous, harmless; add “person” where people are usual. No sky, floor, wall or light."
    )

    def check(found: Objects) -> str:
        return "" if len({o.casefold() for o in found.objects}) >= 3 else "Name at least three different things"

    found = talk.ask(messages_of(task, {"scene": scene}, Objects), Objects, check)
    return [*{o.casefold(): o for o in reversed(found.objects)}.values()][::-1]


def nodes_of(talk: Talk, scene: str, things: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Two to four of the things, some perhaps twice, each with short attributes that can be seen.

    Raises:
        NoAnswer: no usable reply.
    """
    task = (
        "Choose 2 to 4 of the things in DATA for one picture of the scene. A thing may be chosen twice if its attributes "
        "differ. Give each at most two short attributes that can be seen, such as a colour, a material or a state."
    )
    known = {t.casefold(): t for t in things}

    def check(found: Nodes) -> str:
        if odd := [n.object for n in found.nodes if n.object.casefold() not in known]:
            return f"{len(odd)} of your objects are not among the things in DATA"
        once = {(n.object.casefold(), frozenset(a.casefold() for a in n.attributes)) for n in found.nodes}
        return "" if len(once) == len(found.nodes) else "Two of your objects can't be told apart"

    found = talk.ask(messages_of(task, {"scene": scene, "things": [*things]}, Nodes), Nodes, check)
    out = []
    for node in found.nodes:
        label = known[node.object.casefold()]
        words = {a.casefold(): a for a in node.attributes if a.casefold() != label.casefold()}
        out.append((label, tuple(words.values())[:2]))
    return out


def triplets_of(talk: Talk, scene: str, objects: Sequence[SceneObject]) -> list[Relation]:
    """Relations between objects, at most one statement a pair; words the studio does not know stay as they were said.

    Raises:
        NoAnswer: no usable reply.
    """
    task = (
        "Say how the objects in DATA stand to each other in one picture of the scene, by their ids: at most one statement "
        "for each pair of objects, physically plausible, all true at once, no third object. Prefer these relations: "
        f"{', '.join(VOCABULARY)}."
    )
    data = {"scene": scene, "objects": [{"id": o.id, "name": o.name} for o in objects]}
    ids = frozenset(o.id for o in objects)
    found = talk.ask(
        messages_of(task, data, Triplets), Triplets, lambda t: wrong_pairs([(r.subject, r.object) for r in t.relations], ids)
    )
    relations: dict[tuple[str, str, str], Relation] = {}
    for triplet in found.relations:
        for r in relations_of(triplet):
            relations.setdefault(r.triple, r)
    return [*relations.values()]


VOCABULARY = (
    "left of", "right of", "above", "below", "in front of", "behind", "on", "under", "inside", "beside", "near", "far from",
)  # fmt: skip


def wrong_pairs(ends: Sequence[tuple[str, str]], ids: frozenset[str]) -> str:
    """What is wrong with the ends of relations, in a sentence without their words; "" when nothing."""
    pairs = [frozenset(pair) for pair in ends]
    if any(len(pair) == 1 for pair in pairs):
        return "An object can't be related to itself"
    if not all(pair <= ids for pair in pairs):
        return "Use only the ids given in DATA"
    return "" if len(set(pairs)) == len(pairs) else "At most one statement for each pair of objects"


def relations_of(triplet: Triplet) -> list[Relation]:
    """What a triplet says, as the parser of written graphs reads it."""
    out = []
    for predicate in parse_phrase(re.sub(r"\s+", " ", triplet.relation)):
        f = family_of(predicate)
        family, frame = (f.name, f.frames[0]) if f else ("other", "image")
        out.append(Relation(triplet.subject, predicate, triplet.object, family, frame, origin="model"))  # type: ignore[arg-type]
    return out
