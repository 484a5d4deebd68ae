"""SpaceSGG's pairwise record: left, up and front of every ordered pair, by whether the ranges of their points overlap.

The interval test of the published multi-view step (SEEDS 1.3 c), applied to X (right), Y (down) and Z (away) alike (1.3 d).
Where the published script takes the ends of ten random points, a range here reaches from the 10th to the 90th percentile of
all of an object's points (`geometry.measure`): the same each time, and no stray pixel decides it (ours).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import pixels_of

Ranges = tuple[NDArray[np.float64], NDArray[np.float64]]
LOW, HIGH = 10, 90
"""Percentiles an object's range reaches between (ours)."""


def ranges_of(
    objects: tuple[SceneObject, ...], depth: DepthMap, camera: Camera, pose: NDArray[np.float64] | None = None
) -> Ranges:
    """(N, 3) low and (N, 3) high end of each object's points on X, Y and Z; NaN for one without valid depth.

    Args:
        objects: N of them.
        depth, camera: of the picture, under the stated assumption about distance.
        pose: (4, 4) camera to world; None leaves the points in the camera frame.
    """
    low, high = np.full((len(objects), 3), np.nan), np.full((len(objects), 3), np.nan)
    for i, o in enumerate(objects):
        rows, columns = pixels_of(o, depth, depth.values.shape[1], depth.values.shape[0])
        if not len(rows):
            continue
        z = depth.to_distance(depth.values[rows, columns]).astype(np.float64)
        points = np.stack(((columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z), 1)
        if pose is not None:
            points = points @ pose[:3, :3].T + pose[:3, 3]
        low[i], high[i] = np.percentile(points, [LOW, HIGH], axis=0)
    return low, high


def record(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int8]:
    """(N, N, 3) int8: entry [i, j] tells of object i against j (left, up, front).

    -1: i lies left of, above, in front of j: its range ends before j's begins. 1: right of, below, behind. 0: the ranges
    overlap or touch, or one is NaN, so it is undecided. [j, i] is always the opposite of [i, j].

    Args:
        low, high: (N, 3), low <= high, on axes that point right, down and away.
    """
    with np.errstate(invalid="ignore"):
        before = high[:, None] < low[None, :]
    return np.subtract(before.transpose(1, 0, 2), before, dtype=np.int8)
