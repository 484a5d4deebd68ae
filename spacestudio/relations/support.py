"""on, under: what rests on what."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.geometry.measure import Measurements
from spacestudio.relations.family import Family, Matrix, pair_scale

CONTACT, BAND = 0.4, 0.15
"""Share of the lower rim that must touch the supporter's mask, and the band around it (ours)."""
REACH = 0.35
"""Largest gap in depth, as a share of the pair's mean distance, over which two things still touch (ours)."""


def _margins(m: Measurements, frame: Frame) -> Mapping[str, Matrix]:
    """Contact of the masks beyond CONTACT; never for a thing whose centre is lower, or that is elsewhere in depth."""
    middle = (m.boxes[:, 1] + m.boxes[:, 3]) / 2
    higher = middle[:, None] < middle[None, :]
    gap = np.maximum(m.low[None, :, 2] - m.high[:, None, 2], m.low[:, None, 2] - m.high[None, :, 2])
    elsewhere = np.nan_to_num(gap / pair_scale(m), nan=0.0) > REACH
    on = np.where(higher & ~elsewhere, m.contact - CONTACT, -CONTACT)
    return {"on": on, "under": on.T}


FAMILY = Family(
    "support",
    ("image",),
    {"on": BAND, "under": BAND},
    {"on": "under", "under": "on"},
    _margins,
    stores_false=False,
)
