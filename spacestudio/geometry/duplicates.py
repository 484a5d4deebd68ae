"""Boxes that mean the same thing twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box

SAME: Final = 0.5
"""Two boxes of one label that overlap more (intersection over union) are one thing (the usual non-maximum suppression)."""
OTHER: Final = 0.85
"""Two boxes of different labels that overlap more are one thing, called by two names (ours)."""


def without_duplicates(
    boxes: Sequence[Box], labels: Sequence[str], scores: Sequence[float], same: float = SAME, other: float = OTHER
) -> list[int]:
    """Which boxes stay, best first; of equal scores the earlier.

    From the best box down, a box goes when it overlaps one that stays by more than `same`, and that one has its label, or
    by more than `other`, whatever the labels. So of two names for one thing the likelier stays. Limits of 1 keep all.

    Args:
        boxes, labels, scores: N of each.
        same, other: intersection over union in [0, 1].
    """
    corners = np.array([box.xyxy for box in boxes], np.float64).reshape(-1, 4)
    names = np.array(labels, object)
    left = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    kept: list[int] = []
    while len(left):
        best, rest = int(left[0]), left[1:]
        kept.append(best)
        overlap = _overlaps(corners[best], corners[rest])
        left = rest[overlap <= np.where(names[rest] == names[best], same, other)]
    return kept


def _overlaps(one: NDArray[np.float64], many: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) intersection over union of one box (x0, y0, x1, y1) with each of (N, 4); 0 where both are empty."""
    inner = np.minimum(one[2:], many[:, 2:]) - np.maximum(one[:2], many[:, :2])
    shared = np.prod(np.maximum(inner, 0), axis=1)
    areas = np.prod(many[:, 2:] - many[:, :2], axis=1) + np.prod(one[2:] - one[:2])
    union = areas - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(union), where=union > 0))
