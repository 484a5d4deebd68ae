"""left of, right of, above, below."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.geometry.measure import Measurements
from spacestudio.relations.family import Family, Matrix, differences, pair_scale

THRESHOLD = 0.05
"""Share of the picture (image frame) or of the pair's mean distance (3D frames) (ours, after SEEDS 3.2's default)."""


def _margins(m: Measurements, frame: Frame) -> Mapping[str, Matrix]:
    """Offset of the centres: in the picture as a share of its sides, in 3D as a share of the pair's distance.

    In the picture a box inside the other has no direction: its margin is cut to below the threshold, as sg2im
    keeps containment apart from direction (SEEDS 3.2).
    """
    if frame == "image":
        left = differences((m.boxes[:, 0] + m.boxes[:, 2]) / 2)
        above = differences((m.boxes[:, 1] + m.boxes[:, 3]) / 2)
        b = m.boxes
        inside = np.all(b[:, None, :2] >= b[None, :, :2], axis=2) & np.all(b[:, None, 2:] <= b[None, :, 2:], axis=2)
        contained = inside | inside.T
        limit = THRESHOLD * 0.99
        left, above = (np.where(contained, np.clip(a, -limit, limit), a) for a in (left, above))
    else:
        scale = pair_scale(m)
        left, above = differences(m.center[:, 0]) / scale, differences(m.center[:, 1]) / scale
    return {"left of": left, "right of": -left, "above": above, "below": -above}


FAMILY = Family(
    "direction",
    ("image", "camera"),
    dict.fromkeys(("left of", "right of", "above", "below"), THRESHOLD),
    {"left of": "right of", "right of": "left of", "above": "below", "below": "above"},
    _margins,
)
