"""in front of, behind, at the same depth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.relations.family import Column, Family, Pairs, clipped

THRESHOLD = 0.05
"""Share of the pair's mean distance (ours, after SEEDS 4.4's default)."""
SAME = THRESHOLD * 0.25
OVERLAP = 0.75
"""Two 10-90 % depth ranges that share more than this of the shorter one are not ordered (ours, after SEEDS 4.4)."""


def _margins(pairs: Pairs, frame: Frame) -> Mapping[str, Column]:
    """Difference of the median distances as a share of the pair's mean distance; overlapping ranges stay undecided."""
    a, b = pairs.a, pairs.b
    front = (b.center[2] - a.center[2]) / pairs.scale
    shared = np.minimum(a.high[2], b.high[2]) - np.maximum(a.low[2], b.low[2])
    shorter = np.maximum(np.minimum(a.high[2] - a.low[2], b.high[2] - b.low[2]), 1e-9)
    ordered = clipped(front, shared / shorter > OVERLAP, THRESHOLD)
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
