"""How deep each object lies in its picture, from 0 (nearest) to 1 (farthest), whatever the depth map's polarity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthKind, DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import with_depth_stats

DIGITS = 2
"""Decimals of a depth in [0, 1]; comparisons use the rounded numbers, so whoever reads them comes to the same answer."""


@dataclass(frozen=True, slots=True)
class ObjectDepth:
    """Depth of one object in [0, 1], 0 nearest (SEEDS 4.4).

    Attributes:
        depth01: median of the map's farness over the mask, else over the central half of the box; two decimals.
        p10, p90: of the same pixels; p10 <= p90.
        valid: share of those pixels that hold a depth, in (0, 1].
    """

    depth01: float
    p10: float
    p90: float
    valid: float

    def overlaps(self, other: ObjectDepth) -> bool:
        """Whether the two ranges p10 - p90 share more than a point."""
        return min(self.p90, other.p90) > max(self.p10, other.p10)


@dataclass(frozen=True)
class Depths:
    """The objects of one picture that have a depth, and what the numbers were read from.

    Attributes:
        objects: object id -> its depth.
        kind, polarity, source: of the depth map ("larger is nearer").
        p1, p99: its percentiles, in its own values; depth01 is 0 and 1 there.
    """

    objects: Mapping[str, ObjectDepth]
    kind: DepthKind
    polarity: str
    p1: float
    p99: float
    source: str = ""


def depths_of(objects: Iterable[SceneObject], depth: DepthMap) -> Depths:
    """Each object's depth; one without a valid pixel is left out.

    Args:
        objects: with masks of the map's (H, W), or without.
        depth: (H, W), of the picture's size.
    """
    found = {o.id: d for o in objects if (d := _depth_of(o, depth)) is not None}
    p1, p99 = depth.percentiles()
    return Depths(found, depth.kind, depth.polarity, p1, p99, depth.source)


def _depth_of(o: SceneObject, depth: DepthMap) -> ObjectDepth | None:
    region = o.mask if o.mask is not None and o.mask.any() else _central_half(o, depth.values.shape)
    stats = o.depth if region is o.mask and o.depth is not None else with_depth_stats((o.but(mask=region),), depth)[0].depth
    if stats is None:
        return None
    p10, median, p90 = np.sort(depth.to_farness(np.array([stats.p10, stats.median, stats.p90], np.float32))).tolist()
    return ObjectDepth(round(median, DIGITS), round(p10, 4), round(p90, 4), round(float(depth.valid[region].mean()), 4))


def _central_half(o: SceneObject, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H, W) bool: the middle of the box, half as wide and half as high; at least one pixel."""
    height, width = shape
    x, y = o.box.center
    half = Box(x - o.box.width / 4, y - o.box.height / 4, x + o.box.width / 4, y + o.box.height / 4)
    region = np.zeros((height, width), bool)
    region[half.slices(width, height)] = True
    return region
