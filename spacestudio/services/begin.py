"""The first events of a sample: from a picture, from a layout that was drawn, or from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event
from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.sample import EngineRun
from spacestudio.engines.protocols import Detection, Rendered
from spacestudio.formats.pictures import Picture, sample_id
from spacestudio.services.estimate import Estimate, estimate, supplied
from spacestudio.services.find import Found, as_objects, doubts, find
from spacestudio.services.payloads import camera_payload, graph_payload, layout_payload, object_payload, run_payload, to_png
from spacestudio.store.blobs import Blobs


@dataclass(frozen=True, eq=False)
class Ready:
    """Objects that are known beforehand (from a file), with what reading them lost.

    Attributes:
        detections: the objects.
        source: where they are from.
        warnings: what reading them lost, one line each.
        left_out: labels of what the source says is there too, yet without a usable box (crowds, broken rows).
    """

    detections: Sequence[Detection]
    source: str
    warnings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Recipe:
    """How a picture is analysed.

    Attributes:
        depth: name of a depth engine, or a depth map that came in a file.
        camera: given intrinsics, else the engine's or the assumed one.
        objects: name of an object engine, or objects that came in a file.
        labels: what to look for.
        masks: name of a mask engine.
        warnings: what reading the inputs lost.
    """

    depth: str | DepthMap = "cues"
    camera: Camera | None = None
    objects: str | Ready = "proposals"
    labels: tuple[str, ...] = ()
    masks: str = "grabcut"
    warnings: tuple[str, ...] = field(default=())


def from_picture(picture: Picture, recipe: Recipe, blobs: Blobs) -> tuple[str, list[Event]]:
    """Run depth and objects over a picture; its sample id and first events."""
    stem = picture.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    known = [d.box for d in recipe.objects.detections] if isinstance(recipe.objects, Ready) else []
    made = supplied(recipe.depth) if isinstance(recipe.depth, DepthMap) else estimate(picture.rgb, recipe.depth, known)
    found = _objects(picture.rgb, made.depth, recipe)
    warnings = [*picture.warnings, *recipe.warnings, *doubts(found.mask_run)]
    if isinstance(recipe.objects, Ready):
        warnings += recipe.objects.warnings
    created: dict[str, Any] = {
        "name": stem or "image",
        "image": blobs.put(to_png(picture.rgb)),
        "width": picture.rgb.shape[1],
        "height": picture.rgb.shape[0],
        "input": {"name": picture.name.rsplit("/", 1)[-1], "blob": blobs.put(picture.raw)},
        "warnings": warnings,
    }
    if isinstance(recipe.objects, Ready) and recipe.objects.left_out:
        created["unlisted"] = list(recipe.objects.left_out)
    elif found.partial:  # what nobody looked for may be there, unnamed, and must not be called absent
        created["unlisted"] = [""]
    events = [Event(1, "created", created), *depth_events(made, recipe.camera, blobs, 2)]
    events += object_events(found, len(events) + 1)
    return sample_id(stem, picture.raw), events


def _objects(image: NDArray[np.uint8], depth: DepthMap | None, recipe: Recipe) -> Found:
    if not isinstance(recipe.objects, Ready):
        return find(image, depth, recipe.objects, recipe.labels, recipe.masks)
    objects, mask_run = as_objects(image, depth, recipe.objects.detections, "file", recipe.masks)
    return Found(objects, EngineRun("objects", "file", settings={"source": recipe.objects.source}), mask_run)


def depth_events(
    made: Estimate, camera: Camera | None, blobs: Blobs, seq: int, group: str = "", author: str = ""
) -> list[Event]:
    """The `depth` event of an estimate."""
    known = camera or made.camera
    payload: dict[str, Any] = {
        "run": run_payload(made.run),
        "camera": camera_payload(known) if known else None,
        "blob": None,
    }
    if made.depth is not None:
        values = np.where(made.depth.valid, made.depth.values, np.nan).astype(np.float32)
        payload |= {"blob": blobs.put_array(values), "kind": made.depth.kind, "source": made.depth.source}
    return [Event(seq, "depth", payload, author, group=group)]


def object_events(found: Found, seq: int, group: str = "", author: str = "") -> list[Event]:
    """The `objects.add` event of what was found."""
    payload: dict[str, Any] = {"objects": [object_payload(o) for o in found.objects]}
    if found.run:
        payload["run"] = run_payload(found.run)
    if found.mask_run:
        payload["mask_run"] = run_payload(found.mask_run)
    return [Event(seq, "objects.add", payload, author, group=group)]


def from_render(
    rendered: Rendered,
    layout: Layout,
    asked: SpatialGraph,
    runs: Sequence[EngineRun],
    blobs: Blobs,
    name: str,
    parent: str | None = None,
    unlisted: Sequence[str] = (),
    measured: tuple[Estimate, Found] | None = None,
) -> tuple[str, list[Event]]:
    """The first events of a picture made from a layout.

    Of the attributes asked, an object keeps those the engine says it shows; the asked graph keeps all.

    Args:
        measured: depth and objects found in the picture, where the engine that drew it does not know them.
    """
    png = to_png(rendered.image)
    created = {
        "name": name,
        "image": blobs.put(png),
        "width": layout.width,
        "height": layout.height,
        "input": None,
        "parent": parent,
        "asked": graph_payload(asked),
        "layout": layout_payload(layout),
        "scene": asked.scene,
        "negative_objects": list(asked.negative_objects),
        "warnings": [*rendered.notes, *layout.notes],
        "unlisted": list(unlisted),
    }
    run = next(r for r in runs if r.stage == "image")
    events = [Event(1, "created", created)]
    drawn = Estimate(rendered.depth, None, EngineRun("depth", run.engine, run.version))
    events += depth_events(measured[0] if measured else drawn, None, blobs, 2)
    objects = [
        o.but(
            label=asked[o.id].label,
            attributes=tuple(word for word in asked[o.id].attributes if word in o.attributes),
            origin="render",
            score=rendered.visible.get(o.id, 1.0),
        )
        for o in rendered.objects
        if o.box.area > 0
    ]
    known = Found(tuple(objects), EngineRun("objects", run.engine, run.version), None)
    events += object_events(measured[1] if measured else known, 3)
    events += [Event(4 + k, "run", run_payload(r)) for k, r in enumerate(runs)]
    return f"{_slug(name)}-{hashlib.sha256(png).hexdigest()[:8]}", events


def _slug(name: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:40] or "image"
