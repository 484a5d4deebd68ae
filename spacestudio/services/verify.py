"""Does this picture show what was asked? A verdict with numbers for each relation."""

from __future__ import annotations

from dataclasses import replace

from spacestudio.domain.graph import Relation, SpatialGraph, Verdict
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import Measurements
from spacestudio.relations.relate import family_of, judge, verdict_of

MIN_VISIBLE = 0.4
"""Under this visible share nothing is decided about an object (DESIGN 3)."""


def verify(asked: SpatialGraph, shown: SpatialGraph, variants: tuple[Measurements, ...]) -> tuple[Relation, ...]:
    """Each relation of `asked` with its verdict in the picture whose graph and measurements are given.

    Objects are matched by id. A missing object makes the relation false; one visible by less than 40 %, or a
    predicate no rule measures, leaves it undecided. A person's correction of the picture's graph counts as the picture.
    """
    places = {o.id: i for i, o in enumerate(shown.objects)}
    corrected = {(r.subject, r.predicate, r.object): r for r in shown if r.origin == "person"}
    out = []
    for r in asked:
        missing = [asked[i].name for i in (r.subject, r.object) if i not in places]
        if missing:
            out.append(_with(r, "false", why=f"{' and '.join(missing)} not in the picture"))
        elif (pin := corrected.get(r.triple)) is not None:
            out.append(replace(r, verdict=pin.verdict, margin=pin.margin, threshold=pin.threshold, evidence=pin.evidence))
        elif hidden := [o.name for o in (shown[r.subject], shown[r.object]) if _visible(o) < MIN_VISIBLE]:
            out.append(_with(r, "undecided", why=f"{' and '.join(hidden)} mostly hidden"))
        else:
            out.append(_measured(r, places, variants))
    return tuple(out)


def _visible(o: SceneObject) -> float:
    """Share of a rendered object that stayed visible; 1 for others."""
    return o.score if o.origin == "render" else 1.0


def _measured(r: Relation, places: dict[str, int], variants: tuple[Measurements, ...]) -> Relation:
    f = family_of(r.predicate)
    if f is None:
        return _with(r, "undecided", why="no rule measures this predicate")
    frame = r.frame if r.frame in f.frames else f.frames[0]
    judged = judge(f, variants, frame)[r.predicate]
    i, j = places[r.subject], places[r.object]
    sign = int(judged.sign[i, j])
    verdict = verdict_of(sign if r.verdict != "false" else -sign)
    return replace(
        r, margin=float(judged.margin[i, j]), threshold=f.thresholds[r.predicate], verdict=verdict, origin="geometry"
    )


def _with(r: Relation, verdict: Verdict, why: str) -> Relation:
    return replace(
        r,
        verdict=verdict,
        origin="geometry",
        evidence={"undecided_because": why} if verdict == "undecided" else {"because": why},
    )  # type: ignore[arg-type]
