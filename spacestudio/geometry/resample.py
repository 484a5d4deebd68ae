"""A depth map at another size."""

from __future__ import annotations

import numpy as np

from spacestudio.domain.depth import DepthMap


def resampled(depth: DepthMap, width: int, height: int) -> DepthMap:
    """The map at (height, width), nearest neighbour at pixel centres, so that no depth is invented across edges."""
    old_height, old_width = depth.values.shape
    if (old_width, old_height) == (width, height):
        return depth
    rows = np.minimum(((np.arange(height) + 0.5) * old_height / height).astype(np.intp), old_height - 1)
    columns = np.minimum(((np.arange(width) + 0.5) * old_width / width).astype(np.intp), old_width - 1)
    grid = np.ix_(rows, columns)
    return DepthMap(depth.values[grid], depth.kind, depth.valid[grid], depth.source)
