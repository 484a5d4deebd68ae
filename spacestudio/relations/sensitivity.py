"""How a 3D verdict depends on what was assumed: its margin and verdict under each assumption alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spacestudio.domain.graph import Relation, Verdict
from spacestudio.domain.measurements import Assumption, Measurements
from spacestudio.relations.relate import VIEWS, family_of, judge, verdict_of


@dataclass(frozen=True)
class Held:
    """What one assumption alone would say of a relation."""

    assumption: Assumption
    margin: float
    verdict: Verdict


def sensitivity(r: Relation, places: Mapping[str, int], variants: Sequence[Measurements]) -> tuple[Held, ...]:
    """The measured verdict of a relation's own predicate under each assumption, the stated one first.

    Args:
        places: object id -> row of the measurements.
        variants: of the picture.

    Empty for what rests on no assumption: a relation in the picture's plane, one no rule measures, or one whose depth and
    camera were both given.
    """
    f = family_of(r.predicate)
    known = r.subject in places and r.object in places
    if f is None or r.frame == "image" or len(variants) < 2 or not known or not variants[0].has_depth:
        return ()
    out = []
    for m in variants:
        judged = judge(f, (m.turned(VIEWS[r.frame]) if r.frame in VIEWS else m,), r.frame)[r.predicate]
        row, column = places[r.subject], places[r.object]
        out.append(Held(m.assumption, float(judged.margin[row, column]), verdict_of(int(judged.sign[row, column]))))
    return tuple(out)


def in_words(found: Sequence[Held]) -> str:
    """One sentence: what other assumptions would say; "" where there are none."""
    if not found:
        return ""
    if len({(h.verdict, f"{h.margin:+.3f}") for h in found}) == 1:
        told = ", ".join(h.assumption.words for h in found)
        return f"It is {found[0].verdict} ({found[0].margin:+.3f}) whatever was assumed: {told}."
    if all(h.verdict == found[0].verdict for h in found):
        return f"It is {found[0].verdict} under each assumption tried: {_each(found)}."
    return f"It depends on what is assumed: {_each(found)}."


def _each(found: Sequence[Held]) -> str:
    return ", ".join(f"{h.verdict} ({h.margin:+.3f}) at {h.assumption.words}" for h in found)
