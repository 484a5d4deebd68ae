"""How much boxes overlap, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def iou(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """(C,) intersection over union in [0, 1] of the boxes in each row of two (C, 4) xyxy arrays, in their own dtype.

    0 where there is nothing to divide by or a number is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)]
        share = shared / (areas[0] + areas[1] - shared)
    return np.where(np.isfinite(share), share, 0)
