"""inside, surrounding, overlapping, separated: of boxes in the picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.geometry.measure import Measurements
from spacestudio.relations.family import Family, Matrix

THRESHOLD = 0.005
"""Share of the picture's sides (ours)."""


def _margins(m: Measurements, frame: Frame) -> Mapping[str, Matrix]:
    """Inset of the tightest side for containment; depth of the shared strip, or minus the gap, for overlap."""
    b = m.boxes
    insets = np.concatenate((b[:, None, :2] - b[None, :, :2], b[None, :, 2:] - b[:, None, 2:]), axis=2)
    inside = insets.min(2)
    shared = np.minimum(b[:, None, 2:], b[None, :, 2:]) - np.maximum(b[:, None, :2], b[None, :, :2])
    overlap = shared.min(2)
    return {"inside": inside, "surrounding": inside.T, "overlapping": overlap, "separated": -overlap}


FAMILY = Family(
    "topology",
    ("image",),
    dict.fromkeys(("inside", "surrounding", "overlapping", "separated"), THRESHOLD),
    {"inside": "surrounding", "surrounding": "inside", "overlapping": "overlapping", "separated": "separated"},
    _margins,
    choose="first",
)
