"""What the relation rules look at: boxes, distances and 3D extents of all objects, as arrays with N first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import FAR_NEAR_RATIO, RATIO_RANGE, DepthMap, DepthStats
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.unproject import unproject

MAX_POINTS = 4000
"""Pixels per object that enter the 3D extents; a regular subsample above that (ours)."""
TOUCH = 0.06
"""Largest jump in distance, as a share of it, over which two things still touch (ours)."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """N objects measured under one assumption about depth.

    Attributes:
        boxes: (N, 4) float64 xyxy as shares of the picture, 0-1.
        size_px: (2,) picture width and height.
        z: (N, 3) p10, median, p90 of the distance along z; NaN without depth.
        center: (N, 3) median point in the camera frame; NaN without depth.
        low, high: (N, 3) 10th and 90th percentile of the points, per axis; NaN without depth.
        contact: (N, N) share of object i's lower rim that touches or overlaps object j's mask.
        metric: True when z, center, low and high are metres.
        ratio: the far/near ratio assumed; 0 when metric.
    """

    boxes: NDArray[np.float64]
    size_px: NDArray[np.float64]
    z: NDArray[np.float64]
    center: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    contact: NDArray[np.float64]
    metric: bool = False
    ratio: float = 0.0

    def __len__(self) -> int:
        return len(self.boxes)

    def turned(self, quarter_turns: int) -> Measurements:
        """As seen after walking round the scene by quarter turns, to its left side first; four turns are the identity.

        From the left side what was near is on the right and what was on the left is near: (x, y, z) -> (-z, y, x).
        """
        m = self
        for _ in range(quarter_turns % 4):
            center, low, high = (_turn(a) for a in (m.center, m.low, m.high))
            m = replace(m, center=center, low=np.minimum(low, high), high=np.maximum(low, high))
        return m


def _turn(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(x, y, z) -> (-z, y, x): l' = -f and f' = l as in SEEDS 1.3(d)."""
    return np.stack((-points[:, 2], points[:, 1], points[:, 0]), 1)


def measure(
    objects: tuple[SceneObject, ...], width: int, height: int, depth: DepthMap | None, camera: Camera | None
) -> tuple[Measurements, ...]:
    """The objects measured under each assumption a 3D verdict must survive, the stated one first.

    Metric depth needs one; other kinds are measured at the far/near ratios 10, 3 and 30 (DESIGN 2).
    """
    ratios: tuple[float, ...] = (FAR_NEAR_RATIO, *RATIO_RANGE)
    if depth is None or camera is None or depth.kind == "metric":
        ratios = (FAR_NEAR_RATIO,)
    boxes = np.array([o.box.xyxy for o in objects], np.float64).reshape(-1, 4) / [width, height, width, height]
    distance = depth.distance() if depth is not None else None
    contact = _contact(objects, distance)
    pixels = [_pixels(o, depth, width, height) for o in objects]
    return tuple(_at_ratio(boxes, contact, pixels, (width, height), depth, camera, ratio) for ratio in ratios)


def _pixels(o: SceneObject, depth: DepthMap | None, width: int, height: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the object's valid pixels, edge eroded where enough remain."""
    if depth is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
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


def _at_ratio(
    boxes: NDArray[np.float64],
    contact: NDArray[np.float64],
    pixels: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    size: tuple[int, int],
    depth: DepthMap | None,
    camera: Camera | None,
    ratio: float,
) -> Measurements:
    n = len(boxes)
    z, center, low, high = (np.full((n, 3), np.nan) for _ in range(4))
    if depth is not None and camera is not None:
        points = unproject(depth.distance(ratio), camera)
        for i, (rows, columns) in enumerate(pixels):
            if len(rows):
                own = points[rows, columns].astype(np.float64)
                low[i], center[i], high[i] = np.percentile(own, [10, 50, 90], axis=0)
                z[i] = low[i, 2], center[i, 2], high[i, 2]
    metric = depth is not None and depth.kind == "metric"
    return Measurements(boxes, np.array(size, np.float64), z, center, low, high, contact, metric, 0.0 if metric else ratio)


def _contact(objects: tuple[SceneObject, ...], distance: NDArray[np.float32] | None) -> NDArray[np.float64]:
    """(N, N): share of i's lowest mask pixels, column by column, with j's mask within 2 % below at the same distance.

    Where one thing merely hides another, the rim is there too but the distance jumps; without depth it counts as contact.
    """
    n = len(objects)
    contact = np.zeros((n, n))
    for i, a in enumerate(objects):
        if a.mask is None or not a.mask.any():
            continue
        height = a.mask.shape[0]
        reach = max(2, round(0.02 * height))
        columns = np.flatnonzero(a.mask.any(0))
        bottoms = height - 1 - np.argmax(a.mask[::-1, columns], axis=0)
        lowest = bottoms >= np.percentile(bottoms, 50)
        columns, bottoms = columns[lowest], bottoms[lowest]
        below = np.minimum(bottoms[:, None] + np.arange(1, reach + 1), height - 1)
        level = np.ones(len(columns), bool)
        if distance is not None:
            rim = distance[np.maximum(bottoms - reach, 0), columns]
            jump = np.abs(distance[below[:, -1], columns] / rim - 1)
            level = ~(jump > TOUCH)  # an unknown distance does not speak against contact
        for j, b in enumerate(objects):
            if i != j and b.mask is not None:
                contact[i, j] = (b.mask[below, columns[:, None]].any(1) & level).mean()
    return contact


def with_depth_stats(objects: tuple[SceneObject, ...], depth: DepthMap | None) -> tuple[SceneObject, ...]:
    """The objects with the spread of the depth map over their (eroded) masks, in the map's own values."""
    out = []
    for o in objects:
        stats = None
        if depth is not None:
            height, width = depth.values.shape
            rows, columns = _pixels(o, depth, width, height)
            stats = DepthStats.of(depth.values[rows, columns])
        out.append(o.but(depth=stats))
    return tuple(out)
