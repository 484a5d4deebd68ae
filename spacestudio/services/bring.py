"""A sample read from a folder -> events in this store.

The log counts as far as it goes. What the other files say beyond it is caught up with: events are appended until the state
says what the sample says. Their authors and times are lost, and so are what no file but the log holds: boxes, order and
prompts of a wish, things known to be there without an object, and what a stale correction was measured against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import KINDS, Event, Payload, State, effective, fold, usable
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.errors import NotFound
from spacestudio.formats.records import clean
from spacestudio.geometry.layering import layers_of
from spacestudio.services.begin import depth_events, object_events
from spacestudio.services.derive import Deriver, target_of
from spacestudio.services.estimate import Estimate
from spacestudio.services.find import Found
from spacestudio.services.judge import Act
from spacestudio.services.payloads import (
    camera_payload,
    graph_payload,
    layout_payload,
    object_of,
    object_payload,
    run_of,
    run_payload,
    to_png,
)
from spacestudio.store.blobs import Blobs

CLOSE = 1e-4
"""Numbers of a file and of a log nearer than this are the same: files round to 6 decimals, boxes and scores to fewer."""
DERIVED_STAGES = ("cloud", "space")
"""Runs of a sample's provenance that follow from its state, so that no event tells of them."""
TRIES = 32
"""Most undos, and most redos, a cut log is supposed to have lost."""


def events_of(sample: Sample, blobs: Blobs) -> list[Event]:
    """Its own log where that is whole and the picture it speaks of is in the folder.

    Else its usable part and what catches up with the files; without a usable part, a fresh log that makes the same sample.
    What is caught up has no group: it can't be undone, as it stands for acts that were many.
    """
    image = blobs.put(to_png(sample.image))
    kept_input = {"name": sample.input[0], "blob": blobs.put(sample.input[1])} if sample.input else None
    log = [replace(event, seq=seq) for seq, event in enumerate(usable(sample.events), 1)]
    created = fold(log).created
    if log and (created.get("image"), created.get("input")) == (image, kept_input):
        with suppress(KeyError, TypeError, ValueError, AttributeError):  # a payload that only looks like one of ours
            return _caught_up(log, sample, blobs)
    return _caught_up(_fresh(sample, image, kept_input, blobs), sample, blobs)


def _fresh(sample: Sample, image: str, kept_input: Mapping[str, Any] | None, blobs: Blobs) -> list[Event]:
    """The events that make such a sample, before a person said anything."""
    created: dict[str, Any] = {
        "name": sample.name,
        "image": image,
        "width": sample.width,
        "height": sample.height,
        "input": kept_input,
        "parent": sample.parent,
        "warnings": list(sample.warnings),
        "scene": sample.graph.scene,
        "negative_objects": list(sample.graph.negative_objects),
    }
    if sample.target is not None and not sample.wished:
        created["asked"] = graph_payload(sample.target)
        if sample.layout is not None:
            created["layout"] = layout_payload(sample.layout)
    runs = {run.stage: run for run in sample.provenance}
    objects = object_events(Found(sample.objects, runs.get("objects"), runs.get("masks")), 3)
    return [Event(1, "created", created), _depth_event(sample, blobs), *objects]


def _depth_event(sample: Sample, blobs: Blobs) -> Event:
    run = next((run for run in sample.provenance if run.stage == "depth"), EngineRun("depth", "file"))
    camera = sample.camera if sample.camera and not sample.camera.is_assumed else None
    return depth_events(Estimate(sample.depth, None, run), camera, blobs, 2)[0]


@dataclass
class _Replay:
    """A log being brought to where the sample is.

    Attributes:
        events: the log, with what was appended.
        state: what they say.
        steps: how many undos or redos were appended first.
        unsaid: question keys whose edit no event takes back; undoing it does.
    """

    sample: Sample
    blobs: Blobs
    events: list[Event]
    state: State
    steps: int
    unsaid: list[str]

    def say(self, act: Act) -> None:
        """Append an act that is no undo or redo."""
        self.events.append(Event(len(self.events) + 1, *act))
        KINDS[act[0]](self.state, act[1])


def _caught_up(log: Sequence[Event], sample: Sample, blobs: Blobs) -> list[Event]:
    """The log with what it takes for its state to say what the sample says; the log itself when it does.

    The end that was cut off may have begun with undos or redos: the shortest way is taken.
    """
    best = _replay(log, "undo", 0, sample, blobs)
    done, undone = effective(log)
    groups = len({event.group for event in done if event.group})
    worth = TRIES if best.unsaid else min(TRIES, len(best.events) - len(log))
    for step, most in (("undo", groups), ("redo", len(undone))):
        for times in range(1, min(most, worth) + 1):
            best = min(best, _replay(log, step, times, sample, blobs), key=_cost)
    if best.unsaid:  # the log was not written with these files: it counts up to there
        first = next(k for k, e in enumerate(log) if e.kind == "qa.edit" and e.payload["key"] in best.unsaid)
        return _caught_up(log[:first], sample, blobs)
    if best.events != log:
        for act in _marks(best):
            best.say(act)
    return best.events


def _cost(replay: _Replay) -> tuple[int, int, int]:
    return len(replay.unsaid), len(replay.events), -replay.steps


def _replay(log: Sequence[Event], step: str, times: int, sample: Sample, blobs: Blobs) -> _Replay:
    """The log, so many undos or redos, and all that then has to be said."""
    events = [*log, *(Event(len(log) + k, step) for k in range(1, times + 1))]
    replay = _Replay(sample, blobs, events, fold(events), times, [])
    for missing in (_about, _measured, _things, _corrected, _cuts, _wishes, _questions, _made_by):
        for act in missing(replay):
            replay.say(act)
    return replay


# Each of these yields the acts that are missing; every act is said before the next one is asked for.


def _about(r: _Replay) -> Iterator[Act]:
    """Where it comes from, its name, its review, what is absent from it."""
    state, s = r.state, r.sample
    own = {"parent": s.parent, "scene": s.graph.scene}
    if any((state.created.get(key) or None) != (value or None) for key, value in own.items()):
        yield "created", {**state.created, **own, "name": state.name, "unlisted": list(state.unlisted)}
    if state.name != s.name:
        yield "rename", {"name": s.name}
    if state.review != s.review:
        yield "review", {"status": s.review}
    absent = state.created.get("negative_objects", ()) if state.absent is None else state.absent
    if set(absent) != set(s.graph.negative_objects):
        yield "absent", {"names": list(s.graph.negative_objects)}


def _measured(r: _Replay) -> Iterator[Act]:
    """Depth and camera."""
    state, s, blobs = r.state, r.sample, r.blobs
    if not _same_depth(state, s.depth, blobs):
        yield "depth", dict(_depth_event(s, blobs).payload)
    given = state.camera or (state.depth or {}).get("camera")
    camera = Camera(**given) if given else Camera.assumed(s.width, s.height)
    if s.camera is not None and not _same_camera(camera, s.camera):
        if s.camera.is_assumed and (state.depth or {}).get("camera"):
            yield "depth", dict(_depth_event(s, blobs).payload)
        yield "camera", {"camera": None if s.camera.is_assumed else camera_payload(s.camera)}


def _same_depth(state: State, depth: DepthMap | None, blobs: Blobs) -> bool:
    p = state.depth or {}
    if depth is None or not p.get("blob"):
        return depth is None and not p.get("blob")
    if state.scale is None or p["kind"] == "metric":
        values = np.where(depth.valid, depth.values, np.float32(np.nan)).astype(np.float32)
        return (p["kind"], p["source"], p["blob"]) == (depth.kind, depth.source, blobs.put_array(values))
    try:
        made = Deriver(blobs).depth_and_camera(state, depth.values.shape[1], depth.values.shape[0])[0]
    except NotFound:  # the folder holds the depth in metres only
        return False
    return made is not None and made.kind == depth.kind and np.array_equal(made.values, depth.values)


def _same_camera(a: Camera, b: Camera) -> bool:
    same = a.source == b.source and (a.width, a.height) == (b.width, b.height)
    return same and bool(np.allclose((a.fx, a.fy, a.cx, a.cy), (b.fx, b.fy, b.cx, b.cy), rtol=0, atol=CLOSE))


def _things(r: _Replay) -> Iterator[Act]:
    """The objects, in their order: one that stands elsewhere is taken out and added again, with all after it."""
    state, s = r.state, r.sample
    ids = s.graph.ids
    kept = [i for i in state.objects if i in set(ids)]
    right = next((k for k, (a, b) in enumerate(zip(kept, ids, strict=False)) if a != b), min(len(kept), len(ids)))
    for gone in [i for i in state.objects if i not in ids[:right]]:
        yield "object.delete", {"id": gone}
    for o in s.objects[:right]:
        if change := _changes(state.objects[o.id], o, s):
            yield "object.edit", {"id": o.id} | change
    if s.objects[right:]:
        yield "objects.add", {"objects": [object_payload(o) for o in s.objects[right:]]}


def _changes(item: Payload, o: SceneObject, s: Sample) -> dict[str, Any]:
    """What a payload of an object says otherwise than the sample's object."""
    was = object_of(item, s.width, s.height)
    same = {
        "label": was.label == o.label,
        "attributes": was.attributes == o.attributes,
        "box_xyxy_px": bool(np.allclose(was.box.xyxy, o.box.xyxy, rtol=0, atol=0.01)),
        "mask": np.array_equal(was.mask, o.mask) if was.mask is not None and o.mask is not None else was.mask is o.mask,
        "origin": was.origin == o.origin,
        "score": abs(was.score - o.score) < CLOSE,
    }
    if all(same.values()):
        return {}
    return {key: value for key, value in object_payload(o).items() if not same.get(key, True)}


def _corrected(r: _Replay) -> Iterator[Act]:
    """The person's relations, and a model's own."""
    pins, graph = r.state.pins, r.sample.graph
    said = {x.key: x for x in _said(graph)}
    for key in [key for key in pins if key not in said and key[0] in graph and key[1] in graph]:
        yield "relation.release", dict(zip(("subject", "object", "family", "frame"), key, strict=True))
    for key, x in said.items():
        pin = pins.get(key, {})
        if (pin.get("predicate"), pin.get("verdict"), pin.get("origin", "person")) != (x.predicate, x.verdict, x.origin):
            names = ("subject", "predicate", "object", "family", "frame", "verdict")
            payload = {name: getattr(x, name) for name in names} | ({"origin": "model"} if x.origin == "model" else {})
            yield "relation.correct", payload | {"measured": _measurement(x.evidence.get("measured"))}


def _measurement(value: Any) -> dict[str, Any] | None:
    """What was measured, as a correction carries it; None for anything else."""
    parts = ("predicate", "margin", "verdict")
    return {part: value[part] for part in parts} if isinstance(value, Mapping) and all(p in value for p in parts) else None


def _said(graph: SpatialGraph) -> list[Relation]:
    """What the person or a model said: of a relation and the same of the reversed pair the one marked so, else the first."""
    persons = {r.key: r for r in graph if r.origin != "geometry"}
    said: dict[tuple[str, str, str, str], Relation] = {}
    for key, r in persons.items():
        back = (key[1], key[0], *key[2:])
        other = persons.get(back)
        if r.evidence.get("said") or not (back in said or (other is not None and other.evidence.get("said"))):
            said[key] = r
    return list(said.values())


def _cuts(r: _Replay) -> Iterator[Act]:
    """The cuts between layers: a person's, where the layers are not those that are found."""
    state, s = r.state, r.sample
    if s.depth is None or not s.layers:
        return
    own = [layer.far for layer in s.layers[:-1]]

    def made(cuts: Sequence[float] | None) -> bool:
        found = [layer.far for layer in layers_of(s.objects, s.depth, cuts)[:-1]] if s.depth else []
        return len(found) == len(own) and bool(np.allclose(found, own, rtol=0, atol=CLOSE))

    if not made(state.cuts):
        yield "layers.cut", {"cuts": None if made(None) else own}


def _wishes(r: _Replay) -> Iterator[Act]:
    """What a new picture should show, as far as the target tells."""
    state, s = r.state, r.sample
    if _same_target(target_of(state, s.graph), s.target):
        return
    if s.target is None or not s.wished:
        if state.wants:
            yield "want.reset", {}
        return
    asked = s.target
    for gone in dict.fromkeys([*s.graph.ids, *state.wants.objects]):
        if gone not in asked and gone not in state.wants.removed:
            yield "want.remove", {"id": gone}
    for o in asked.objects:
        wanted = state.wants.objects.get(o.id)
        shown = s.graph[o.id] if o.id in s.graph and o.id not in state.wants.removed else None
        now = (wanted["label"], tuple(wanted["attributes"])) if wanted else shown and (shown.label, shown.attributes)
        if now != (o.label, o.attributes) or o.id in state.wants.removed:
            yield "want.object", {"id": o.id, "label": o.label, "attributes": list(o.attributes)}
    relations = {(x.subject, x.object, x.family): x for x in asked}
    for key in [key for key in state.wants.relations if key not in relations]:
        yield "want.unrelate", dict(zip(("subject", "object", "family"), key, strict=True))
    for key, x in relations.items():
        if state.wants.relations.get(key, {}).get("predicate") != x.predicate:
            names = ("subject", "predicate", "object", "family", "frame")
            yield "want.relation", {name: getattr(x, name) for name in names}
    if not state.wants and s.layout is not None:
        yield from _places(s, s.layout)


def _places(s: Sample, layout: Layout) -> list[Act]:
    """Where nothing but places was asked: the boxes the picture has elsewhere, else the order."""
    moved = {i: box for i, box in layout.boxes.items() if i in s.graph and _moved(box, s.graph[i].box)}
    boxes: list[Act] = [("want.box", {"id": i, "box_xyxy_px": list(box.xyxy)}) for i, box in moved.items()]
    return boxes or [("want.order", {"order": list(layout.order)})]


def _moved(a: Box, b: Box) -> bool:
    return not np.allclose(a.xyxy, b.xyxy, rtol=0, atol=1)


def _same_target(a: SpatialGraph | None, b: SpatialGraph | None) -> bool:
    def gist(graph: SpatialGraph) -> tuple[set[Any], set[Any]]:
        return {(o.id, o.label, o.attributes) for o in graph.objects}, {x.triple for x in graph}

    return a is b if a is None or b is None else gist(a) == gist(b)


def _questions(r: _Replay) -> Iterator[Act]:
    """The person's wordings and answers, a model's wordings, and where the review of each question stands."""
    state, s = r.state, r.sample
    edited = {p.key: p for p in s.qa if p.origin in ("person", "model")}
    r.unsaid += [key for key, edit in state.qa_edits.items() if key not in edited and edit.get("origin") != "model"]
    for key, p in edited.items():
        was = state.qa_edits.get(key, {})
        if any(str(was.get(name, "")).strip() != str(getattr(p, name)).strip() for name in ("question", "answer")):
            yield "qa.edit", {"key": key} | _snapshot(p) | ({"origin": "model"} if p.origin == "model" else {})
    for status, pairs in _judged(state, s).items():
        yield "qa.status", {"keys": [p.key for p in pairs], "status": status, "pairs": {p.key: _snapshot(p) for p in pairs}}


def _marks(r: _Replay) -> Iterator[Act]:
    """What is stale in the file and would not be: what it was said about then is not kept, and is said to be unknown."""
    said = {e.payload.get("key") for e in r.events if e.kind == "qa.edit"} | set(r.state.qa_status)
    stale = {p.key: p for p in r.sample.qa if p.mark == "stale" and p.key in said}
    if not stale:
        return
    for now in Deriver(r.blobs).sample(r.sample.id, r.events).qa:
        if now.key in stale and now.mark != "stale":
            snapshot = _snapshot(now) | {"facts": {}}
            if now.origin == "person":
                yield "qa.edit", {"key": now.key} | snapshot
            else:
                yield "qa.status", {"keys": [now.key], "status": now.status, "pairs": {now.key: snapshot | {"answer": ""}}}


def _judged(state: State, s: Sample) -> dict[str, list[QAPair]]:
    """Status -> the questions whose status is another in the state."""
    judged: dict[str, list[QAPair]] = {}
    for p in s.qa:
        if state.qa_status.get(p.key, {}).get("status", "proposed") != p.status:
            judged.setdefault(p.status, []).append(p)
    return judged


def _snapshot(p: QAPair) -> dict[str, Any]:
    return {
        "family": p.family, "question": p.question, "answer": p.answer, "options": list(p.options), "facts": dict(p.facts),
    }  # fmt: skip


def _made_by(r: _Replay) -> Iterator[Act]:
    """The engine runs."""
    state, s = r.state, r.sample
    for run in s.provenance:
        if run.stage not in DERIVED_STAGES and _run(state.runs.get(run.stage)) != _run(run_payload(run)):
            yield "run", run_payload(run)


def _run(p: Payload | None) -> Any:
    return clean(run_payload(run_of(p))) if p else None
