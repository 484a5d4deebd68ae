"""inside, surrounding, overlapping, separated: of boxes in the picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.relations.family import Column, Family, Pairs

THRESHOLD = 0.005
"""Share of the picture's sides (ours)."""


def _margins(pairs: Pairs, frame: Frame) -> Mapping[str, Column]:
    """Inset of the tightest side for containment; depth of the shared strip, or minus the gap, for overlap."""
    a, b = pairs.a.box, pairs.b.box
    first, last = a[:2] - b[:2], b[2:] - a[2:]
    inside = np.minimum(first, last).min(0)
    surrounding = -np.maximum(first, last).max(0)
    overlap = (np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).min(0)
    return {"inside": inside, "surrounding": surrounding, "overlapping": overlap, "separated": -overlap}


FAMILY = Family(
    "topology",
    ("image",),
    dict.fromkeys(("inside", "surrounding", "overlapping", "separated"), THRESHOLD),
    {"inside": "surrounding", "surrounding": "inside", "overlapping": "overlapping", "separated": "separated"},
    _margins,
    choose="first",
)
