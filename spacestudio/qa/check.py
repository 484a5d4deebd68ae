"""Does a question's answer, a person's wording included, hold in the graph; and which correction would make it hold?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

from spacestudio.domain.graph import Relation
from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import NO, YES
from spacestudio.qa.depth_order import order_of, spoken
from spacestudio.qa.keys import Asked
from spacestudio.qa.known import Known, finite, inverse, known, stored, truth
from spacestudio.qa.position import cell_of
from spacestudio.qa.scene import Scene
from spacestudio.relations import FAMILIES as RELATION_FAMILIES
from spacestudio.relations.naming import attributes_of, excluded, label_of
from spacestudio.relations.position import CELLS
from spacestudio.relations.relate import VIEWS, family, family_of, turn_predicate
from spacestudio.relations.words import SYNONYMS, read

Lookup = Callable[[str, str, str, str], Relation | None]
FLIPS = frozenset({"direction", "depth", "scale"})
"""Families in which "No" means the inverse holds."""
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SCENERY = re.compile(
    r"in (the|this) (picture|scene|image|photo)|by their bounding boxes"
    r"|(from|at) (the|its) (left|right|back)( side)?( of the (scene|picture))?"
)
"""Parts of a question that say where one looks, not how two things stand."""
_CANNOT_TELL = re.compile(r"\b(cannot|can't|can’t|not possible to|impossible to)( be)? (tell|told|say|said)\b|\bundecided\b")
_LENGTH = re.compile(r"(?<!±)(?<!± )(?<![\d.])(\d{1,6}(?:\.\d{1,6})?)\s*(?:m|metres?|meters?)\b")
_SIDES = {"left": "left side", "right": "right side", "back": "back"}


class Correction(NamedTuple):
    """A relation to correct so that an answer becomes true."""

    subject: str
    predicate: str
    object: str
    frame: str
    verdict: str


def check(pair: QAPair, scene: Scene) -> str | None:
    """None when the answer holds in the scene's graph; else one sentence why it doesn't.

    The predicate is read from the question where its wording names exactly one, so that a person's rewording counts.
    A person's own question that names no relation can't be checked, and holds.
    """
    k = known(scene)
    gone = [i for i in objects_of(pair) if i not in k.objects]
    if gone:
        return f"“{gone[0]}” is no longer in the graph."
    asked = asked_of(pair)
    if asked is None:
        return None
    checks: Mapping[str, Callable[[QAPair, Asked, Scene, Known], str | None]] = {
        "existence": _existence, "count": _count, "attribute": _attribute, "position": _position, "relation": _related,
        "viewpoint": _related, "nearer": _nearer, "depth_order": _depth_order,
    }  # fmt: skip
    return checks[asked.family](pair, asked, scene, k) if asked.family in checks else None


def holds_in_facts(pair: QAPair, facts: Mapping[str, Any], scene: Scene) -> bool | None:
    """Whether the answer held in the relations that `facts` recorded; None where they don't say."""
    asked = asked_of(pair)
    table = {r.key: r for r in relations_of(facts)}
    if asked is None or not table or asked.family not in ("relation", "viewpoint", "nearer"):
        return None
    k = known(scene)

    def lookup(s: str, o: str, family_name: str, frame: str) -> Relation | None:
        return stored(table, s, o, family_name, frame)

    says = _nearer if asked.family == "nearer" else _related
    return says(pair, asked, scene, k, lookup) is None


def answer_implies(pair: QAPair, new_answer: str, scene: Scene) -> Correction | None:
    """The one correction of the graph that would make the new answer true; None when it holds already or none would.

    "No" to a direction, an order in depth or a size means the inverse is true; to any other relation, that it is false.
    What is seen from another side is corrected in the camera's frame.
    """
    asked = asked_of(pair)
    changed = pair.but(answer=new_answer)
    if asked is None or check(changed, scene) is None:
        return None
    k = known(scene)
    if any(i not in k.objects for i in objects_of(pair)):
        return None
    if asked.family == "depth_order":
        return _implied_order(asked, new_answer, k)
    if asked.family == "nearer":
        return _implied_nearer(pair, asked, new_answer, k)
    if asked.family in ("relation", "viewpoint"):
        return _implied_relation(changed, asked, k)
    return None


# Reading keys, facts and answers.


def asked_of(pair: QAPair) -> Asked | None:
    """What is asked: from the key; for a person's own question, from the single relation its facts name."""
    asked = Asked.of(pair.key)
    if asked is not None:
        return asked
    relations = relations_of(pair.facts)
    if len(relations) != 1:
        return None
    r = relations[0]
    form = "yes-no" if yes_no(pair.answer) else "choice"
    viewed = "viewpoint" if r.frame in VIEWS else "relation"
    return Asked(viewed, r.subject, r.predicate if form == "yes-no" else r.family, r.object, r.frame, form)


def relations_of(facts: Mapping[str, Any]) -> list[Relation]:
    """The relations that facts name; what is no relation is passed over."""
    out = []
    for f in facts.get("relations") or ():
        if isinstance(f, Mapping) and all(isinstance(f.get(n), str) for n in ("subject", "predicate", "object")):
            found = family_of(f["predicate"])
            name = f.get("family") or (found.name if found else "other")
            numbers = (float(f.get("margin") or 0.0), float(f.get("threshold") or 0.0))
            out.append(
                Relation(
                    f["subject"], f["predicate"], f["object"], name, f.get("frame", "image"), *numbers,
                    f.get("verdict", "true"), f.get("origin", "geometry"),
                )
            )  # fmt: skip
    return out


def objects_of(pair: QAPair) -> list[str]:
    """Ids of the objects a question is about."""
    asked = Asked.of(pair.key)
    ids = [str(i) for i in pair.facts.get("objects") or ()]
    if asked and asked.object:
        ids += [asked.subject, asked.object]
    elif asked and asked.family in ("attribute", "position"):
        ids.append(asked.subject)
    elif asked and asked.family == "depth_order":
        ids += asked.subject.split("+")
    elif asked:  # about a label: the objects that bore it may go
        ids = []
    return list(dict.fromkeys(ids))


def plain(text: str) -> str:
    """A text for comparison: lower case, one line, no leading article, no final stop."""
    words = " ".join(text.casefold().split()).strip(" .!?\"'“”")
    return re.sub(r"^(the|an?) ", "", words)


def yes_no(answer: str) -> str | None:
    """ "Yes" or "No", however it is put; None for another answer."""
    words = re.findall(r"[a-z]+", answer.casefold())
    first = words[0] if words else ""
    return YES if first in ("yes", "true", "correct", "yeah") else NO if first in ("no", "false", "wrong", "nope") else None


def option_of(pair: QAPair) -> str:
    """The answer, a lone letter (A, B, …) read as the option it stands for."""
    letter = re.fullmatch(r"\(?([A-Ha-h])[.):]?", pair.answer.strip())
    place = ord(letter[1].upper()) - ord("A") if letter else -1
    return pair.options[place] if 0 <= place < len(pair.options) else pair.answer


@cache
def _phrases() -> tuple[tuple[str, str], ...]:
    """Every wording of a predicate and the predicate, longest first."""
    phrases = {p: p for f in map(family, RELATION_FAMILIES) for p in f.predicates}
    phrases |= {read(p): p for p in tuple(phrases)} | dict(SYNONYMS)
    phrases |= {"closer to the camera than": "in front of", "nearer than": "in front of", "farther than": "behind"}
    return tuple(sorted(phrases.items(), key=lambda item: (-len(item[0]), item[0])))


def predicates_in(text: str, among: Sequence[str], names: Sequence[str] = ()) -> list[str]:
    """Which of these predicates a text names, in order; words that belong to an object's name don't count."""
    low = " ".join(text.casefold().split())
    for name in sorted(names, key=len, reverse=True):
        low = low.replace(name.casefold(), "…")
    low = _SCENERY.sub("…", low)
    spots: dict[int, str] = {}
    for phrase, predicate in _phrases():
        for match in re.finditer(rf"(?<![a-z]){re.escape(phrase)}(?![a-z])", low):
            if predicate in among:
                spots.setdefault(match.start(), predicate)
            low = f"{low[: match.start()]}{'…' * len(match[0])}{low[match.end() :]}"
    return list(dict.fromkeys(spots[i] for i in sorted(spots)))


def _asked_predicate(pair: QAPair, asked: Asked, k: Known) -> tuple[str, bool]:
    """The predicate a yes-no question asks of (subject, object), and whether it is asked with "not"."""
    own = family_of(asked.predicate)
    names = [n.text for i in (asked.subject, asked.object) if (n := k.names.get(i))]
    found = predicates_in(pair.question, own.predicates, names) if own else []
    predicate = found[0] if len(found) == 1 else asked.predicate
    low = " ".join(pair.question.casefold().split())
    negated = bool(re.search(r"\b(not|isn't|aren't|isn’t|aren’t)\b", low))
    spots = {text: [m.start() for m in re.finditer(rf"(?<!\w){re.escape(text.casefold())}(?!\w)", low)] for text in names}
    if len(names) == 2 and all(len(spot) == 1 for spot in spots.values()) and spots[names[0]] > spots[names[1]]:
        predicate = inverse(predicate)
    return predicate, negated


# One check per family.


def _existence(pair: QAPair, asked: Asked, scene: Scene, k: Known) -> str | None:
    label = label_of(str((pair.facts.get("found") or {}).get("label") or asked.subject)).casefold()
    said, there = yes_no(pair.answer), label in k.names.groups
    if said is None:
        return _unread("Yes or No")
    if (there or label in k.unlisted) == (said == YES):
        return None
    if not there and label in k.unlisted:
        return f"The picture shows “{label}” that is not among the objects of the graph."
    return f"The graph has {'an object' if there else 'no object'} labelled “{label}”."


def _count(pair: QAPair, asked: Asked, scene: Scene, k: Known) -> str | None:
    label = label_of(str((pair.facts.get("found") or {}).get("label") or asked.subject)).casefold()
    digits = re.search(r"\d+", pair.answer)
    words = [w for w in re.findall(r"[a-z]+", pair.answer.casefold()) if w in _NUMBERS]
    if not digits and not words:
        return _unread("a number")
    said = int(digits[0][:9]) if digits else _NUMBERS.index(words[0])
    there = len(k.names.groups.get(label, ()))
    if label in k.unlisted and said > there:
        return None
    return None if said == there else f"The graph has {there} labelled “{label}”."


def _attribute(pair: QAPair, asked: Asked, scene: Scene, k: Known) -> str | None:
    own = [w.casefold() for w in attributes_of(k.objects[asked.subject])]
    listed = " and ".join(own) or "nothing of that kind"
    said_so = f"The graph says of {k.names.call(asked.subject)}: {listed}."
    if asked.form == "yes-no":
        word = plain(str((pair.facts.get("found") or {}).get("asked") or asked.predicate))
        said = yes_no(pair.answer)
        if said is None:
            return _unread("Yes or No")
        if said == YES:
            return None if word in own else said_so
        return None if word not in own and any(word in excluded(w) for w in own) else said_so
    words = [w for w in re.split(r",| and |&|/", plain(option_of(pair))) if w.strip()]
    return None if words and all(plain(w) in own for w in words) else said_so


def _position(pair: QAPair, asked: Asked, scene: Scene, k: Known) -> str | None:
    cell = cell_of(k.objects[asked.subject], scene)
    said = plain(option_of(pair)).replace("centre", "center").replace("middle", "center").replace("-", " ")
    said = " ".join(dict.fromkeys(said.split())) if said.startswith("center center") else said
    if said not in CELLS:
        return _unread(", ".join(CELLS))
    if cell is None:
        return f"The center of {k.names.call(asked.subject)} lies too close to a line of the grid to say."
    return None if said == cell else f"The graph says the center of {k.names.call(asked.subject)} is in the part “{cell}”."


def _related(pair: QAPair, asked: Asked, scene: Scene, k: Known, lookup: Lookup | None = None) -> str | None:
    by_name = asked.form not in ("yes-no", "cannot-tell")
    own = asked.predicate if by_name else getattr(family_of(asked.predicate), "name", "other")
    r = (lookup or k.decided)(asked.subject, asked.object, own, asked.frame)
    both = f"{k.names.call(asked.subject)} and {k.names.call(asked.object)}"
    undecided = f"The graph does not decide how {both} stand to each other."
    open_ = r is None or r.verdict == "undecided"
    if _CANNOT_TELL.search(pair.answer.casefold()):
        return None if open_ else f"The graph says {_statement(r, k)}."
    said = yes_no(pair.answer)
    if said is not None and asked.form != "choice":
        if open_:
            return undecided
        predicate, negated = _asked_predicate(pair, asked, k)
        now = truth(r, predicate)
        if now is None:
            return f"The graph says {_statement(r, k)}, which does not decide this."
        return None if (said == YES) == (now != negated) else f"The graph says {_statement(r, k)}."
    among = family(own).predicates if own in RELATION_FAMILIES else ()
    named = predicates_in(option_of(pair), among)
    if len(named) != 1:
        return _unread(" or ".join(pair.options) or "Yes or No")
    if open_:
        return undecided
    return None if truth(r, named[0]) else f"The graph says {_statement(r, k)}."


def _nearer(pair: QAPair, asked: Asked, scene: Scene, k: Known, lookup: Lookup | None = None) -> str | None:
    r = (lookup or k.decided)(asked.subject, asked.object, "depth", "camera")
    chosen = _chosen(pair, asked, k)
    if chosen is None:
        return _unread(f"{k.names.call(asked.subject)} or {k.names.call(asked.object)}")
    if r is None or r.verdict != "true" or r.predicate not in ("in front of", "behind"):
        return f"The graph does not say which of {k.names.call(asked.subject)} and {k.names.call(asked.object)} is nearer."
    nearest = asked.subject if r.predicate == "in front of" else asked.object
    expected = nearest if _asks_closer(pair, asked) else (asked.object if nearest == asked.subject else asked.subject)
    if chosen != expected:
        return f"The graph says {_statement(r, k)}."
    return _distances(pair, asked, scene, k) if lookup is None else None


def _distances(pair: QAPair, asked: Asked, scene: Scene, k: Known) -> str | None:
    """Lengths an answer states must be the scene's, within the range measured."""
    lengths = [float(v) for v in _LENGTH.findall(pair.answer)]
    if not lengths:
        return None
    if not scene.metric:
        return "The answer speaks of metres, but this picture's depth is relative."
    ranges = [scene.distances[i] for i in (asked.subject, asked.object) if i in scene.distances]
    for said in lengths:
        if not any(low - max(0.1 * said, 0.06) <= said <= high + max(0.1 * said, 0.06) for low, _, high in ranges):
            known_lengths = " and ".join(f"{finite(middle):.2f} m" for _, middle, _ in ranges) or "no distance"
            return f"The answer says {said:g} m; measured {known_lengths}."
    return None


def _chosen(pair: QAPair, asked: Asked, k: Known) -> str | None:
    """Which of the two an answer names; in a longer answer, the one named first."""
    said = plain(option_of(pair))
    spots: dict[str, tuple[int, int]] = {}
    for i in (asked.subject, asked.object):
        name = k.names.get(i)
        for text in {i, *([name.text] if name else ()), k.names.labels.get(i, "")} - {""}:
            match = re.search(rf"(?<!\w){re.escape(plain(text))}(?!\w)", said)
            if match:
                spot = (match.start(), -len(text))
                spots[i] = min(spots.get(i, spot), spot)
    if not spots:
        return None
    best = min(spots.values())
    winners = [i for i, spot in spots.items() if spot == best]
    return winners[0] if len(winners) == 1 else None


def _asks_closer(pair: QAPair, asked: Asked) -> bool:
    low = pair.question.casefold()
    near = bool(re.search(r"\b(closer|nearer|closest|nearest)\b", low))
    far = bool(re.search(r"\b(farther|further|farthest|furthest)\b", low))
    return near if near != far else asked.predicate == "closer"


def _depth_order(pair: QAPair, asked: Asked, scene: Scene, k: Known) -> str | None:
    order = order_of(k, asked.subject.split("+"))
    if not order:
        return "The graph no longer puts all of these in one order."
    said = _order_said(option_of(pair), asked, k)
    if said is None:
        return _unread("each of the objects once, nearest first")
    return None if said == order else f"The graph says, from near to far: {spoken(k, order)}."


def _order_said(answer: str, asked: Asked, k: Known) -> tuple[str, ...] | None:
    names = {plain(n.text): i for i in asked.subject.split("+") if (n := k.names.get(i))}
    low = plain(answer)
    spots: dict[str, int] = {}
    for text, i in sorted(names.items(), key=lambda item: -len(item[0])):
        match = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", low)
        if match is None:
            return None
        spots[i] = match.start()
        low = f"{low[: match.start()]}{'…' * len(match[0])}{low[match.end() :]}"
    return tuple(sorted(spots, key=lambda i: spots[i])) if len(spots) == len(asked.subject.split("+")) else None


def _statement(r: Relation | None, k: Known) -> str:
    if r is None:
        return "nothing about this pair"
    name = k.names.get(r.subject)
    be = (name.be if name else "is") + (" not" if r.verdict == "false" else "")
    side = f", seen from the {_SIDES[r.frame]} of the scene" if r.frame in _SIDES else ""
    return f"{k.names.call(r.subject)} {be} {read(r.predicate)} {k.names.call(r.object)}{side}"


def _unread(expected: str) -> str:
    return f"This answer can't be read; expected {expected}."


# Corrections.


def _implied_relation(pair: QAPair, asked: Asked, k: Known) -> Correction | None:
    by_name = asked.form not in ("yes-no", "cannot-tell")
    f = family(asked.predicate) if by_name and asked.predicate in RELATION_FAMILIES else family_of(asked.predicate)
    if f is None:
        return None
    said = yes_no(pair.answer)
    if said is not None and not by_name:
        predicate, negated = _asked_predicate(pair, asked, k)
        if (said == YES) != negated:
            verdict = "true"
        elif f.name in FLIPS and inverse(predicate) != predicate:
            predicate, verdict = inverse(predicate), "true"
        else:
            verdict = "false"
        return _in_stored_frame(asked, predicate, verdict)
    if _CANNOT_TELL.search(pair.answer.casefold()):
        r = k.stored(asked.subject, asked.object, f.name, asked.frame)
        return _in_stored_frame(asked, r.predicate, "undecided") if r else None
    named = predicates_in(option_of(pair), f.predicates)
    return _in_stored_frame(asked, named[0], "true") if len(named) == 1 else None


def _in_stored_frame(asked: Asked, predicate: str, verdict: str) -> Correction | None:
    """The correction where the graph keeps it; viewpoints are computed, so theirs goes to the camera's frame."""
    frame = asked.frame
    if frame in VIEWS:
        turned = turn_predicate(predicate, 4 - VIEWS[frame])  # type: ignore[index]
        if turned is None:
            return None
        predicate, frame = turned, "camera"
    return Correction(asked.subject, predicate, asked.object, frame, verdict)


def _implied_nearer(pair: QAPair, asked: Asked, new_answer: str, k: Known) -> Correction | None:
    if re.search(r"\b(same|equally|equal)\b", new_answer.casefold()):
        return Correction(asked.subject, "at the same depth", asked.object, "camera", "true")
    chosen = _chosen(pair.but(answer=new_answer), asked, k)
    if chosen is None:
        return None
    front = (chosen == asked.subject) == _asks_closer(pair, asked)
    r = k.decided(asked.subject, asked.object, "depth", "camera")
    if r and truth(r, "in front of" if front else "behind"):
        return None
    return Correction(asked.subject, "in front of" if front else "behind", asked.object, "camera", "true")


def _implied_order(asked: Asked, new_answer: str, k: Known) -> Correction | None:
    """The single neighbouring pair the new order exchanges; None when more than one relation would have to change."""
    said = _order_said(new_answer, asked, k)
    if said is None:
        return None
    off = []
    for n, a in enumerate(said):
        for b in said[n + 1 :]:
            r = k.decided(a, b, "depth", "camera")
            if r is None or not truth(r, "in front of"):
                off.append((a, b))
    neighbours = set(pairwise(said))
    if len(off) != 1 or off[0] not in neighbours:
        return None
    return Correction(off[0][0], "in front of", off[0][1], "camera", "true")
