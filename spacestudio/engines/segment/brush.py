"""Masks by hand: brush strokes, and the region round a click that looks alike at one depth. Both are ours.

Shapes: H, W of the picture. Points are (x, y) in picture px; pixel (u, v) covers u to u + 1 and v to v + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacestudio.domain.depth import DepthMap
from spacestudio.engines.protocols import Image, Mask

REACH: Final = 0.15
"""A click reaches this share of the picture's longer side."""
LEAST_REACH: Final = 24
"""But at least this far, px."""
ALIKE: Final = 16.0
"""Largest difference of colour from the clicked place, in CIE Lab; 2.3 is just noticeable."""
LEVEL: Final = 0.05
"""Largest difference of farness from the clicked place."""
SPOT: Final = 2
"""Half the side of the patch a click samples, and of the least region it answers, px."""


def stroke(height: int, width: int, points: Sequence[tuple[float, float]], radius: float) -> Mask:
    """(H, W) bool: what a round brush covers, drawn along `points`; may be empty outside the picture.

    Args:
        height, width: of the picture, px.
        points: at least one; may lie outside the picture.
        radius: of the brush, px.
    """
    pad = int(np.ceil(radius)) + 2
    line = np.floor(np.asarray(points, np.float64)).astype(np.int64)
    low = np.clip(line.min(0) - pad, -pad, (width, height))
    high = np.clip(line.max(0) + pad + 1, low + 1, (width + pad, height + pad))
    canvas = np.ones((high - low)[::-1], np.uint8)
    cv2.polylines(canvas, [np.asarray(np.repeat(line - low, 2, 0), np.int32)], False, 0, 1, cv2.LINE_8)
    covered = np.zeros(canvas.shape, bool)
    if not canvas.all():
        covered = cv2.distanceTransform(canvas, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= radius
    out = np.zeros((height, width), bool)
    (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, (width, height))
    if x0 < x1 and y0 < y1:
        out[y0:y1, x0:x1] = covered[y0 - low[1] : y1 - low[1], x0 - low[0] : x1 - low[0]]
    return out


def reach(height: int, width: int) -> int:
    """How far a click acts, px."""
    return max(LEAST_REACH, round(REACH * max(height, width)))


def alike(image: Image, depth: DepthMap | None, point: tuple[float, float], within: Mask | None = None) -> Mask:
    """(H, W) bool: the connected region round `point` of its colour and at its depth.

    A pixel belongs to it when its smoothed colour differs by at most `ALIKE` from the clicked patch's median, its
    farness by at most `LEVEL` (colour alone where depth was not measured), and it lies within `reach`. A patch of
    `SPOT` px round the click always belongs, and small holes are filled. The same input gives the same region.

    Args:
        image: (H, W, 3) uint8.
        depth: of the same size, or None.
        point: inside the picture.
        within: the region stays inside it; the whole picture without it.
    """
    height, width = image.shape[:2]
    x, y = min(max(int(point[0]), 0), width - 1), min(max(int(point[1]), 0), height - 1)
    far = reach(height, width)
    rows, columns = slice(max(0, y - far), min(height, y + far + 1)), slice(max(0, x - far), min(width, x + far + 1))
    v, u = y - rows.start, x - columns.start
    v_grid, u_grid = np.ogrid[: rows.stop - rows.start, : columns.stop - columns.start]
    round_click = (v_grid - v) ** 2 + (u_grid - u) ** 2
    allowed = round_click <= far**2
    if within is not None:
        allowed &= within[rows, columns]
    patch = slice(max(0, v - SPOT), v + SPOT + 1), slice(max(0, u - SPOT), u + SPOT + 1)
    smooth = cv2.GaussianBlur(image[rows, columns].astype(np.float32) / 255, (0, 0), 1.0)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2Lab)
    near = np.linalg.norm(lab - np.median(lab[patch].reshape(-1, 3), axis=0), axis=-1) <= ALIKE
    if depth is not None:
        near &= _level(depth.farness()[rows, columns], patch)
    spot = round_click <= SPOT**2
    pieces, _ = ndimage.label((near | spot) & allowed)
    touched = np.unique(pieces[spot & allowed])
    region = np.isin(pieces, touched[touched > 0])
    region = _without_pinholes(region) & allowed
    out = np.zeros((height, width), bool)
    out[rows, columns] = region
    return out


def _level(farness: NDArray[np.float32], patch: tuple[slice, slice]) -> Mask:
    """Pixels at the patch's farness, or of unknown farness."""
    here = farness[patch][np.isfinite(farness[patch])]
    if not here.size:
        return np.ones(farness.shape, bool)
    return np.asarray(~(np.abs(farness - np.median(here)) > LEVEL), bool)


def _without_pinholes(region: Mask) -> Mask:
    """Holes smaller than a hundredth of the region are filled."""
    holes, count = ndimage.label(~region)
    if not count:
        return region
    sizes = np.bincount(holes.ravel())
    small = sizes < max(4, 0.01 * region.sum())
    small[0] = False
    return np.asarray(region | small[holes], bool)
