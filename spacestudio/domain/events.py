"""State is a fold over events: edits, engine runs and review acts, each appended once and never changed.

Undo and redo are events too. What is derived (masks aside, which an event carries) is no part of the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")
Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One appended fact.

    Attributes:
        seq: 1-based place in the sample's log.
        kind: a key of `KINDS`.
        payload: JSON values only.
        author: who did it; "" for the pipeline itself.
        time: ISO 8601, UTC.
        group: events of one group are undone together.
    """

    seq: int
    kind: str
    payload: Payload = field(default_factory=dict, hash=False)
    author: str = ""
    time: str = ""
    group: str = ""


@dataclass
class State:
    """What the events of a sample say, before anything is derived from it. JSON values only.

    Objects stand in order of appearance; in all other tables what was said last stands last.

    Attributes:
        name, review: as the person set them.
        created: payload of the `created` event (picture, input, parent, asked graph).
        depth: payload of the latest `depth` event.
        camera: fx, fy, cx, cy, source as set by the person, else None.
        scale: metres per depth unit from a known length, else None.
        objects: id -> {id, label, attributes, box_xyxy_px, mask, origin, score}, and `painted`: the mask is a person's.
        absent: names of the things that are not in the picture, over `created.negative_objects`; None where nobody said.
        unlisted: labels known to be in the picture though no object stands for them (crowds, unreadable rows).
        pins: (subject, object, family, frame) -> payload of the correction.
        cuts: farness values between layers set by the person, else None.
        wants: what a new picture should show, see `Wants`.
        qa_edits, qa_status: question key -> payload.
        runs: payloads {stage, engine, version, settings, seed} of engine runs, latest of each stage.
    """

    name: str = ""
    review: str = "draft"
    created: Payload = field(default_factory=dict)
    depth: Payload | None = None
    camera: Payload | None = None
    scale: float | None = None
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    absent: list[str] | None = None
    unlisted: list[str] = field(default_factory=list)
    pins: dict[tuple[str, str, str, str], Payload] = field(default_factory=dict)
    cuts: list[float] | None = None
    wants: Wants = field(default_factory=lambda: Wants())
    qa_edits: dict[str, Payload] = field(default_factory=dict)
    qa_status: dict[str, Payload] = field(default_factory=dict)
    runs: dict[str, Payload] = field(default_factory=dict)


@dataclass
class Wants:
    """Changes asked of a new picture (kind *change*), against the picture's own graph.

    Attributes:
        relations: (subject, object, family) -> {subject, predicate, object, family, frame}.
        objects: id -> {id, label, attributes} that are new or renamed.
        removed: ids that should be gone.
        boxes: id -> box px where the person put it.
        order: ids nearest first, where the person set it.
        prompt: {background, prompt, negative_prompt} where the person set them.
    """

    relations: dict[tuple[str, str, str], Payload] = field(default_factory=dict)
    objects: dict[str, Payload] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    boxes: dict[str, list[float]] = field(default_factory=dict)
    order: list[str] | None = None
    prompt: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(vars(self).values())


def _put(table: MutableMapping[K, V], key: K, value: V) -> None:
    """Say it last."""
    table.pop(key, None)
    table[key] = value


def _created(state: State, p: Payload) -> None:
    state.created, state.name = p, p["name"]
    state.unlisted = list(p.get("unlisted", ()))


def _rename(state: State, p: Payload) -> None:
    state.name = p["name"]


def _review(state: State, p: Payload) -> None:
    state.review = p["status"]


def _depth(state: State, p: Payload) -> None:
    state.depth = p
    _put(state.runs, "depth", p["run"])
    state.scale = None
    if p.get("camera"):
        state.camera = None


def _camera(state: State, p: Payload) -> None:
    state.camera = p["camera"]


def _scale(state: State, p: Payload) -> None:
    state.scale = p["metres_per_unit"]


def _objects_add(state: State, p: Payload) -> None:
    for item in p["objects"]:
        state.objects[item["id"]] = dict(item)
    state.unlisted += p.get("unlisted", ())
    if "run" in p:
        _put(state.runs, "objects", p["run"])
    if "mask_run" in p:
        _put(state.runs, "masks", p["mask_run"])


def _object_edit(state: State, p: Payload) -> None:
    if p["id"] in state.objects:
        state.objects[p["id"]] |= {k: v for k, v in p.items() if k != "id"}


def _object_delete(state: State, p: Payload) -> None:
    gone = p["id"]
    state.objects.pop(gone, None)
    state.pins = {k: v for k, v in state.pins.items() if gone not in k[:2]}


def _relation_correct(state: State, p: Payload) -> None:
    key = (p["subject"], p["object"], p["family"], p["frame"])
    state.pins.pop((key[1], key[0], *key[2:]), None)  # one correction speaks for both directions
    _put(state.pins, key, p)


def _relation_release(state: State, p: Payload) -> None:
    for pair in ((p["subject"], p["object"]), (p["object"], p["subject"])):
        state.pins.pop((*pair, p["family"], p["frame"]), None)


def _layers_cut(state: State, p: Payload) -> None:
    state.cuts = p["cuts"]


def _absent(state: State, p: Payload) -> None:
    state.absent = list(p["names"])


def _want_relation(state: State, p: Payload) -> None:
    state.wants.relations.pop((p["object"], p["subject"], p["family"]), None)
    _put(state.wants.relations, (p["subject"], p["object"], p["family"]), p)


def _want_unrelate(state: State, p: Payload) -> None:
    for pair in ((p["subject"], p["object"]), (p["object"], p["subject"])):
        state.wants.relations.pop((*pair, p["family"]), None)


def _want_object(state: State, p: Payload) -> None:
    _put(state.wants.objects, p["id"], p)
    if p["id"] in state.wants.removed:
        state.wants.removed.remove(p["id"])


def _want_remove(state: State, p: Payload) -> None:
    gone = p["id"]
    state.wants.objects.pop(gone, None)
    state.wants.boxes.pop(gone, None)
    state.wants.relations = {k: v for k, v in state.wants.relations.items() if gone not in k[:2]}
    state.wants.removed = [i for i in state.wants.removed if i != gone] + ([gone] if gone in state.objects else [])


def _want_box(state: State, p: Payload) -> None:
    _put(state.wants.boxes, p["id"], p["box_xyxy_px"])


def _want_order(state: State, p: Payload) -> None:
    state.wants.order = p["order"]


def _want_prompt(state: State, p: Payload) -> None:
    for part, text in p.items():
        _put(state.wants.prompt, part, text)


def _want_reset(state: State, p: Payload) -> None:
    state.wants = Wants()


def _qa_edit(state: State, p: Payload) -> None:
    _put(state.qa_edits, p["key"], p)


def _qa_status(state: State, p: Payload) -> None:
    pairs = p.get("pairs", {})
    for key in p["keys"]:
        _put(state.qa_status, key, {**pairs.get(key, {}), "status": p["status"]})


def _run(state: State, p: Payload) -> None:
    _put(state.runs, p["stage"], p)


KINDS: Mapping[str, Callable[[State, Payload], None]] = {
    "created": _created,
    "rename": _rename,
    "review": _review,
    "depth": _depth,
    "camera": _camera,
    "scale": _scale,
    "objects.add": _objects_add,
    "object.edit": _object_edit,
    "object.delete": _object_delete,
    "relation.correct": _relation_correct,
    "relation.release": _relation_release,
    "layers.cut": _layers_cut,
    "absent": _absent,
    "want.relation": _want_relation,
    "want.unrelate": _want_unrelate,
    "want.object": _want_object,
    "want.remove": _want_remove,
    "want.box": _want_box,
    "want.order": _want_order,
    "want.prompt": _want_prompt,
    "want.reset": _want_reset,
    "qa.edit": _qa_edit,
    "qa.status": _qa_status,
    "run": _run,
}
"""Each kind of event and what it does to the state; `undo` and `redo` choose which events count.

A kind may also say in `domain.compaction.TOUCHES` what a later event can make superfluous; without that it is never dropped.
"""
STEPS = ("undo", "redo")


def effective(events: Iterable[Event]) -> tuple[list[Event], list[list[Event]]]:
    """The events that count after undo and redo, and the groups a redo would bring back, last undone last.

    Events without a group belong to the sample's making and can't be undone.
    """
    done: list[Event] = []
    undone: list[list[Event]] = []
    for event in events:
        if event.kind == "undo":
            if done and (group := done[-1].group):
                cut = len(done)
                while cut and done[cut - 1].group == group:
                    cut -= 1
                undone.append(done[cut:])
                del done[cut:]
        elif event.kind == "redo":
            if undone:
                done += undone.pop()
        else:
            done.append(event)
            undone.clear()
    return done, undone


def fold(events: Iterable[Event]) -> State:
    """The state after all of them.

    Raises:
        ValueError: an event of an unknown kind.
    """
    state = State()
    for event in effective(events)[0]:
        if event.kind not in KINDS:
            raise ValueError(f"Unknown event {event.kind!r}; known: {', '.join(KINDS)}, undo, redo")
        KINDS[event.kind](state, event.payload)
    return state


def usable(events: Iterable[Event]) -> tuple[Event, ...]:
    """The events up to the first that this version can't fold (an unknown kind, a payload without what its kind needs)."""
    kept: list[Event] = []
    state = State()
    for event in events:
        if event.kind not in STEPS:
            try:
                KINDS[event.kind](state, event.payload)
            except (KeyError, TypeError, ValueError, AttributeError):
                break
        kept.append(event)
    return tuple(kept)


def revision(events: Iterable[Event]) -> int:
    """The latest time in a log, in ms since 1970: it grows with every act, and a compaction never raises it; 0 without one.

    The length of a log is no such number: a compacted log that grew again can be as long as the one it came from.
    """
    return max((_milliseconds(e.time) for e in events), default=0)


def _milliseconds(time: str) -> int:
    try:
        return max(0, round(datetime.fromisoformat(time).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return 0
