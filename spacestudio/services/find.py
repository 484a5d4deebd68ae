"""Objects: picture and depth -> objects with masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import Origin, SceneObject, fresh_id
from spacestudio.domain.sample import EngineRun
from spacestudio.engines import DETECT, SEGMENT
from spacestudio.engines.protocols import Detection, Detector, Segmenter


@dataclass(frozen=True, eq=False)
class Found:
    """Objects, and which engines found and masked them."""

    objects: tuple[SceneObject, ...]
    run: EngineRun | None
    mask_run: EngineRun | None


def find(
    image: NDArray[np.uint8],
    depth: DepthMap | None,
    engine: str = "proposals",
    labels: Sequence[str] = (),
    masks: str = "grabcut",
    taken: Iterable[str] = (),
) -> Found:
    """Objects of an (H, W, 3) uint8 picture by a named engine; ids avoid `taken`."""
    detector: Detector = DETECT.load(engine)()
    found = detector.detect(image, depth, labels)
    run = EngineRun("objects", detector.name, detector.version, dict(detector.settings))
    objects, mask_run = as_objects(image, depth, found, "model", masks, taken)
    return Found(objects, run, mask_run)


def as_objects(
    image: NDArray[np.uint8],
    depth: DepthMap | None,
    detections: Sequence[Detection],
    origin: Origin,
    masks: str = "grabcut",
    taken: Iterable[str] = (),
) -> tuple[tuple[SceneObject, ...], EngineRun | None]:
    """Detections as objects with ids; those without a mask get one from the named engine."""
    ids = set(taken)
    bare = [d.box for d in detections if d.mask is None]
    made, run = segment(image, depth, bare, masks) if bare else ([], None)
    fresh = iter(made)
    objects = []
    for d in detections:
        mask = d.mask if d.mask is not None else next(fresh)
        object_id = fresh_id(d.label or "region", ids)
        ids.add(object_id)
        objects.append(
            SceneObject(object_id, d.label or object_id.replace("-", " "), d.box, d.attributes, mask, None, origin, d.score)
        )
    return tuple(objects), run


def segment(
    image: NDArray[np.uint8], depth: DepthMap | None, boxes: Sequence[Box], engine: str = "grabcut"
) -> tuple[list[NDArray[np.bool_]], EngineRun]:
    """One mask per box by a named engine."""
    segmenter: Segmenter = SEGMENT.load(engine)()
    masks = segmenter.segment(image, depth, boxes)
    return masks, EngineRun("masks", segmenter.name, segmenter.version, dict(segmenter.settings))
