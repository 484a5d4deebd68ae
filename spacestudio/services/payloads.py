"""Values to event payloads (JSON) and back."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.masks import decode_mask, encode_mask
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import EngineRun


def object_payload(o: SceneObject) -> dict[str, Any]:
    """An object as an `objects.add` event carries it."""
    return {
        "id": o.id,
        "label": o.label,
        "attributes": list(o.attributes),
        "box_xyxy_px": [round(float(v), 2) for v in o.box.xyxy],
        "mask": encode_mask(o.mask) if o.mask is not None else None,
        "origin": o.origin,
        "score": round(float(o.score), 4),
    }


@functools.lru_cache(maxsize=512)
def mask_of(text: str) -> NDArray[np.bool_]:
    """A decoded mask, read-only, kept for the next derivation."""
    mask = decode_mask(text)
    mask.flags.writeable = False
    return mask


def object_of(p: Mapping[str, Any], width: int, height: int) -> SceneObject:
    """The object a payload describes; a mask of another size than the picture is left out."""
    mask = mask_of(p["mask"]) if p.get("mask") else None
    if mask is not None and mask.shape != (height, width):
        mask = None
    return SceneObject(
        p["id"],
        p["label"],
        Box.spanning(*p["box_xyxy_px"]).clipped(width, height),
        tuple(p.get("attributes", ())),
        mask,
        origin=p.get("origin", "person"),
        score=float(p.get("score", 1.0)),
    )


def run_payload(run: EngineRun) -> dict[str, Any]:
    """An engine run as events carry it."""
    return asdict(run)


def run_of(p: Mapping[str, Any]) -> EngineRun:
    """The engine run a payload describes."""
    return EngineRun(p["stage"], p["engine"], p.get("version", ""), dict(p.get("settings", {})), p.get("seed"))


def camera_payload(camera: Camera) -> dict[str, Any]:
    """fx, fy, cx, cy, width, height, source."""
    return asdict(camera)


def relation_payload(r: Relation) -> dict[str, Any]:
    """A relation as a JSON object."""
    return asdict(r) | {"evidence": dict(r.evidence)}


def graph_payload(graph: SpatialGraph) -> dict[str, Any]:
    """Objects without masks, and relations."""
    return {
        "scene": graph.scene,
        "negative_objects": list(graph.negative_objects),
        "objects": [object_payload(o.but(mask=None)) for o in graph.objects],
        "relations": [relation_payload(r) for r in graph],
    }


def graph_of(p: Mapping[str, Any]) -> SpatialGraph:
    """The graph of `graph_payload`."""
    objects = [
        SceneObject(
            o["id"],
            o["label"],
            Box.spanning(*o["box_xyxy_px"]),
            tuple(o["attributes"]),
            origin=o["origin"],
            score=o["score"],
        )
        for o in p["objects"]
    ]
    return SpatialGraph.of(objects, [Relation(**r) for r in p["relations"]], p["scene"], p["negative_objects"])


def layout_payload(layout: Layout) -> dict[str, Any]:
    """A layout as a `created` event carries it."""
    boxes = {i: [round(float(v), 3) for v in box.xyxy] for i, box in layout.boxes.items()}
    return asdict(layout) | {"boxes": boxes, "order": list(layout.order), "notes": list(layout.notes)}


def layout_of(p: Mapping[str, Any]) -> Layout:
    """The layout of `layout_payload`."""
    boxes = {i: Box(*xyxy) for i, xyxy in p["boxes"].items()}
    tuples = {name: tuple(p[name]) for name in ("order", "notes")}
    return Layout(**{**p, "boxes": boxes, **tuples})


def to_png(image: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 as PNG bytes; the same picture gives the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def from_png(data: bytes) -> NDArray[np.uint8]:
    """The picture `to_png` wrote, read-only."""
    array = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    array.flags.writeable = False
    return array
