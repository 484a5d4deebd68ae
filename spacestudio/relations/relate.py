"""Objects and measurements -> graph; corrections laid over it; the scene as seen from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Evidence, Frame, Relation, RelationTable, SpatialGraph, Verdict
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.relations import FAMILIES
from spacestudio.relations.family import Family, Pairs, joined, stacked

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
        wavers: (N, N) bool: would be decided otherwise under another assumption.
    """

    margin: NDArray[np.float64]
    sign: NDArray[np.int8]
    wavers: NDArray[np.bool_]


def judge(f: Family, variants: Sequence[Measurements], frame: Frame) -> dict[str, Judged]:
    """Each predicate of a family over all pairs of one picture; a verdict holds only if it holds under every assumption."""
    n = len(variants[0])
    a, b = _pairs_of(n)
    margin, sign, wavers = _decide(f, [Pairs(m, a, b) for m in variants], frame)
    sure = len(variants) == 1
    out = {}
    for k, (p, inverse) in enumerate(zip(f.predicates, f.inverse.tolist(), strict=True)):
        wavering = np.zeros((n, n), bool) if sure else _matrix(n, wavers[k] > 0, wavers[inverse] > 0)
        out[p] = Judged(_matrix(n, margin[k], margin[inverse]), _matrix(n, sign[k], sign[inverse]), wavering)
    return out


@cache
def _pairs_of(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Each unordered pair of n objects once, the earlier one first: the other way round a family says the inverse."""
    return np.triu_indices(n, 1)


@cache
def _cells_of(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where those pairs, and the reversed ones, lie in an (N, N) table."""
    a, b = _pairs_of(n)
    return a * n + b, b * n + a


def _matrix(n: int, forward: NDArray[Any], back: NDArray[Any]) -> NDArray[Any]:
    """(N, N) from the (P,) values of the pairs and of the reversed pairs; the diagonal is 0."""
    out = np.zeros(n * n, forward.dtype)
    there, reverse = _cells_of(n)
    out[there], out[reverse] = forward, back
    return out.reshape(n, n)


class _Decided(NamedTuple):
    """A family's K predicates over P pairs: margins as stated, verdicts that hold under every assumption.

    `wavers` (K, P): bit v says that assumption v alone would decide otherwise; there are 8 assumptions at most.
    """

    margin: NDArray[np.float64]
    sign: NDArray[np.int8]
    wavers: NDArray[np.uint8]


BLOCK = 16_384
"""Pairs judged at a time, so that what a rule looks at stays in the processor's cache."""


def _decide(f: Family, variants: Sequence[Pairs], frame: Frame) -> _Decided:
    shape = len(f.limits), len(variants[0])
    out = _Decided(np.empty(shape), np.empty(shape, np.int8), np.zeros(shape, np.uint8))
    with np.errstate(invalid="ignore", divide="ignore"):
        for start in range(0, shape[1], BLOCK):
            part = slice(start, start + BLOCK)
            own = [pairs[part] for pairs in variants] if shape[1] > BLOCK else variants
            _decide_part(f, own, frame, _Decided(out.margin[:, part], out.sign[:, part], out.wavers[:, part]))
    return out


def _decide_part(f: Family, variants: Sequence[Pairs], frame: Frame, out: _Decided) -> None:
    limits = f.limits[:, None]
    for v, pairs in enumerate(variants):
        margin = stacked(f, f.margins(pairs, frame), None if v else out.margin)
        np.nan_to_num(margin, copy=False, nan=0.0)
        true, false = margin >= limits, margin <= -limits
        if v == 0:
            np.subtract(true, false, out=out.sign, dtype=np.int8)
        else:
            np.bitwise_or(out.wavers, np.uint8(1 << v), out=out.wavers, where=(out.sign > 0) != true)
            np.bitwise_or(out.wavers, np.uint8(1 << v), out=out.wavers, where=(out.sign < 0) != false)
    if len(variants) > 1:
        np.copyto(out.sign, 0, where=out.wavers > 0)


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture to be related.

    Attributes:
        objects: N of them.
        variants: their measurements, see `geometry.measure`.
        scene, negative_objects: carried into the graph.
        assumptions: what every 3D relation rests on ("60° field of view"), noted in its evidence.
    """

    objects: tuple[SceneObject, ...]
    variants: tuple[Measurements, ...]
    scene: str = ""
    negative_objects: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def relate(
    objects: tuple[SceneObject, ...],
    variants: tuple[Measurements, ...],
    scene: str = "",
    negative_objects: Iterable[str] = (),
    assumptions: Iterable[str] = (),
) -> SpatialGraph:
    """The picture's own graph: one relation per ordered pair, family and frame; the arguments are those of `Shot`."""
    return relate_all([Shot(objects, variants, scene, tuple(negative_objects), tuple(assumptions))])[0]


def relate_all(shots: Sequence[Shot]) -> list[SpatialGraph]:
    """The graphs of many pictures, judged together: much faster than one by one where pictures hold few objects."""
    out: dict[int, SpatialGraph] = {}
    groups: dict[tuple[int, bool, bool], list[int]] = {}
    for k, shot in enumerate(shots):
        if len(shot.objects) < 2:
            out[k] = SpatialGraph.of(shot.objects, (), shot.scene, shot.negative_objects)
        else:
            stated = shot.variants[0]
            groups.setdefault((len(shot.variants), stated.has_depth, stated.metric), []).append(k)
    for chosen in groups.values():
        own = [shots[k] for k in chosen]
        for k, table in zip(chosen, _related(own), strict=True):
            out[k] = SpatialGraph(shots[k].objects, table, shots[k].scene, shots[k].negative_objects)
    return [out[k] for k in range(len(shots))]


def _related(shots: Sequence[Shot]) -> list[RelationTable]:
    """The relations of pictures that have as many assumptions each, and either all or none depth."""
    batch = _Batch.of(shots)
    stated = shots[0].variants[0]
    tables: list[_Rows] = []
    for f in map(family, FAMILIES):
        for frame in f.frames:
            if stated.has_depth or not (f.needs_depth or frame != "image"):
                tables.append(_stored(f, frame, batch))
    return batch.split(tables)


@dataclass(frozen=True, eq=False)
class _Batch:
    """All pairs of some pictures, measured under each assumption, and how their relations are put in order.

    Attributes:
        variants: the pairs under each assumption, earlier object first.
        subject, object: (2P,) places within the picture, of the pairs and then of the reversed pairs.
        picture: (2P,) which one.
        order: (2P,) the same by picture, subject and object.
        notes: for each picture what its 3D relations rest on.
        assumed: what each assumption varies.
    """

    variants: tuple[Pairs, ...]
    subject: NDArray[np.int32]
    object: NDArray[np.int32]
    picture: NDArray[np.intp]
    order: NDArray[np.intp]
    notes: tuple[Mapping[str, Any], ...]
    assumed: tuple[str, ...]

    @classmethod
    def of(cls, shots: Sequence[Shot], turns: int = 0) -> _Batch:
        counts = np.array([len(s.objects) for s in shots])
        own = [_pairs_of(n) for n in counts.tolist()]
        sizes = [len(a) for a, _ in own]
        picture = np.repeat(np.arange(len(shots)), sizes)
        a, b = (np.concatenate([pair[k] for pair in own]) for k in (0, 1))
        offset = np.repeat(np.cumsum(counts) - counts, sizes)
        touch, touched = (
            np.concatenate([s.variants[0].contact[pair[k], pair[1 - k]] for s, pair in zip(shots, own, strict=True)])
            for k in (0, 1)
        )
        variants = []
        for v in range(len(shots[0].variants)):
            m = joined([s.variants[v] for s in shots]).turned(turns)
            variants.append(Pairs(m, offset + a, offset + b, touch, touched))
        subject, object_ = np.concatenate((a, b)), np.concatenate((b, a))
        pictures = np.concatenate((picture, picture))
        order = np.lexsort((object_, subject, pictures))
        notes = tuple({"assumed": list(s.assumptions)} if s.assumptions else {} for s in shots)
        about = tuple(m.assumption.about for m in shots[0].variants)
        return cls(tuple(variants), subject.astype(np.int32), object_.astype(np.int32), pictures, order, notes, about)

    def because(self, wavers: int) -> str:
        """Which assumptions a verdict would change with."""
        about = dict.fromkeys(name for v, name in enumerate(self.assumed) if wavers >> v & 1)
        return f"the verdict changes with the assumed {' and '.join(name or 'measurement' for name in about)}"

    def split(self, tables: Sequence[_Rows]) -> list[RelationTable]:
        """The tables' rows, picture by picture."""
        if len(self.notes) == 1:
            return [RelationTable.joined([t.table for t in tables])]
        whole = RelationTable.joined([t.table for t in tables])
        picture = np.concatenate([t.picture for t in tables])
        by_picture = np.argsort(picture, kind="stable")
        ends = np.searchsorted(picture[by_picture], np.arange(len(self.notes) + 1))
        return [whole[by_picture[start:stop]] for start, stop in pairwise(ends.tolist())]


class _Rows(NamedTuple):
    """Relations of one family in one frame, and the picture each is of."""

    table: RelationTable
    picture: NDArray[np.intp]


def _stored(f: Family, frame: Frame, batch: _Batch) -> _Rows:
    """What one family contributes in one frame: of each pair one relation, and its inverse of the reversed pair."""
    pairs = len(batch.variants[0])
    margin, sign, wavers = _decide(f, batch.variants, frame)
    strongest = (margin / f.limits[:, None]).argmax(0)
    holds = sign > 0
    pick = np.where(holds.any(0), holds.argmax(0), strongest) if f.choose == "first" else strongest
    each = np.arange(pairs)
    rows = batch.order
    if not f.stores_false:
        kept = np.asarray((sign >= 0).any(0))
        rows = rows[kept[rows % pairs]]
    pair = rows % pairs
    predicate = np.where(rows < pairs, pick[pair], f.inverse[pick[pair]])
    chosen = sign[pick, each][pair]
    picture = batch.picture[rows]
    table = RelationTable(
        batch.subject[rows],
        batch.object[rows],
        np.array(f.predicates)[predicate],
        np.full(len(rows), f.name),
        np.full(len(rows), frame),
        margin[pick, each][pair],
        f.limits[predicate],
        _VERDICTS[chosen],
        np.full(len(rows), "geometry"),
        _evidence(f, frame, batch, picture, wavers[pick, each][pair], pair),
    )
    return _Rows(table, picture)


_VERDICTS = np.array(["undecided", "true", "false"])
"""By sign: 0, 1, -1."""


def _evidence(
    f: Family, frame: Frame, batch: _Batch, picture: NDArray[np.intp], wavers: NDArray[np.uint8], pair: NDArray[np.intp]
) -> Evidence:
    """What else each row rests on: its picture's assumptions, which of them it wavers with, and its length in metres."""
    pictures = len(batch.notes)
    found, kind = np.unique(wavers.astype(np.int64) * pictures + picture, return_inverse=True)
    kinds: list[Mapping[str, Any]] = []
    for code in found.tolist():
        wavering, which = divmod(code, pictures)
        notes = batch.notes[which] if frame != "image" or wavering else {}
        kinds.append({**notes, "undecided_because": batch.because(wavering)} if wavering else notes)
    metres = np.full(len(picture), np.nan)
    if f.length is not None and batch.variants[0].metric:
        metres = f.length(batch.variants[0])[pair]
    return Evidence(tuple(kinds), kind.astype(np.int32), metres)


def with_pins(graph: SpatialGraph, pins: Pins) -> SpatialGraph:
    """The graph with the person's corrections laid over what was measured.

    A corrected relation keeps what geometry says now in its evidence: `measured` (predicate, margin, verdict) and
    `pin`: "agrees", "overrules", or "stale" when the measurement changed since the correction was made.
    """
    said: dict[Key, Relation] = {}
    for (subject, object_, family_name, frame), pin in pins.items():
        if subject not in graph or object_ not in graph:
            continue
        for relation in _both_ways(subject, object_, family_name, frame, pin):
            said[relation.key] = _overruled(graph.by_key.get(relation.key), relation, pin)
    return graph.with_relations(said.values())


def _both_ways(subject: str, object_: str, family_name: str, frame: str, pin: Mapping[str, Any]) -> list[Relation]:
    """The correction as the person (or a model, undecided) said it, marked so, and the same of the reversed pair."""
    said = Relation(
        subject, pin["predicate"], object_, family_name, frame,  # type: ignore[arg-type]
        verdict=pin["verdict"], origin=pin.get("origin", "person"), evidence={"said": True},
    )  # fmt: skip
    inverse = inverse_of(said.predicate)
    if inverse is None:
        return [said]
    return [said, replace(said, subject=object_, object=subject, predicate=inverse, evidence={})]


def _overruled(measured: Relation | None, pinned: Relation, pin: Mapping[str, Any]) -> Relation:
    now = {"predicate": measured.predicate, "margin": measured.margin, "verdict": measured.verdict} if measured else None
    margin, threshold = (measured.margin, measured.threshold) if measured else (0.0, 0.0)
    agrees = measured is not None and (measured.predicate, measured.verdict) == (pinned.predicate, pinned.verdict)
    if measured and measured.predicate != pinned.predicate:
        margin = -margin if inverse_of(measured.predicate) == pinned.predicate else 0.0
    then = pin.get("measured")
    if now and then:
        changed = (
            then["verdict"] != now["verdict"]
            or abs(then["margin"]) - abs(measured.margin) > max(threshold, 1e-9)  # type: ignore[union-attr]
            or not _same_fact(then["predicate"], now["predicate"])  # type: ignore[arg-type]
        )
    else:  # something was measured then and nothing is now, or the other way round
        changed = "measured" in pin and bool(now) != bool(then)
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
        pinned.origin,
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
    return corrected_view(view, measured_view(view, objects, variants), graph)


def measured_view(view: Frame, objects: tuple[SceneObject, ...], variants: tuple[Measurements, ...]) -> SpatialGraph:
    """Direction and depth as seen from there, before a person's corrections; no relations without depth."""
    if len(objects) < 2 or not variants[0].has_depth:
        return SpatialGraph.of(objects)
    batch = _Batch.of([Shot(objects, variants)], VIEWS[view])
    return SpatialGraph(
        objects, RelationTable.joined([_stored(family(name), view, batch).table for name in ("direction", "depth")])
    )


def corrected_view(view: Frame, measured: SpatialGraph, graph: SpatialGraph) -> tuple[Relation, ...]:
    """What `measured_view` gives, with the person's corrections in `graph` turned along."""
    said = [r for r in graph if r.origin == "person"]
    if not said:
        return measured.relations
    seen = dict(measured.by_key)
    for r in said:
        if (mapped := turn_predicate(r.predicate, VIEWS[view])) and r.verdict != "undecided":
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
