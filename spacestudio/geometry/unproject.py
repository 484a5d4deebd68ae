"""Pixels and depth to points and back. Camera frame: x right, y down, z forward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.domain.cloud import PointCloud
from spacestudio.domain.depth import FAR_NEAR_RATIO, DepthMap
from spacestudio.domain.objects import SceneObject


def unproject(distance: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """(H, W) distance along z to (H, W, 3) float32 points; pixel (u, v) is sampled at its centre (u, v) px.

    x = (u - cx) z / fx, y = (v - cy) z / fy (SEEDS 1.3). NaN stays NaN.
    """
    height, width = distance.shape
    x = ((np.arange(width, dtype=np.float32) - np.float32(camera.cx)) / np.float32(camera.fx))[None, :]
    y = ((np.arange(height, dtype=np.float32) - np.float32(camera.cy)) / np.float32(camera.fy))[:, None]
    points = np.empty((height, width, 3), np.float32)
    np.multiply(distance, x, out=points[..., 0])
    np.multiply(distance, y, out=points[..., 1])
    points[..., 2] = distance
    return points


def project(points_camera: NDArray[np.floating], camera: Camera) -> NDArray[np.float64]:
    """(..., 3) points with z > 0 to (..., 2) pixel positions (u, v)."""
    points = np.asarray(points_camera, np.float64)
    z = points[..., 2]
    u = points[..., 0] / z * camera.fx + camera.cx
    v = points[..., 1] / z * camera.fy + camera.cy
    return np.stack((u, v), -1)


def object_index_map(objects: tuple[SceneObject, ...], height: int, width: int) -> NDArray[np.int32]:
    """(H, W) int32: which object a pixel belongs to, -1 for none; where masks overlap, the smaller mask wins."""
    index = np.full((height, width), -1, np.int32)
    masks = [(int(o.mask.sum()), place, o.mask) for place, o in enumerate(objects) if o.mask is not None]
    for _, place, mask in sorted(masks, key=lambda item: (-item[0], item[1])):
        index[mask] = place
    return index


def to_cloud(
    image: NDArray[np.uint8],
    depth: DepthMap,
    camera: Camera,
    objects: tuple[SceneObject, ...] = (),
    ratio: float = FAR_NEAR_RATIO,
) -> PointCloud:
    """Every valid pixel as a coloured point that knows its object."""
    height, width = depth.values.shape
    points = unproject(depth.distance(ratio), camera)
    index = object_index_map(objects, height, width)
    if depth.valid.all():
        flat = points.reshape(-1, 3), image.reshape(-1, 3), index.reshape(-1)
    else:
        keep = np.flatnonzero(depth.valid)
        flat = points.reshape(-1, 3)[keep], image.reshape(-1, 3)[keep], index.reshape(-1)[keep]
    return PointCloud(*flat, unit="m" if depth.kind == "metric" else "relative")
