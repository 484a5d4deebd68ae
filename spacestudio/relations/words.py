"""Relations in plain words: the reason behind a verdict, and the free text of SKG files read and written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from spacestudio.domain.graph import Relation
from spacestudio.relations.distance import BAND, FAR, NEAR
from spacestudio.relations.family import UNTOLD
from spacestudio.relations.relate import family_of, inverse_of
from spacestudio.relations.support import CONTACT

SYNONYMS: Mapping[str, str] = {
    "left": "left of",
    "on the left of": "left of",
    "to the left of": "left of",
    "on the left side of": "left of",
    "right": "right of",
    "on the right of": "right of",
    "to the right of": "right of",
    "on the right side of": "right of",
    "over": "above",
    "beneath": "below",
    "front": "in front of",
    "before": "in front of",
    "at the back of": "behind",
    "on top of": "on",
    "upon": "on",
    "sitting on": "on",
    "standing on": "on",
    "underneath": "under",
    "in": "inside",
    "within": "inside",
    "around": "surrounding",
    "separated from": "separated",
    "close": "near",
    "close to": "near",
    "nearby": "near",
    "next to": "beside",
    "by": "beside",
    "far from": "far",
    "far away": "far",
    "far away from": "far",
    "at the same depth as": "at the same depth",
    "larger than": "larger",
    "bigger": "larger",
    "bigger than": "larger",
    "smaller than": "smaller",
    "wider than": "wider",
    "narrower than": "narrower",
    "taller than": "taller",
    "shorter than": "shorter",
}
"""Free text of published graphs (SKG2Data and SR4G vocabularies) -> our predicate."""


def parse_phrase(text: str) -> tuple[str, ...]:
    """Predicates in a phrase such as "on the left of, near"; unknown parts come back as they are.

    >>> parse_phrase("on the left of, near")
    ('left of', 'near')
    >>> parse_phrase("in front of and to the lower left of")
    ('in front of', 'left of', 'below')
    """
    parts = [re.sub(r"\s+", " ", part).strip() for part in text.split(",")]
    return tuple(predicate for part in parts if part for predicate in _predicates(part))


_CORNER = re.compile(r"(?:(?:to|on|at) )?(?:the )?(upper|top|lower|bottom)[ -]?(left|right)(?: side)?(?: of)?")


def _predicates(part: str) -> tuple[str, ...]:
    """What a part without commas says: one predicate, several joined by "and" if all are known, or its own words."""
    known = [_known(piece) for piece in part.lower().split(" and ")]
    return tuple(predicate for piece in known for predicate in piece) if all(known) else (part,)


def _known(piece: str) -> tuple[str, ...]:
    """The predicates of words that need no "and"; empty for unknown words."""
    if corner := _CORNER.fullmatch(piece):
        return f"{corner[2]} of", "above" if corner[1] in ("upper", "top") else "below"
    for words in (piece, f"{piece} of"):
        if words in SYNONYMS or family_of(words):
            return (SYNONYMS.get(words, words),)
    return ()


def to_phrase(predicate: str) -> str:
    """The SKG2Data wording of one of our predicates: "left of" -> "on the left of"."""
    return {"left of": "on the left of", "right of": "on the right of", "far": "far from"}.get(predicate, predicate)


_READ = {"far": "far from", "at the same depth": "at the same depth as", "separated": "separated from"} | {
    word: f"{word} than" for word in ("larger", "smaller", "wider", "narrower", "taller", "shorter")
}


def read(predicate: str) -> str:
    """The predicate as it reads between two nouns: "larger" -> "larger than"."""
    return _READ.get(predicate, predicate)


_SIDED = {"left of": "to the left of", "right of": "to the right of"}


def sided(predicate: str) -> str:
    """As `read`, with the sides in full: "left of" -> "to the left of", as captions and prompts have it."""
    return _SIDED.get(predicate, read(predicate))


def reason(relation: Relation, names: Mapping[str, str]) -> str:
    """One sentence: why this verdict. `names` maps ids to what to call the objects."""
    s, o = names.get(relation.subject, relation.subject), names.get(relation.object, relation.object)
    if relation.origin == "person":
        return _person(relation, s, o)
    if relation.origin == "model":
        return f"A model says so: the {s} is {read(relation.predicate)} the {o}."
    text = _measured(relation, s, o)
    if relation.verdict == "undecided":
        text += f" Undecided: {relation.evidence.get('undecided_because', 'within the margin')}."
    if assumed := relation.evidence.get("assumed"):
        text += f" Assumed: {'; '.join(assumed)}."
    return text


def _person(relation: Relation, s: str, o: str) -> str:
    measured, pin = relation.evidence.get("measured"), relation.evidence.get("pin")
    holds = {"true": "is", "false": "is not", "undecided": "may or may not be"}[relation.verdict]
    text = f"Set by a person: the {s} {holds} {read(relation.predicate)} the {o}."
    if measured and pin == "agrees":
        return text + " The measurement agrees."
    if measured:
        found = "undecided" if measured["verdict"] == "undecided" else measured["predicate"]
        text += f" Measured: {found}."
    if pin == "stale":
        text += " Stale: the measurement has changed since; confirm or release it."
    return text


_SIDES = {"left of": "left", "right of": "right", "above": "above", "below": "below"}
_SIZES = {"larger": "large", "smaller": "large", "wider": "wide", "narrower": "wide", "taller": "tall", "shorter": "tall"}


def _measured(r: Relation, s: str, o: str) -> str:
    """What was measured, in words that carry the margin's sign, and what the predicate needs."""
    m, t = r.margin, r.threshold
    match r.family:
        case "direction" | "depth" if t and math.isclose(abs(m), UNTOLD * t):  # cut there by the rule, see `clipped`
            return (
                "One box lies inside the other, so neither has a direction from it."
                if r.family == "direction"
                else "Their ranges of depth overlap too much to order them."
            )
        case "direction":
            side = _SIDES[r.predicate if m >= 0 else inverse_of(r.predicate) or r.predicate]
            where = f"to the {side} of" if side in ("left", "right") else side
            of = f"the picture's {'width' if side in ('left', 'right') else 'height'}" if r.frame == "image" else _DISTANCE
            return f"The centre of the {s} is {_percent(m)} of {of} {where} that of the {o}; {_percent(t)} is needed."
        case "topology":
            return f"{_inset(r)} {_percent(m)} of the picture's side; {r.predicate} needs {_percent(t)}."
        case "scale":
            more = (m >= 0) == (r.predicate in ("larger", "wider", "taller"))
            one, other = (s, o) if more else (o, s)
            return f"The {one} is {math.exp(abs(m)):.2f} times as {_SIZES[r.predicate]} as the {other}; 1.10 is needed."
        case "depth" if "same" in r.predicate:
            return f"They differ by {_percent(max(0.0, 0.0375 - m))} of {_DISTANCE}; at most 2.5 % is allowed."
        case "depth":
            nearer = "nearer" if (m >= 0) == (r.predicate == "in front of") else "farther"
            return f"The {s} is {nearer} than the {o} by {_percent(m)} of {_DISTANCE}; {_percent(t)} is needed."
        case "distance":
            return _gap(r)
        case "support" if m <= -CONTACT:
            upper, lower = (s, o) if r.predicate == "on" else (o, s)
            return (
                f"The {upper} does not touch the {lower} from above, is elsewhere in depth, or stands on the floor itself."
            )
        case "support":
            upper, lower = (s, o) if r.predicate == "on" else (o, s)
            share, needed = round((m + CONTACT) * 100), round((t + CONTACT) * 100)
            return f"The {upper}'s lower rim touches the {lower} over {share} % of its length; {needed} % is needed."
        case _:
            return f"The {s} is {read(r.predicate)} the {o}."


_DISTANCE = "their mean distance from the camera"


def _gap(r: Relation) -> str:
    """The gap over the pair's mean size, told from the margin, and in metres where it is known."""
    metres = r.evidence.get("metres")
    told = f"The gap between them is {metres:.2f} m: " if metres is not None else "The gap between them is "
    if r.predicate == "beside" and r.margin < r.threshold:
        return f"{told}not small beside their size, or not mostly sideways (margin {r.margin:+.2f})."
    gap = r.margin + FAR if r.predicate == "far" else NEAR - r.margin
    needed = f"at least {FAR + BAND:.2f}" if r.predicate == "far" else f"at most {NEAR - BAND:.2f}"
    return f"{told}{max(0.0, gap):.2f} times their mean size; {needed} is needed."


def _inset(r: Relation) -> str:
    """What a topology margin measures, in words that carry its sign."""
    if r.predicate in ("inside", "surrounding"):
        return "The boxes are nested by" if r.margin >= 0 else "One box sticks out of the other by"
    together = (r.margin >= 0) == (r.predicate == "overlapping")
    return "The boxes share a strip of" if together else "The boxes are apart by"


def _percent(share: float) -> str:
    return f"{abs(share) * 100:.1f} %"


def statement(relation: Relation, names: Mapping[str, str]) -> str:
    """ "cup is left of plate", with "is not" for a false one."""
    s, o = names.get(relation.subject, relation.subject), names.get(relation.object, relation.object)
    holds = {"true": "is", "false": "is not", "undecided": "may be"}[relation.verdict]
    return f"{s} {holds} {read(relation.predicate)} {o}"


def reversed_relation(relation: Relation) -> Relation | None:
    """The same fact with subject and object exchanged; None for a person's own words."""
    inverse = inverse_of(relation.predicate)
    if inverse is None:
        return None
    return Relation(
        relation.object,
        inverse,
        relation.subject,
        relation.family,
        relation.frame,
        relation.margin,
        relation.threshold,
        relation.verdict,
        relation.origin,
        relation.evidence,
    )
