"""What the relation rules look at: boxes, distances and 3D extents of all objects, as arrays with N first.

Each object is measured by itself (`part_of`), so that an edit measures one object again and not all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import FAR_NEAR_RATIO, RATIO_RANGE, DepthMap, DepthStats
from spacestudio.domain.measurements import Assumption, Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.space import OrientedBox, Plane
from spacestudio.geometry.open3d_room import oriented_box

MAX_POINTS = 4000
"""Pixels per object that enter the 3D extents; a regular subsample above that (ours)."""
MIN_BOX_POINTS = 30
"""Fewer points make no turned box (ours)."""
TOUCH = 0.06
"""Largest jump in distance, as a share of it, over which two things still touch (ours)."""
FOV_RANGE = (40.0, 80.0)
"""Where the camera is assumed, a 3D verdict that changes between these fields of view (degrees) is undecided (ours)."""


def assumptions(depth: DepthMap | None, camera: Camera | None) -> tuple[Assumption, ...]:
    """What a 3D verdict must survive, the stated assumption first: other far/near ratios where depth is not metric, other
    fields of view where the camera is assumed (DESIGN 2)."""
    if depth is None or camera is None:
        return (Assumption(),)
    metric = depth.kind == "metric"
    stated = Assumption("", 0.0 if metric else FAR_NEAR_RATIO, camera.fov_deg)
    out = [stated]
    if not metric:
        out += [replace(stated, about="far/near ratio", ratio=ratio) for ratio in RATIO_RANGE]
    if camera.is_assumed:
        out += [replace(stated, about="field of view", fov_deg=fov) for fov in FOV_RANGE]
    return tuple(out)


@dataclass(frozen=True, eq=False)
class Rim:
    """An object's lowest mask pixels, column by column, and what is below them.

    Attributes:
        rows, columns: (R, C) and (C,) px, the R pixels below each of C columns.
        level: (C,) bool, whether the distance goes on without a jump.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    level: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Part:
    """One object measured by itself, under each of V assumptions.

    Attributes:
        low, center, high: (V, 3) 10th, 50th and 90th percentile of its points per axis, camera frame; NaN without depth.
        stats: spread of the depth map over it, in the map's own values; None without valid depth.
        rim: its lower rim; None without a mask.
        reach: (4,) columns and rows its mask spans, x0 y0 x1 y1, the last ones outside; None without a mask.
        box: its turned box under the stated assumption; None with too few points.
        heights: (lowest, highest) part above the floor; None without a floor.
    """

    low: NDArray[np.float64]
    center: NDArray[np.float64]
    high: NDArray[np.float64]
    stats: DepthStats | None = None
    rim: Rim | None = None
    reach: tuple[int, int, int, int] | None = None
    box: OrientedBox | None = None
    heights: tuple[float, float] | None = None


def measure(
    objects: tuple[SceneObject, ...],
    width: int,
    height: int,
    depth: DepthMap | None,
    camera: Camera | None,
    floor: Plane | None = None,
    parts: Sequence[Part] | None = None,
    turned: bool = True,
) -> tuple[Measurements, ...]:
    """The objects measured under each assumption a 3D verdict must survive, the stated one first.

    Args:
        objects: N of them.
        width, height: of the picture, px.
        depth, camera: None leaves all 3D numbers NaN.
        floor: of the cloud, under the stated assumption.
        parts: of the same objects, where they are known already.
        turned: see `part_of`.
    """
    known = parts
    if known is None:
        known = [part_of(o, width, height, depth, camera, floor, turned) for o in objects]
    boxes = np.array([o.box.xyxy for o in objects], np.float64).reshape(-1, 4) / [width, height, width, height]
    contact = _contact(objects, known)
    heights = None
    if floor is not None:
        heights = np.array([p.heights or (np.nan, np.nan) for p in known], np.float64).reshape(-1, 2)
    metric = depth is not None and depth.kind == "metric"
    out = []
    for v, assumption in enumerate(assumptions(depth, camera)):
        low, center, high = (
            np.array([getattr(p, name)[v] for p in known], np.float64).reshape(-1, 3) for name in ("low", "center", "high")
        )
        z = np.stack((low[:, 2], center[:, 2], high[:, 2]), 1)
        size = np.array((width, height), np.float64)
        ratio = assumption.ratio if depth is not None else FAR_NEAR_RATIO
        out.append(Measurements(boxes, size, z, center, low, high, contact, metric, ratio, heights, assumption))
    return tuple(out)


def part_of(
    o: SceneObject,
    width: int,
    height: int,
    depth: DepthMap | None,
    camera: Camera | None,
    floor: Plane | None = None,
    turned: bool = True,
) -> Part:
    """One object measured by itself; see `measure` for the arguments.

    Without `turned` its turned box is left out, which no relation looks at and which takes most of the time.
    """
    found = assumptions(depth, camera)
    low, center, high = (np.full((len(found), 3), np.nan) for _ in range(3))
    if depth is None or camera is None:
        stats = None if depth is None else DepthStats.of(depth.values[pixels_of(o, depth, width, height)])
        return Part(low, center, high, stats, *_rim(o, depth))
    rows, columns = pixels_of(o, depth, width, height)
    values = depth.values[rows, columns]
    if not len(values):
        return Part(low, center, high, None, *_rim(o, depth))
    across, down = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    box: OrientedBox | None = None
    heights: tuple[float, float] | None = None
    for v, assumption in enumerate(found):
        if assumption.about == "field of view":  # x and y alone stretch, all by one factor
            stretch = math.tan(math.radians(assumption.fov_deg / 2)) / math.tan(math.radians(found[0].fov_deg / 2))
            low[v], center[v], high[v] = (a[0] * [stretch, stretch, 1] for a in (low, center, high))
            continue
        z = depth.to_distance(values, assumption.ratio).astype(np.float64)
        points = np.stack((across * z, down * z, z), 1)
        low[v], center[v], high[v] = np.percentile(points, [10, 50, 90], axis=0)
        if not assumption.about:
            box = _turned_box(points) if turned else None
            if floor is not None:
                lowest, highest = np.percentile(floor.height(points), [2, 98])
                heights = float(lowest), float(highest)
    return Part(low, center, high, DepthStats.of(values), *_rim(o, depth), box, heights)


def _turned_box(points: NDArray[np.float64]) -> OrientedBox | None:
    """Round all but the outermost points: stray pixels at the mask's edge are not the object."""
    if len(points) < MIN_BOX_POINTS:
        return None
    low, high = np.percentile(points, [2, 98], axis=0)
    own = points[((points >= low) & (points <= high)).all(1)]
    return oriented_box(own if len(own) >= MIN_BOX_POINTS else points)


def pixels_of(o: SceneObject, depth: DepthMap, width: int, height: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the object's valid pixels, edge eroded where enough remain."""
    if o.mask is None:
        window = o.box.slices(width, height)
        inner = np.ones((window[0].stop - window[0].start, window[1].stop - window[1].start), bool)
    else:
        window = o.box.clipped(width, height).slices(width, height)
        crop = o.mask[window]
        inner = crop if crop.any() else np.ones_like(crop)
    eroded = inner.copy()
    for _ in range(2):
        padded = np.pad(eroded, 1)
        eroded = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    for candidate in (eroded, inner):
        rows, columns = np.nonzero(candidate & depth.valid[window])
        if len(rows) >= 16 or (candidate is inner and len(rows)):
            step = -(-len(rows) // MAX_POINTS)
            return rows[::step] + window[0].start, columns[::step] + window[1].start
    return np.empty(0, np.int64), np.empty(0, np.int64)


def _rim(o: SceneObject, depth: DepthMap | None) -> tuple[Rim | None, tuple[int, int, int, int] | None]:
    """The lower half of the object's lowest pixels with those within 2 % of the picture's height below them, and its reach.

    Where one thing merely hides another, the rim is there too but the distance jumps; without depth it counts as level.
    """
    if o.mask is None or not o.mask.any():
        return None, None
    height = o.mask.shape[0]
    reach = max(2, round(0.02 * height))
    columns, filled = np.flatnonzero(o.mask.any(0)), np.flatnonzero(o.mask.any(1))
    spans = int(columns[0]), int(filled[0]), int(columns[-1]) + 1, int(filled[-1]) + 1
    bottoms = height - 1 - np.argmax(o.mask[::-1, columns], axis=0)
    lowest = bottoms >= np.percentile(bottoms, 50)
    columns, bottoms = columns[lowest], bottoms[lowest]
    rows = np.minimum(bottoms[None, :] + np.arange(1, reach + 1)[:, None], height - 1)
    level = np.ones(len(columns), bool)
    if depth is not None:
        above, below = (depth.values[r, columns] for r in (np.maximum(bottoms - reach, 0), rows[-1]))
        known = depth.valid[np.maximum(bottoms - reach, 0), columns] & depth.valid[rows[-1], columns]
        jump = np.abs(depth.to_distance(below) / np.maximum(depth.to_distance(above), 1e-9) - 1)
        level = ~(known & (jump > TOUCH))  # an unknown distance does not speak against contact
    return Rim(rows, columns, level), spans


def _contact(objects: tuple[SceneObject, ...], parts: Sequence[Part]) -> NDArray[np.float64]:
    """(N, N): share of i's rim with j's mask right below it at the same distance."""
    n = len(objects)
    contact = np.zeros((n, n))
    for i, part in enumerate(parts):
        rim = part.rim
        if rim is None:
            continue
        left, right, top, bottom = rim.columns[0], rim.columns[-1], rim.rows.min(), rim.rows.max()
        for j, (b, other) in enumerate(zip(objects, parts, strict=True)):
            if i == j or b.mask is None or other.reach is None:
                continue
            x0, y0, x1, y1 = other.reach
            if x0 <= right and x1 > left and y0 <= bottom and y1 > top:
                contact[i, j] = (b.mask[rim.rows, rim.columns].any(0) & rim.level).mean()
    return contact


def with_depth_stats(
    objects: tuple[SceneObject, ...], depth: DepthMap | None, parts: Sequence[Part] | None = None
) -> tuple[SceneObject, ...]:
    """The objects with the spread of the depth map over their (eroded) masks, in the map's own values."""
    if depth is None:
        return tuple(o.but(depth=None) for o in objects)
    if parts is not None:
        return tuple(o.but(depth=p.stats) for o, p in zip(objects, parts, strict=True))
    height, width = depth.values.shape
    return tuple(o.but(depth=DepthStats.of(depth.values[pixels_of(o, depth, width, height)])) for o in objects)
