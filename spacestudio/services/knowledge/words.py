"""Stages before there is a picture: scenes, objects of each scene, and graphs of two to four of them."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from spacestudio.engines import LANGUAGE
from spacestudio.engines.language import scenes as written
from spacestudio.engines.language.grammar import load_grammar, match_scene, sample_scene
from spacestudio.engines.language.talk import Counts, NoAnswer, messages_of
from spacestudio.formats.rows import article
from spacestudio.formats.skg import to_row
from spacestudio.relations.words import parse_phrase, to_phrase
from spacestudio.services.converse import scene_names, settled, talk_with, total
from spacestudio.services.knowledge.recipe import Made, Row, Work

FEW, MANY = 2, 4
"""Objects in one picture (SEEDS 2.2)."""
TRIES = 60
"""Graphs drawn from the grammar before a combination is given up (ours)."""
MOST_USED, VARIANTS = 3, 3
"""Objects that get pictures of their own with `add_one_node`, and how many each."""


def scenes(work: Work, count: int) -> Made:
    """Names of places, each once."""
    recipe = work.recipe
    if LANGUAGE[recipe.language].built_in:
        known = list(load_grammar().scenes)
        random.Random(f"scenes:{recipe.seed}").shuffle(known)
        notes = (f"The grammar knows {len(known)} scenes; {count} were asked for.",) if count > len(known) else ()
        return Made(tuple(known[:count]), notes=notes)
    counts: list[Counts] = []
    if count == 1:
        talk = talk_with(recipe.language, recipe.seed)
        return Made(tuple(written.scene_names(talk, 1)), counts=talk.counts)
    found = [name for name in scene_names(recipe.language, count, recipe.seed, counts) if name]
    missing = {"the model named no other scene": count - len(found)} if len(found) < count else {}
    return Made(tuple(found), rejected=missing, counts=total(counts))


def objects(work: Work, scene: str) -> Made:
    """Things to expect in a scene; what the recipe tells of it comes first."""
    recipe, text = work.recipe, work.recipe.texts.get(scene, "")
    if not LANGUAGE[recipe.language].built_in:
        talk = talk_with(recipe.language, work.seed)
        try:
            things = written.objects_of(talk, f"{text}\n{scene}".strip())
        except NoAnswer as why:
            return Made(rejected={why.why: 1}, counts=talk.counts)
        return Made(({"scene": scene, "objects": things},), counts=talk.counts)
    grammar = load_grammar()
    known = match_scene(grammar, scene)
    if known is None:
        return Made(rejected={"the grammar knows no such scene": 1}, notes=(f"“{scene}” is no scene the grammar knows.",))
    said = [label for label in grammar.objects if re.search(rf"\b{re.escape(label)}s?\b", text, re.IGNORECASE)]
    return Made(({"scene": scene, "objects": list(dict.fromkeys([*said, *grammar.scenes[known].objects]))},))


def graphs(work: Work, row: Row) -> Made:
    """Combinations of a scene's objects with attributes and relations that hold together."""
    things = [" ".join(str(name).split()) for name in row["objects"] if str(name).strip()]
    if LANGUAGE[work.recipe.language].built_in:
        return _sampled(work, row["scene"], things)
    return _told(work, row["scene"], things)


def _sampled(work: Work, scene: str, things: Sequence[str]) -> Made:
    grammar, count = load_grammar(), work.recipe.combinations
    known = match_scene(grammar, scene)
    if known is None:
        return Made(rejected={"the grammar knows no such scene": count})
    kind, wanted = grammar.scenes[known], {name.casefold() for name in things}
    labels = tuple(label for label in grammar.objects if label.casefold() in wanted)
    if len(labels) < FEW:
        return Made(rejected={"the grammar knows too few of the objects": count})
    anchors = tuple(label for label in kind.anchors if label in labels)
    kind = kind.model_copy(update={"objects": labels, "anchors": anchors})
    grammar = grammar.model_copy(update={"scenes": {**grammar.scenes, known: kind}})
    rows: list[Row] = []
    rng = random.Random(f"graphs:{work.recipe.seed}:{scene}")
    for _ in range(count * TRIES):
        if len(rows) == count:
            break
        try:
            sampled = sample_scene(grammar, rng, known, (FEW, MANY))
        except ValueError:  # what was drawn finds no place in the scene
            continue
        made = {
            "scene": scene,
            "chosen_objects": [label for label, _ in sampled.objects],
            "attributes": {str(i): article(" ".join((*a, label))) for i, (label, a) in enumerate(sampled.objects)},
            "negative_objects": ", ".join(sampled.negative_objects[:1]),
            "objects_kg": [[a, ", ".join(to_phrase(p) for p in parse_phrase(said)), b] for a, said, b in sampled.triplets],
        }
        if made not in rows:
            rows.append(made)
    lacking = count - len(rows)
    return Made(tuple(rows), rejected={"no further combination was found": lacking} if lacking else {})


def _told(work: Work, scene: str, things: Sequence[str]) -> Made:
    rows: list[Row] = []
    rejected: Counter[str] = Counter()
    counts, repaired, notes = Counts(), 0, list[str]()
    for k in range(work.recipe.combinations):
        talk = talk_with(work.recipe.language, work.recipe.seed + 1009 * work.number + k)
        try:
            graph, told = settled(written.graph_among(talk, scene, things), talk)
        except NoAnswer as why:
            rejected[why.why] += 1
        else:
            made = to_row(graph)
            if made in rows:
                rejected["said already"] += 1
            else:
                rows.append(made)
                repaired += len(told)
                notes += told
        counts += talk.counts
    return Made(tuple(rows), repaired, dict(rejected), tuple(notes), counts)


def single(work: Work, label: str, scene: str) -> Made:
    """Graphs of one object alone, in other attributes each."""
    if LANGUAGE[work.recipe.language].built_in:
        kind = load_grammar().objects.get(label)
        words, counts = (list(kind.attributes[:VARIANTS]) if kind else []), Counts()
    else:
        talk = talk_with(work.recipe.language, work.seed)
        task = (
            "Give attributes that the thing in DATA may have in a picture, one or two words each, all different: colours, "
            "materials or states that can be seen."
        )
        try:
            found = talk.ask(messages_of(task, {"thing": label}, Variants), Variants)
        except NoAnswer as why:
            return Made(rejected={why.why: 1}, counts=talk.counts)
        words, counts = list(dict.fromkeys(w.casefold() for w in found.attributes))[:VARIANTS], talk.counts
    rows = [
        {
            "scene": scene,
            "chosen_objects": [label],
            "attributes": {"0": article(f"{word} {label}")},
            "negative_objects": "",
            "objects_kg": [],
        }
        for word in words
    ]
    return Made(tuple(rows), rejected={} if rows else {"no attribute is known": 1}, counts=counts)


class Variants(written.Schema):
    """Attributes of one thing."""

    attributes: list[written.Word] = Field(min_length=1, max_length=12)


def most_used(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """The labels used in most graphs, the first seen of equals first, each with the scene it was first used in."""
    used = Counter(label for row in rows for label in dict.fromkeys(row["chosen_objects"]))
    scene = {label: row["scene"] for row in reversed(rows) for label in row["chosen_objects"]}
    return [(label, scene[label]) for label, _ in used.most_common(MOST_USED)]
