"""Proximity questions (SEEDS 4): how deep is it, which of two is closer, and both depths with the conclusion.

What is ours, since the paper's templates and threshold are not known: wording, the tie band, and everything that keeps a
question from contradicting the picture's own graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from string import Formatter
from typing import Any

from spacestudio.domain.graph import Relation
from spacestudio.domain.grounded import Exchange, Grounded, Mention, Span
from spacestudio.geometry.object_depth import DIGITS, Depths, ObjectDepth
from spacestudio.qa.choose import number, pick
from spacestudio.qa.keys import Asked
from spacestudio.qa.known import Known, known
from spacestudio.qa.scene import Scene
from spacestudio.relations.naming import is_word, plural

FORMS = ("perception", "direct", "reasoned")
TAU = 0.05
"""Closer if its depth is smaller by this much or more, else about the same (SEEDS 4.4's default)."""
LEAST_VALID = 0.5
"""Objects with less of their pixels measured are not asked about (ours)."""
TIE_SPREAD = 4.0
"""Two things are "about the same" only where each range p10 - p90 is within this many tie bands (ours)."""
MOST = 6
"""Questions of each form about one picture (ours)."""
TIES = 3
"""One in this many questions may be a tie (ours)."""
SAME = "about the same"

PERCEPTION = (
    "What is the relative depth of {a}, from 0 (nearest) to 1 (farthest)?",
    "On a scale from 0 (nearest) to 1 (farthest), what is the depth of {a}?",
    "Give the depth of {a} as a number between 0 (nearest) and 1 (farthest).",
)
DIRECT = (
    "Which is {word} the camera, {a} or {b}?",
    "Of {a} and {b}, which is {word} the camera?",
    "Which of the two is {word} the viewer: {a} or {b}?",
)
REASONED = (
    "What are the relative depths of {a} and {b}, from 0 (nearest) to 1 (farthest), and which is {word} the camera?",
    "State the relative depth of {a} and of {b}, from 0 (nearest) to 1 (farthest), then say which is {word} the camera.",
    "Compare the depths of {a} and {b} on a scale from 0 (nearest) to 1 (farthest): which is {word} the camera?",
)
BECAUSE = (
    "The relative depth of {a} is {x} and that of {b} is {y}, so ",
    "Relative depth of {a}: {x}; of {b}: {y}. Therefore ",
    "On the scale from 0 to 1, {a} has a depth of {x} and {b} a depth of {y}. So ",
)
CONCLUSION = "{winner} {be} {word} the camera."
TIE = "both are at about the same distance from the camera."
HINTS = {
    "perception": "Answer with a number with two decimals.",
    "direct": f"Answer with one of the two, or “{SAME}”.",
    "reasoned": f"Give both depths with two decimals, then one of the two, or “{SAME}”.",
}
"""How to answer, where it is said: the same after every question of a form, so that it gives nothing away."""
WORDS = {"closer": "closer to", "farther": "farther from"}


@dataclass(frozen=True)
class Recipe:
    """What is asked.

    Attributes:
        tau: the tie band, in [0, 1].
        overlapping: ask about pairs whose ranges of depth overlap too.
        forms: some of `FORMS`.
        most: of each form, about one picture; twins come on top.
        swapped: add to each question about a pair its twin with the names exchanged.
        hint: say after each question how to answer it, ties included.
    """

    tau: float = TAU
    overlapping: bool = False
    forms: tuple[str, ...] = FORMS
    most: int = MOST
    swapped: bool = False
    hint: bool = False


@dataclass(frozen=True)
class Asking:
    """Questions, and how many objects and pairs were left out for which reason."""

    exchanges: tuple[Exchange, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pair:
    """Two objects that can be compared.

    Attributes:
        near: the nearer one's id, "" for a tie.
        relation: what the graph says, None where it says nothing.
        shown: whether the depths say the same, so that they can be the reason.
    """

    a: str
    b: str
    near: str
    relation: Relation | None
    shown: bool

    def other(self, object_id: str) -> str:
        """The one of the two that this is not."""
        return self.b if object_id == self.a else self.a

    def winner(self, asked: str) -> str:
        """The closer, or the farther one; "" for a tie."""
        return self.near if asked == "closer" or not self.near else self.other(self.near)


def compare(first: float, second: float, tau: float) -> str:
    """ "first", "second" or "same": which of two depths is the nearer, beyond the tie band."""
    steps = round((second - first) * 10**DIGITS)
    if abs(steps) < tau * 10**DIGITS - 1e-9 or steps == 0:
        return "same"
    return "first" if steps > 0 else "second"


def questions(scene: Scene, depths: Depths, recipe: Recipe = Recipe(), turns: Mapping[str, int] | None = None) -> Asking:
    """The questions of a picture: perception, then direct, then reasoned.

    A pair is asked about when the graph, where it says something of it, says the same beyond doubt. A person's word counts
    over the measurement: its answer is asked for, never with depths that contradict it. Of each form, the answer is named
    first as often as second, and closer is asked as often as farther, counting from `turns`.

    Args:
        scene: the graph with names; its seed chooses pairs and paraphrases.
        depths: of its objects.
        recipe: what is asked.
        turns: form -> how many ordered pairs were asked before, for balance over many pictures; else by the seed.
    """
    k, left_out = known(scene), Counter[str]()
    ids = [i for i in k.names if _measured(i, depths, left_out)]
    left_out["no name of its own"] = sum(i not in k.names for i in k.objects)
    doubted = _doubted(k, depths, recipe.tau)
    pairs = [p for a, b in combinations(ids, 2) if (p := _compared(k, depths, recipe, a, b, left_out))]
    left_out["depth contradicts a relation"] = len(doubted & set(ids))
    asked: list[Exchange] = []
    for form in recipe.forms:
        if form == "perception":
            fit = [i for i in ids if i not in doubted]
            chosen = sorted(fit, key=lambda i: number(scene.seed, "depth of", i))[: recipe.most]
            asked += [_perception(scene, k, depths, recipe, i) for i in chosen]
        else:
            fit_pairs = [p for p in pairs if form == "direct" or (p.shown and not doubted & {p.a, p.b})]
            turn = turns.get(form, 0) if turns is not None else number(scene.seed, "turn", form)
            asked += _pairs_asked(scene, k, depths, recipe, form, fit_pairs, turn)
    return Asking(tuple(asked), {why: n for why, n in sorted(left_out.items()) if n})


def _measured(object_id: str, depths: Depths, left_out: Counter[str]) -> bool:
    found = depths.objects.get(object_id)
    enough = found is not None and found.valid >= LEAST_VALID
    left_out["too little depth"] += not enough
    return enough


_ORDER = {"in front of": "first", "behind": "second", "at the same depth": "same"}


def _said(relation: Relation | None) -> str | None:
    """What a true relation decides, as `compare` says it; None when it decides nothing."""
    return _ORDER.get(relation.predicate) if relation is not None and relation.verdict == "true" else None


def contradicted(relation: Relation, depths: Depths, tau: float) -> bool:
    """Whether the depths say the opposite of a true relation; that a person calls level what the tie band does not, too."""
    said, one, other = _said(relation), depths.objects.get(relation.subject), depths.objects.get(relation.object)
    if said is None or one is None or other is None:
        return False
    if said == "same":
        return relation.origin == "person" and compare(one.depth01, other.depth01, tau) != "same"
    return compare(one.depth01, other.depth01, 0) not in (said, "same")


def _doubted(k: Known, depths: Depths, tau: float) -> frozenset[str]:
    """Objects whose depth contradicts a relation the graph holds true; their numbers are neither asked for nor given."""
    out: set[str] = set()
    for a, b in k.pairs("depth", "camera"):
        relation = k.stored(a, b, "depth", "camera")
        if relation is not None and contradicted(relation, depths, tau):
            out |= {a, b}
    return frozenset(out)


def _compared(k: Known, depths: Depths, recipe: Recipe, a: str, b: str, left_out: Counter[str]) -> _Pair | None:
    """What may be asked of a pair; None, with the reason counted, when nothing may."""
    relation = k.stored(a, b, "depth", "camera")
    spoken = any((x, y, "depth", "camera") in k.table for x, y in ((a, b), (b, a)))
    said, person = _said(relation), relation is not None and relation.origin == "person"
    measured = compare(depths.objects[a].depth01, depths.objects[b].depth01, recipe.tau)
    why = ""
    if not k.trusted(a, b, "depth", "camera"):
        why = "in a clash"
    elif spoken and said is None:
        why = "undecided in the graph"
    elif not person and said not in (None, measured):
        why = "the graph says otherwise"
    elif not person and not recipe.overlapping:
        why = _unsure(depths.objects[a], depths.objects[b], measured, recipe.tau)
    if why:
        left_out[why] += 1
        return None
    near = {"first": a, "second": b, "same": ""}[said or measured]
    return _Pair(a, b, near, relation, said in (None, measured))


def _unsure(one: ObjectDepth, other: ObjectDepth, measured: str, tau: float) -> str:
    """Why the ranges p10 - p90 don't bear out the medians; "" when they do."""
    if measured != "same":
        return "ranges of depth overlap" if one.overlaps(other) else ""
    wide = max(one.p90 - one.p10, other.p90 - other.p10) > TIE_SPREAD * tau
    return "ranges of depth too wide for a tie" if wide else ""


def _pairs_asked(
    scene: Scene, k: Known, depths: Depths, recipe: Recipe, form: str, pairs: Sequence[_Pair], turn: int
) -> Iterator[Exchange]:
    """At most `recipe.most` pairs by the hash of their names, not too many ties; four turns are the four balanced forms."""
    asked_about, ties = 0, 0
    for pair in sorted(pairs, key=lambda p: number(scene.seed, form, p.a, p.b)):
        tie = not pair.near
        if asked_about == recipe.most or (tie and ties == max(1, recipe.most // TIES)):
            continue
        asked_about, ties = asked_about + 1, ties + tie
        slot = number(scene.seed, form, pair.a, pair.b, "slot") if tie else turn
        turn += not tie
        asked = "farther" if slot & 2 else "closer"
        winner = pair.winner(asked) or pair.a
        first = pair.other(winner) if slot & 1 else winner
        yield _pair_question(scene, k, depths, recipe, form, pair, first, asked)
        if recipe.swapped:
            yield _pair_question(scene, k, depths, recipe, form, pair, pair.other(first), asked, swapped=True)


def _pair_question(
    scene: Scene,
    k: Known,
    depths: Depths,
    recipe: Recipe,
    form: str,
    pair: _Pair,
    first: str,
    asked: str,
    swapped: bool = False,
) -> Exchange:
    """The question about a pair with `first` named first, and its answer; twins differ in nothing but the order."""
    second, winner = pair.other(first), pair.winner(asked)
    words: dict[str, str | Mention] = {"a": _mention(k, first), "b": _mention(k, second), "word": WORDS[asked]}
    template = pick(DIRECT if form == "direct" else REASONED, scene.seed, form, pair.a, pair.b, "question")
    if winner:
        words |= {"winner": _mention(k, winner), "be": k.names[winner].be}
    if form == "direct":
        answer = grounded("{winner}" if winner else SAME, words)
    else:
        because = pick(BECAUSE, scene.seed, form, pair.a, pair.b, "answer")
        values = {name: _two(depths.objects[i].depth01) for name, i in (("x", first), ("y", second))}
        answer = grounded(because + (CONCLUSION if winner else TIE), words | values)
    found = {
        "asked": asked,
        "gold": "same" if not winner else "first" if winner == first else "second",
        "pair": f"{pair.a}:{pair.b}",
        "swapped": swapped,
    }
    relations = [pair.relation] if pair.relation is not None else []
    facts = _facts(k, depths, recipe, form, found, (first, second), relations)
    key = Asked("proximity", first, asked, second, "camera", form).key
    return Exchange(key, _asked(template, words, form, recipe), answer, facts)


def _perception(scene: Scene, k: Known, depths: Depths, recipe: Recipe, object_id: str) -> Exchange:
    key = Asked("proximity", object_id, "depth", "", "camera", "perception").key
    question = _asked(pick(PERCEPTION, scene.seed, key), {"a": _mention(k, object_id)}, "perception", recipe)
    value = depths.objects[object_id].depth01
    found = {"asked": "depth", "gold": value}
    return Exchange(
        key, question, Grounded((_two(value),)), _facts(k, depths, recipe, "perception", found, (object_id,), ())
    )


def _facts(
    k: Known,
    depths: Depths,
    recipe: Recipe,
    form: str,
    found: Mapping[str, Any],
    ids: Sequence[str],
    relations: Sequence[Relation],
) -> dict[str, Any]:
    numbers = {
        i: {"depth01": d.depth01, "p10": d.p10, "p90": d.p90, "valid": d.valid} for i in ids for d in [depths.objects[i]]
    }
    raw = {
        "kind": depths.kind, "polarity": depths.polarity, "p1": round(depths.p1, 6), "p99": round(depths.p99, 6),
        "source": depths.source,
    }  # fmt: skip
    told = {"type": form, **found, "names": [k.names[i].text for i in ids], "raw": raw}
    return k.facts(ids, relations, numbers, {"tau": recipe.tau}, k.weak_depth(), told)


def _asked(template: str, words: Mapping[str, str | Mention], form: str, recipe: Recipe) -> Grounded:
    return grounded(f"{template} {HINTS[form]}" if recipe.hint else template, words)


def _two(value: float) -> str:
    return f"{value:.{DIGITS}f}"


def _mention(k: Known, object_id: str) -> Mention:
    return Mention(k.names[object_id].the, (object_id,))


def grounded(template: str, words: Mapping[str, str | Mention]) -> Grounded:
    """A template with its words filled in, those that name objects as mentions."""
    spans: list[Span] = []
    for literal, name, _, _ in Formatter().parse(template):
        spans += [part for part in (literal, words[name] if name else "") if part]
    return Grounded(tuple(spans))


_SIDES = {"leftmost": "left", "rightmost": "right", "uppermost": "top", "lowermost": "bottom"}


def also_called(k: Known, object_id: str, among: Sequence[str]) -> tuple[str, ...]:
    """What else an answer may call an object when only the objects `among` are spoken of: "cat on the left", "red one"."""
    name, label = k.names[object_id].text, k.names.labels[object_id]
    others = [k.names[i].text.casefold() for i in among if i != object_id]
    words = name.removesuffix(label).split() if name.endswith(label) else []
    found = [label, *([label.split()[-1]] if is_word(label) else [])]
    for word in words:
        side = _SIDES.get(word)
        found += [f"{side} {label}", f"{label} on the {side}", f"{side} one", f"{word} one"] if side else []
        found += [f"{word} one", f"{word} {label}"] if not side else []
    own = [c for c in found if not any(_ends_with(other, c.casefold()) for other in others)]
    if is_word(label):
        own += [plural(called) for called in own if label.endswith(called) or called.endswith(label)]
    return tuple(c for c in dict.fromkeys(own) if c.casefold() != name.casefold())


def _ends_with(name: str, called: str) -> bool:
    return name == called or name.endswith(f" {called}")
