"""Objects: picture and depth -> objects with masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import Origin, SceneObject, fresh_id
from spacestudio.domain.sample import EngineRun
from spacestudio.engines import DETECT, SEGMENT
from spacestudio.engines.protocols import Clickable, Detection, Detector, Segmenter
from spacestudio.engines.segment.brush import alike
from spacestudio.errors import InputError
from spacestudio.relations.naming import COCO, clean

LONGEST: Final = 60
"""Characters of a label, as of every object's."""
MOST_LABELS: Final = 1000
"""Labels looked for at a time."""


@dataclass(frozen=True, eq=False)
class Found:
    """Objects, which engines found and masked them, and whether only labels a person chose were looked for."""

    objects: tuple[SceneObject, ...]
    run: EngineRun | None
    mask_run: EngineRun | None
    partial: bool = False


def find(
    image: NDArray[np.uint8],
    depth: DepthMap | None,
    engine: str = "proposals",
    labels: Sequence[str] = (),
    masks: str = "grabcut",
    taken: Iterable[str] = (),
) -> Found:
    """Objects of an (H, W, 3) uint8 picture by a named engine; ids avoid `taken`.

    An engine that looks for labels and was given none looks for COCO's 80; what it looked for stands in its run.

    Raises:
        InputError: labels that can't be looked for.
    """
    detector: Detector = DETECT.make(engine)
    wanted = looked_for(labels) if detector.uses_labels else ()
    found = detector.detect(image, depth, wanted)
    settings = dict(detector.settings) | ({"labels": list(wanted)} if wanted else {})
    run = EngineRun("objects", detector.name, detector.version, settings)
    objects, mask_run = as_objects(image, depth, found, "model", masks, taken)
    return Found(objects, run, mask_run, bool(wanted) and any(map(clean, labels)))


def looked_for(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels on one line each, each once; COCO's 80 when there are none.

    Raises:
        InputError: too long, or too many.
    """
    names: dict[str, str] = {}
    for name in filter(None, map(clean, labels)):
        names.setdefault(name.casefold(), name)
    wanted = tuple(names.values()) or tuple(name for group in COCO.values() for name in group)
    if len(wanted) > MOST_LABELS:
        raise InputError(f"{len(wanted)} labels to look for", f"{MOST_LABELS} at most", "Name fewer")
    if long := next((name for name in wanted if len(name) > LONGEST), ""):
        raise InputError(f"The label “{long[:20]}…” of {len(long)} characters", f"1 to {LONGEST} characters")
    return wanted


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
    segmenter: Segmenter = SEGMENT.make(engine)
    masks = segmenter.segment(image, depth, boxes)
    return masks, EngineRun("masks", segmenter.name, segmenter.version, dict(segmenter.settings))


def clicked(
    image: NDArray[np.uint8],
    depth: DepthMap | None,
    mask: NDArray[np.bool_],
    point: tuple[float, float],
    add: bool,
    engine: str = "grabcut",
) -> NDArray[np.bool_]:
    """(H, W) bool: what a click on a picture adds to an object's mask, or takes from it (ours).

    A mask engine that takes clicks adds the thing that was clicked. It takes away the piece round the click that it no
    longer counts to the object once told that the place is not part of it. Other engines, and places where the network has
    no answer, add or take what looks alike at one depth (`engines.segment.brush.alike`).

    Args:
        image: (H, W, 3) uint8.
        depth: of the same size, or None.
        mask: (H, W) bool of the object; contains `point` when `add` is false.
        point: (x, y) px, inside the picture.
        add: grow, else cut.
    """
    made = SEGMENT.make(engine)
    if isinstance(made, Clickable):
        kept = made.click(image, [point], [add], None if add else Box.around(mask))
        region = kept if add else mask & ~kept
        pieces, _ = ndimage.label(region)
        here = pieces[int(point[1]), int(point[0])]
        if here:
            return region if add else np.asarray(pieces == here)
    return alike(image, depth, point, None if add else mask)


def doubts(run: EngineRun | None) -> tuple[str, ...]:
    """What a person should know of how masks were made, a line each."""
    count = run.settings.get("ellipses", 0) if run else 0
    return (f"{run.engine} saw nothing in {count} of the boxes; there the mask is an ellipse.",) if run and count else ()
