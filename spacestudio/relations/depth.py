"""in front of, behind, at the same depth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.geometry.measure import Measurements
from spacestudio.relations.family import Family, Matrix, differences, pair_scale

THRESHOLD = 0.05
"""Share of the pair's mean distance (ours, after SEEDS 4.4's default)."""
SAME = THRESHOLD * 0.25
OVERLAP = 0.75
"""Two 10-90 % depth ranges that share more than this of the shorter one are not ordered (ours, after SEEDS 4.4)."""


def _margins(m: Measurements, frame: Frame) -> Mapping[str, Matrix]:
    """Difference of the median distances as a share of the pair's mean distance; overlapping ranges stay undecided."""
    near, middle, far = m.low[:, 2], m.center[:, 2], m.high[:, 2]
    front = differences(middle) / pair_scale(m)
    shared = np.minimum(far[:, None], far[None, :]) - np.maximum(near[:, None], near[None, :])
    shorter = np.maximum(np.minimum((far - near)[:, None], (far - near)[None, :]), 1e-9)
    limit = THRESHOLD * 0.99
    ordered = np.where(shared / shorter > OVERLAP, np.clip(front, -limit, limit), front)
    return {"in front of": ordered, "behind": -ordered, "at the same depth": THRESHOLD * 0.75 - np.abs(front)}


FAMILY = Family(
    "depth",
    ("camera",),
    {"in front of": THRESHOLD, "behind": THRESHOLD, "at the same depth": SAME},
    {"in front of": "behind", "behind": "in front of", "at the same depth": "at the same depth"},
    _margins,
    choose="first",
    needs_depth=True,
)
