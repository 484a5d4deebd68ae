"""A person's acts on a sample, as events. Each function reads the sample and returns what to append; none changes anything.

*Correct* functions say what the stored picture already shows; *want* functions say what a new picture should show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.events import fold
from spacestudio.domain.graph import VERDICTS, Relation
from spacestudio.domain.objects import SceneObject, fresh_id
from spacestudio.domain.qa import QA_STATUSES, QAPair
from spacestudio.domain.sample import Sample
from spacestudio.engines.segment.brush import stroke
from spacestudio.errors import InputError, NotFound
from spacestudio.qa.check import answer_implies
from spacestudio.qa.relation import CANNOT_TELL
from spacestudio.reasoning.consistency import Repair
from spacestudio.relations.relate import family_of
from spacestudio.services.begin import Ready
from spacestudio.services.find import as_objects, clicked, segment
from spacestudio.services.payloads import object_payload, run_payload
from spacestudio.services.scene import scene_of_sample

Act = tuple[str, dict[str, Any]]
"""An event to append: kind and payload."""

MAX_LABEL = 60
MAX_TEXT = 2000
MAX_RADIUS = 500
"""Of a brush, px."""


def clean_label(text: str) -> str:
    """A label on one line, 1 to 60 characters.

    Raises:
        InputError: empty or too long.
    """
    label = " ".join(str(text).split())
    if not 1 <= len(label) <= MAX_LABEL:
        raise InputError(
            f"A label of {len(label)} characters", f"1 to {MAX_LABEL} characters", "Type a short name, such as “cup”"
        )
    return label


def clean_attributes(text: str | Sequence[str]) -> list[str]:
    """Attributes from "red, ceramic" or a list; at most 8, short, on one line."""
    parts = text.split(",") if isinstance(text, str) else list(text)
    return [" ".join(part.split())[:30] for part in parts if part.strip()][:8]


def clean_box(xyxy: Sequence[float], sample: Sample) -> Box:
    """A box inside the picture, at least 2 px wide and high.

    Raises:
        InputError: smaller, or outside.
    """
    corners = [float(v) for v in xyxy]
    if len(corners) != 4 or not all(math.isfinite(v) for v in corners):
        raise InputError(f"A box of {corners}", "four finite numbers: x0, y0, x1, y1 in px")
    box = Box.spanning(*corners).clipped(sample.width, sample.height)
    if min(box.width, box.height) < 2:
        raise InputError(
            f"A box of {box.width:.0f} × {box.height:.0f} px",
            "at least 2 × 2 px inside the picture",
            "Draw it again, larger",
        )
    return box


def _object(sample: Sample, object_id: str) -> SceneObject:
    if object_id not in sample.graph:
        raise NotFound(f"There is no object “{object_id}” in this sample", next_step="Choose one from the list")
    return sample.graph[object_id]


def add_object(
    sample: Sample, label: str, xyxy: Sequence[float], attributes: str | Sequence[str] = (), masks: str = "grabcut"
) -> list[Act]:
    """Correct: there is one more object in the picture, in this box; its mask comes from the mask engine."""
    label, box = clean_label(label), clean_box(xyxy, sample)
    made, run = segment(sample.image, sample.depth, [box], masks)
    object_id = fresh_id(label, set(sample.graph.ids) | _ids_ever(sample))
    o = SceneObject(object_id, label, box, tuple(clean_attributes(attributes)), made[0], None, "person", 1.0)
    return [("objects.add", {"objects": [object_payload(o)], "mask_run": run_payload(run)})]


def _ids_ever(sample: Sample) -> set[str]:
    """Ids this sample has used, deleted ones too, so that an id never changes its meaning."""
    return {item["id"] for e in sample.events if e.kind == "objects.add" for item in e.payload["objects"]}


def add_detections(sample: Sample, ready: Ready, masks: str = "grabcut") -> list[Act]:
    """Correct: these objects, from a file, are in the picture; what the file left out never counts as absent."""
    if not ready.detections and not ready.left_out:
        return []
    taken = set(sample.graph.ids) | _ids_ever(sample)
    objects, run = as_objects(sample.image, sample.depth, ready.detections, "file", masks, taken)
    payload: dict[str, Any] = {
        "objects": [object_payload(o) for o in objects],
        "run": {"stage": "objects", "engine": "file", "settings": {"source": ready.source}},
        "unlisted": list(ready.left_out),
    }
    return [("objects.add", payload | ({"mask_run": run_payload(run)} if run else {}))]


def edit_object(
    sample: Sample,
    object_id: str,
    label: str | None = None,
    attributes: str | Sequence[str] | None = None,
    xyxy: Sequence[float] | None = None,
    masks: str = "grabcut",
) -> list[Act]:
    """Correct: what the object is, or where. A moved box gets a new mask; of one painted by hand it keeps what lies inside,
    if that is at least half of it."""
    o = _object(sample, object_id)
    change: dict[str, Any] = {"id": object_id}
    if label is not None and label != o.label:
        change["label"] = clean_label(label)
    if attributes is not None:
        change["attributes"] = clean_attributes(attributes)
    if xyxy is not None:
        box = clean_box(xyxy, sample)
        painted = is_painted(sample, object_id)
        kept = inside(o.mask, box) if painted and o.mask is not None else None
        mask = segment(sample.image, sample.depth, [box], masks)[0][0] if kept is None else kept
        moved = object_payload(o.but(box=box, mask=mask))
        change |= {"box_xyxy_px": moved["box_xyxy_px"], "mask": moved["mask"]}
        change |= {"painted": kept is not None} if painted else {}
    if len(change) > 1 and o.origin != "render":
        change["origin"] = "person"
    return [("object.edit", change)] if len(change) > 1 else []


def is_painted(sample: Sample, object_id: str) -> bool:
    """Whether the object's mask is a person's own: painted, grown or cut since an engine last made it."""
    return bool(fold(sample.events).objects.get(object_id, {}).get("painted"))


def inside(mask: NDArray[np.bool_], box: Box) -> NDArray[np.bool_] | None:
    """The part of an (H, W) mask inside a box; None when that is less than half of it."""
    part = np.zeros_like(mask)
    place = box.slices(mask.shape[1], mask.shape[0])
    part[place] = mask[place]
    return part if 2 * part.sum() >= mask.sum() > 0 else None


def delete_object(sample: Sample, object_id: str) -> list[Act]:
    """Correct: this object is not in the picture."""
    return [("object.delete", {"id": _object(sample, object_id).id})]


def place_of(predicate: str, frame: str | None = None) -> tuple[str, str]:
    """(family, frame) a predicate is stored under; a person's own words go to "other" in the image frame."""
    f = family_of(predicate)
    if f is None:
        return "other", frame or "image"
    return f.name, frame if frame in f.frames else f.frames[0]


def correct_relation(
    sample: Sample, subject: str, predicate: str, object_: str, verdict: str = "true", frame: str | None = None
) -> list[Act]:
    """Correct: this relation holds (or not, or can't be told) in the picture, whatever was measured."""
    _object(sample, subject), _object(sample, object_)
    predicate = clean_label(predicate)
    if subject == object_:
        raise InputError(f"A relation of “{subject}” to itself", "two different objects")
    if verdict not in VERDICTS:
        raise InputError(f"The verdict “{verdict}”", ", ".join(VERDICTS))
    family, frame = place_of(predicate, frame)
    stored = sample.graph.relation(subject, object_, family, frame)
    measured: Any = None
    if stored is not None:
        own = {"predicate": stored.predicate, "margin": stored.margin, "verdict": stored.verdict}
        measured = stored.evidence.get("measured") if stored.origin == "person" else own
    payload = {
        "subject": subject,
        "predicate": predicate,
        "object": object_,
        "family": family,
        "frame": frame,
        "verdict": verdict,
        "measured": measured,
    }
    return [("relation.correct", payload)]


def release_relation(sample: Sample, r: Relation) -> list[Act]:
    """Take a correction back: what is measured counts again."""
    return [("relation.release", {"subject": r.subject, "object": r.object, "family": r.family, "frame": r.frame})]


def repair(sample: Sample, way: Repair) -> list[Act]:
    """Correct: what a way out of a clash says. A relation to be dropped "can't be told" from here on; a correction is taken
    back instead, where the measurement says something else."""
    r = way.relation
    if way.replacement is not None:
        new = way.replacement
        return correct_relation(sample, new.subject, new.predicate, new.object, new.verdict, r.frame)
    measured = r.evidence.get("measured") or {}
    if r.origin == "person" and (measured.get("predicate"), measured.get("verdict")) != (r.predicate, r.verdict):
        return release_relation(sample, r)
    return correct_relation(sample, r.subject, r.predicate, r.object, "undecided", r.frame)


def set_absent(sample: Sample, names: str | Sequence[str]) -> list[Act]:
    """Correct: which things are not in the picture; at most 50 names, each once."""
    parts = names.split(",") if isinstance(names, str) else list(names)
    kept = list(dict.fromkeys(clean_label(part) for part in parts if part.strip()))
    if len(kept) > 50:
        raise InputError(f"{len(kept)} absent things", "50 at most", "Name fewer")
    return [("absent", {"names": kept})] if kept != list(sample.graph.negative_objects) else []


def want_relation(sample: Sample, subject: str, predicate: str, object_: str) -> list[Act]:
    """Change: a new picture should show this relation."""
    known = {o.id for o in (sample.target or sample.graph).objects} | set(sample.graph.ids)
    for object_id in (subject, object_):
        if object_id not in known:
            raise NotFound(f"There is no object “{object_id}” here", next_step="Choose one from the list")
    if subject == object_:
        raise InputError(f"A relation of “{subject}” to itself", "two different objects")
    family, frame = place_of(clean_label(predicate))
    if family == "other":
        raise InputError(f"No layout rule knows “{predicate}”", "one of the studio's relations", "Choose one from the list")
    return [
        ("want.relation", {"subject": subject, "predicate": predicate, "object": object_, "family": family, "frame": frame})
    ]


def want_object(sample: Sample, label: str, attributes: str | Sequence[str] = (), object_id: str | None = None) -> list[Act]:
    """Change: a new picture should show one more object, or this one as something else."""
    label = clean_label(label)
    taken = set(sample.graph.ids) | _ids_ever(sample) | set((sample.target or sample.graph).ids)
    return [
        (
            "want.object",
            {"id": object_id or fresh_id(label, taken), "label": label, "attributes": clean_attributes(attributes)},
        )
    ]


def want_box(sample: Sample, object_id: str, xyxy: Sequence[float]) -> list[Act]:
    """Change: a new picture should show this object here."""
    return [("want.box", {"id": object_id, "box_xyxy_px": list(clean_box(xyxy, sample).xyxy)})]


def known_height(s: Sample, object_id: str, metres: float) -> list[Act]:
    """Correct: this object is that tall in reality (its box at its median distance)."""
    o = _object(s, object_id)
    if s.depth is None or s.camera is None:
        raise InputError("This sample has no depth", next_step="Give it a depth map first")
    state = fold(s.events)
    if (state.depth or {}).get("kind") == "metric":
        raise InputError("This depth is in metres already", "a known length for relative depth only")
    distance = s.depth.distance()
    inside = distance[o.mask] if o.mask is not None else distance[o.box.slices(s.width, s.height)]
    z = float(np.nanmedian(inside)) if np.isfinite(inside).any() else 0.0
    if z <= 0 or o.box.height <= 0:
        raise InputError(f"“{o.name}” has no valid depth", next_step="Choose another object")
    units = o.box.height * z / s.camera.fy
    return [("scale", {"metres_per_unit": (state.scale or 1.0) * metres / units})]


def edit_question(sample: Sample, key: str, question: str, answer: str) -> list[Act]:
    """Correct: the wording or the answer of a question; it keeps its key, and what it rested on is noted."""
    pair = question_of(sample, key)
    question, answer = (" ".join(str(t).split())[:MAX_TEXT] for t in (question, answer))
    if not question or not answer:
        raise InputError("An empty question or answer", "some text in both", "Reject the question instead to leave it out")
    closed = pair.options or (("Yes", "No") if pair.answer in ("Yes", "No") else ())
    if closed and answer not in (*closed, CANNOT_TELL):
        raise InputError(f"The answer “{answer}”", " · ".join((*closed, CANNOT_TELL)), "Choose one of them")
    if pair.origin == "person" and (pair.question, pair.answer) == (question, answer):
        return []  # said already
    payload = {
        "key": key,
        "family": pair.family,
        "question": question,
        "answer": answer,
        "options": list(pair.options),
        "facts": dict(pair.facts),
    }
    return [("qa.edit", payload)]


def implied_correction(sample: Sample, key: str, answer: str) -> tuple[str, str, str, str, str] | None:
    """The graph correction (subject, predicate, object, frame, verdict) that makes a corrected answer true, if one does."""
    implied = answer_implies(question_of(sample, key), answer, scene_of_sample(sample))
    return implied if implied is None else (implied[0], implied[1], implied[2], implied[3], implied[4])


def judge(sample: Sample, keys: Sequence[str], status: str) -> list[Act]:
    """Review: accept, reject or flag questions; the text judged is noted, so that a later change shows."""
    if status not in QA_STATUSES:
        raise InputError(f"The status “{status}”", ", ".join(QA_STATUSES))
    chosen = [question_of(sample, key) for key in keys]
    pairs = {
        p.key: {
            "family": p.family,
            "question": p.question,
            "answer": p.answer,
            "options": list(p.options),
            "facts": dict(p.facts),
        }
        for p in chosen
    }
    return [("qa.status", {"keys": [p.key for p in chosen], "status": status, "pairs": pairs})] if chosen else []


def question_of(sample: Sample, key: str) -> QAPair:
    """The question of that key.

    Raises:
        NotFound: it is no longer asked.
    """
    found = next((p for p in sample.qa if p.key == key), None)
    if found is None:
        raise NotFound("This question is no longer asked", next_step="Choose one from the list")
    return found


def paint_mask(
    sample: Sample, object_id: str, strokes: Sequence[tuple[Sequence[tuple[float, float]], float]], add: bool = True
) -> list[Act]:
    """Correct: these pixels belong to an object (or don't); its box becomes the tight box of its mask.

    Args:
        sample: with the object.
        object_id: whose mask.
        strokes: each the (x, y) points of a brush in picture px, and its radius in px.
        add: paint, else erase.

    Raises:
        InputError: no stroke, a number that is not finite, or nothing would be left of the mask.
    """
    o = _object(sample, object_id)
    covered = np.zeros((sample.height, sample.width), bool)
    for points, radius in strokes:
        if not len(points) or not np.isfinite([*np.ravel(points), radius]).all() or not 0 < radius <= MAX_RADIUS:
            raise InputError(
                "A brush stroke without points, or too wide",
                f"finite points, a radius up to {MAX_RADIUS} px",
                "Draw it again",
            )
        covered |= stroke(sample.height, sample.width, points, radius)
    mask = _mask(sample, o)
    return _with_mask(sample, o, mask | covered if add else mask & ~covered)


def grow_mask(
    sample: Sample, object_id: str, point: tuple[float, float], add: bool = True, masks: str = "grabcut"
) -> list[Act]:
    """Correct: what is at this place belongs to an object (or doesn't); see `find.clicked` for how far it reaches.

    Args:
        sample: with the object.
        object_id: whose mask.
        point: (x, y) in picture px.
        add: grow, else cut.
        masks: name of the mask engine.

    Raises:
        InputError: outside the picture, nothing there to add or to cut, or nothing would be left of the mask.
    """
    o = _object(sample, object_id)
    x, y = point
    if not (0 <= x < sample.width and 0 <= y < sample.height):
        raise InputError(f"The place ({x:.0f}, {y:.0f})", "a place inside the picture", "Click in the picture")
    mask = _mask(sample, o)
    if not add and not mask[int(y), int(x)]:
        raise InputError(f"This place is not in the mask of “{o.name}”", next_step="Click inside its coloured shape")
    region = clicked(sample.image, sample.depth, mask, (x, y), add, masks)
    if add and not (region & ~mask).any():
        raise InputError(
            f"All that looks alike here is in the mask of “{o.name}” already", next_step="Click beside it, or use the brush"
        )
    return _with_mask(sample, o, mask | region if add else mask & ~region)


def _mask(sample: Sample, o: SceneObject) -> NDArray[np.bool_]:
    """(H, W) bool: an object's mask; its box where it has none."""
    if o.mask is not None:
        return o.mask
    mask = np.zeros((sample.height, sample.width), bool)
    mask[o.box.slices(sample.width, sample.height)] = True
    return mask


def _with_mask(sample: Sample, o: SceneObject, mask: NDArray[np.bool_]) -> list[Act]:
    box = Box.around(mask)
    if box is None or min(box.width, box.height) < 2:
        raise InputError(
            f"Nothing would be left of “{o.name}”",
            "a mask of at least 2 × 2 px",
            "Take less away, or delete the object if it is not there",
        )
    if o.mask is not None and np.array_equal(mask, o.mask):
        return []
    new = object_payload(o.but(box=box, mask=mask))
    change = {"id": o.id, "box_xyxy_px": new["box_xyxy_px"], "mask": new["mask"], "painted": True}
    return [("object.edit", change | ({} if o.origin == "render" else {"origin": "person"}))]


def delete_objects(sample: Sample, object_ids: Sequence[str]) -> list[Act]:
    """Correct: none of these objects is in the picture; one step to undo."""
    return [act for object_id in dict.fromkeys(object_ids) for act in delete_object(sample, object_id)]
