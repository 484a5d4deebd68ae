"""sg2im's six relations (Johnson et al. 2018; SEEDS 3.2): containment, else the sector in which the centroid lies.

Exactly one holds for every ordered pair. Coordinates are divided by the picture's sides, so a sector's diagonals run along
the picture's. Centroids are those of the masks; where none are given, the boxes' centres stand in for them.

The rules break their inverses in two places, reproduced here: centroids exactly on the falling diagonal are `left of` one
way and `below` the other, and coincident centroids are `right of` both ways.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spacestudio.relations.rules.rule_set import BoxPairs, Floats, Held, RuleSet

MIN_SHARE = 0.02
"""Objects must cover more than this share of the picture."""
MIN_OBJECTS, MAX_OBJECTS = 3, 8
"""How many such objects a picture must have."""
PLACEMENT = ("surrounding", "inside", "left of", "right of", "above", "below")
"""In the order they are tried."""
INVERSES = {
    "surrounding": "inside",
    "inside": "surrounding",
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
}


def sectors(offset_px: Floats, size_px: Floats) -> dict[str, NDArray[np.bool_]]:
    """The half-open quarter of the plane in which (P, 2) subject-minus-object offsets point; exactly one holds.

    With θ = atan2(dy / H, dx / W): left θ ≥ 3π/4 or θ ≤ −3π/4, above −3π/4 < θ < −π/4, right −π/4 ≤ θ < π/4, below
    π/4 ≤ θ < 3π/4; no offset is θ = 0. Written without the angle, as comparisons of dx·H and dy·W, diagonals are exact.
    """
    x, y = (offset_px * size_px[:, ::-1]).T
    return {
        "left of": (x < 0) & (x <= y) & (y <= -x),
        "right of": ((-x <= y) & (y < x)) | ((x == 0) & (y == 0)),
        "above": (y < x) & (y < -x),
        "below": (x <= y) & (-x < y),
    }


def placed(surrounding: NDArray[np.bool_], inside: NDArray[np.bool_], offset_px: Floats, size_px: Floats) -> Held:
    """Exactly one of `PLACEMENT`: surrounding, else inside, else the sector."""
    inside = inside & ~surrounding
    apart = ~(surrounding | inside)
    direction = {predicate: held & apart for predicate, held in sectors(offset_px, size_px).items()}
    return {"surrounding": surrounding, "inside": inside, **direction}


def eligible(boxes_xyxy_px: ArrayLike, width: float, height: float) -> NDArray[np.bool_]:
    """(N,) bool: the objects of one picture that sg2im looks at; none when fewer than 3 or more than 8 are left.

    Args:
        boxes_xyxy_px: (N, 4) boxes, px.
        width, height: of the picture, px.
    """
    boxes = np.asarray(boxes_xyxy_px, np.float64).reshape(-1, 4)
    x0, y0, x1, y1 = boxes.T
    large: NDArray[np.bool_] = (x1 - x0) * (y1 - y0) > MIN_SHARE * (width * height)
    return large if MIN_OBJECTS <= large.sum() <= MAX_OBJECTS else np.zeros_like(large)


def _rule(pairs: BoxPairs) -> Held:
    (sx0, sy0, sx1, sy1), (ox0, oy0, ox1, oy1) = pairs.subject.T, pairs.object.T
    surrounding = (sx0 < ox0) & (sx1 > ox1) & (sy0 < oy0) & (sy1 > oy1)
    inside = (sx0 > ox0) & (sx1 < ox1) & (sy0 > oy0) & (sy1 < oy1)
    return placed(surrounding, inside, pairs.subject_centroid - pairs.object_centroid, pairs.size)


RULES = RuleSet("sg2im", {"placement": PLACEMENT}, INVERSES, _rule, uses_centroids=True)
