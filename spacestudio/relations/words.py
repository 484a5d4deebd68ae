"""Relations in plain words: the reason behind a verdict, and the free text of SKG files read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spacestudio.domain.graph import Relation
from spacestudio.relations.relate import family_of, inverse_of

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


def _measured(r: Relation, s: str, o: str) -> str:
    m, t = r.margin, r.threshold
    match r.family:
        case "direction":
            of = "the picture" if r.frame == "image" else "their distance"
            return f"The centres lie {_percent(m)} of {of} apart, {r.predicate} needs {_percent(t)}."
        case "topology":
            return f"Margin {_percent(m)} of the picture, {r.predicate} needs {_percent(t)}."
        case "scale":
            return f"The {s} measures {2.718281828 ** abs(m):.2f} times as much or as little, 1.10 is needed."
        case "depth":
            return (
                f"Their distances differ by {_percent(m)} of the mean, {_percent(t)} is needed."
                if "same" not in r.predicate
                else (f"Their distances differ by {_percent(max(0.0, 0.0375 - m))} of the mean, at most 2.5 % is allowed.")
            )
        case "distance":
            return f"Gap against their own size: margin {m:+.2f}, {r.predicate} needs {t:.2f}."
        case "support":
            return f"The lower rim touches with {max(0.0, m + 0.4) * 100:.0f} % of its length, 55 % is needed."
        case _:
            return f"The {s} is {read(r.predicate)} the {o}."


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
