"""Objects and measurements -> graph; corrections laid over it; the scene as seen from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Frame, Relation, RelationTable, SpatialGraph, Verdict
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import Measurements
from spacestudio.relations import FAMILIES
from spacestudio.relations.family import Family

VIEWS: Mapping[Frame, int] = {"left": 1, "back": 2, "right": 3}
"""Viewpoint -> quarter turns from the camera."""

Key = tuple[str, str, str, str]
Pins = Mapping[Key, Mapping[str, Any]]


@cache
def family(name: str) -> Family:
    """The family of that name."""
    loaded: Family = FAMILIES.load(name)
    return loaded


@cache
def family_of(predicate: str) -> Family | None:
    """The family a predicate belongs to; None for a person's own words."""
    return next((f for f in map(family, FAMILIES) if predicate in f.thresholds), None)


def inverse_of(predicate: str) -> str | None:
    """The predicate that says the same of the reversed pair; None for a person's own words."""
    f = family_of(predicate)
    return f.inverses[predicate] if f else None


@dataclass(frozen=True, eq=False)
class Judged:
    """One predicate over all ordered pairs.

    Attributes:
        margin: (N, N) under the stated assumption.
        sign: (N, N) int8: 1 true, -1 false, 0 undecided.
        wavers: (N, N) bool: would be decided otherwise under another far/near ratio.
    """

    margin: NDArray[np.float64]
    sign: NDArray[np.int8]
    wavers: NDArray[np.bool_]


def judge(f: Family, variants: tuple[Measurements, ...], frame: Frame) -> dict[str, Judged]:
    """Each predicate of a family over all pairs; a verdict holds only if it holds under every assumption."""
    with np.errstate(invalid="ignore"):
        margins = [f.margins(m, frame) for m in variants]
        out = {}
        for predicate, threshold in f.thresholds.items():
            signs = []
            for m in margins:
                value = np.nan_to_num(m[predicate], nan=0.0)
                signs.append((value >= threshold).astype(np.int8) - (value <= -threshold).astype(np.int8))
            agreed = np.logical_and.reduce([s == signs[0] for s in signs])
            out[predicate] = Judged(
                np.nan_to_num(margins[0][predicate], nan=0.0), np.where(agreed, signs[0], 0).astype(np.int8), ~agreed
            )
    return out


def relate(
    objects: tuple[SceneObject, ...],
    variants: tuple[Measurements, ...],
    scene: str = "",
    negative_objects: Iterable[str] = (),
    assumptions: Iterable[str] = (),
) -> SpatialGraph:
    """The picture's own graph: one relation per ordered pair, family and frame.

    Args:
        objects: N of them.
        variants: their measurements, see `geometry.measure`.
        scene, negative_objects: carried into the graph.
        assumptions: what every 3D relation rests on ("camera: 60° assumed"), noted in its evidence.
    """
    tables: list[RelationTable] = []
    has_depth = bool(len(objects)) and bool(np.isfinite(variants[0].z).any())
    notes: dict[str, Any] = {"assumed": list(assumptions)} if list(assumptions) else {}
    wavering = notes | {"undecided_because": "the verdict changes with the assumed far/near ratio"}
    for f in map(family, FAMILIES):
        for frame in f.frames:
            if has_depth or not (f.needs_depth or frame != "image"):
                tables.append(_stored(f, frame, variants, notes if frame != "image" else {}, wavering))
    if not tables or len(objects) < 2:
        return SpatialGraph.of(objects, (), scene, negative_objects)
    return SpatialGraph(tuple(objects), RelationTable.joined(tables), scene, tuple(negative_objects))


def _stored(
    f: Family, frame: Frame, variants: tuple[Measurements, ...], notes: Mapping[str, Any], wavering: Mapping[str, Any]
) -> RelationTable:
    """What one family contributes in one frame."""
    judged = judge(f, variants, frame)
    names = np.array(f.predicates)
    limits = np.array(list(f.thresholds.values()))
    margin = np.stack([j.margin for j in judged.values()])
    sign = np.stack([j.sign for j in judged.values()])
    wavers = np.stack([j.wavers for j in judged.values()])
    strongest = (margin / limits[:, None, None]).argmax(0)
    holds = sign > 0
    pick = np.where(holds.any(0), holds.argmax(0), strongest) if f.choose == "first" else strongest
    n = len(variants[0])
    keep = ~np.eye(n, dtype=bool)
    inverse = np.array([f.predicates.index(f.inverses[name]) for name in f.predicates])
    pick = np.where(np.triu(keep), pick, inverse[pick.T])  # the reversed pair says the inverse, on ties too
    if not f.stores_false:
        keep &= ~(sign < 0).all(0)
    s, o = np.nonzero(keep)
    p = pick[s, o]
    chosen = sign[p, s, o]
    verdict = np.array(["undecided", "true", "false"])[np.where(chosen < 0, 2, chosen)]
    evidence = tuple(wavering if shaky else notes for shaky in wavers[p, s, o].tolist())
    return RelationTable(
        s.astype(np.int32),
        o.astype(np.int32),
        names[p],
        np.full(len(s), f.name),
        np.full(len(s), frame),
        margin[p, s, o],
        limits[p],
        verdict,
        np.full(len(s), "geometry"),
        evidence,
    )


def with_pins(graph: SpatialGraph, pins: Pins) -> SpatialGraph:
    """The graph with the person's corrections laid over what was measured.

    A corrected relation keeps what geometry says now in its evidence: `measured` (predicate, margin, verdict) and
    `pin`: "agrees", "overrules", or "stale" when the measurement changed since the correction was made.
    """
    if not pins:
        return graph
    rows = {r.key: r for r in graph}
    for (subject, object_, family_name, frame), pin in pins.items():
        if subject not in graph or object_ not in graph:
            continue
        for relation in _both_ways(subject, object_, family_name, frame, pin):
            rows[relation.key] = _overruled(rows.get(relation.key), relation, pin.get("measured"))
    return graph.but(relations=rows.values())


def _both_ways(subject: str, object_: str, family_name: str, frame: str, pin: Mapping[str, Any]) -> list[Relation]:
    """The correction as the person said it, marked so, and the same of the reversed pair."""
    said = Relation(
        subject, pin["predicate"], object_, family_name, frame,  # type: ignore[arg-type]
        verdict=pin["verdict"], origin="person", evidence={"said": True},
    )  # fmt: skip
    inverse = inverse_of(said.predicate)
    if inverse is None:
        return [said]
    return [said, replace(said, subject=object_, object=subject, predicate=inverse, evidence={})]


def _overruled(measured: Relation | None, pinned: Relation, then: Mapping[str, Any] | None) -> Relation:
    now = {"predicate": measured.predicate, "margin": measured.margin, "verdict": measured.verdict} if measured else None
    margin, threshold = (measured.margin, measured.threshold) if measured else (0.0, 0.0)
    agrees = measured is not None and (measured.predicate, measured.verdict) == (pinned.predicate, pinned.verdict)
    if measured and measured.predicate != pinned.predicate:
        margin = -margin if inverse_of(measured.predicate) == pinned.predicate else 0.0
    changed = bool(now and then) and (
        then["verdict"] != now["verdict"]  # type: ignore[index]
        or abs(then["margin"]) - abs(now["margin"]) > max(threshold, 1e-9)  # type: ignore[index, arg-type, operator]
        or not _same_fact(then["predicate"], now["predicate"])  # type: ignore[index, arg-type]
    )
    state = "agrees" if agrees else "stale" if changed else "overrules"
    evidence = {"measured": now, "pin": state, **pinned.evidence}
    return Relation(
        pinned.subject,
        pinned.predicate,
        pinned.object,
        pinned.family,
        pinned.frame,
        margin,
        threshold,
        pinned.verdict,
        "person",
        evidence,
    )


def _same_fact(then: str, now: str) -> bool:
    """Whether a stored predicate is the same one, allowing for the reversed pair."""
    return now in (then, inverse_of(then))


def seen_from(
    view: Frame, objects: tuple[SceneObject, ...], variants: tuple[Measurements, ...], graph: SpatialGraph
) -> tuple[Relation, ...]:
    """Direction and depth as seen from the left, right or back of the scene, computed by turning the cloud.

    The person's corrections turn with it: what is in front of the other stands on the right of it from the left side.
    """
    turned = tuple(m.turned(VIEWS[view]) for m in variants)
    if not objects or not np.isfinite(turned[0].z).any():
        return ()
    table = RelationTable.joined([_stored(family(name), view, turned, {}, {}) for name in ("direction", "depth")])
    seen = {r.key: r for r in SpatialGraph(objects, table)}
    for r in graph:
        if r.origin == "person" and (mapped := turn_predicate(r.predicate, VIEWS[view])) and r.verdict != "undecided":
            f = family_of(mapped)
            assert f is not None
            key = (r.subject, r.object, f.name, view)
            if key in seen and r.frame in ("image", "camera"):
                seen[key] = Relation(r.subject, mapped, r.object, f.name, view, verdict=r.verdict, origin="person")
    return tuple(seen.values())


_LEFT_VIEW = {"left of": "in front of", "right of": "behind", "in front of": "right of", "behind": "left of"}


def turn_predicate(predicate: str, quarter_turns: int) -> str | None:
    """What a horizontal relation becomes after quarter turns to the left side; None for others (SEEDS 1.3(d)).

    From the left side l' = -f and f' = l: what was in front is on the right, what was on the left is in front.
    """
    if predicate not in _LEFT_VIEW:
        return None
    for _ in range(quarter_turns % 4):
        predicate = _LEFT_VIEW[predicate]
    return predicate


def verdict_of(sign: int) -> Verdict:
    """1, -1, 0 to true, false, undecided."""
    return "true" if sign > 0 else "false" if sign < 0 else "undecided"
