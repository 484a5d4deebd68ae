"""on, under: what rests on what."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Frame
from spacestudio.relations.family import Column, Family, Pairs, Side

CONTACT, BAND = 0.4, 0.15
"""Share of the lower rim that must touch the supporter's mask, and the band around it (ours)."""
REACH = 0.35
"""Largest gap in depth, as a share of the pair's mean distance, over which two things still touch (ours)."""
LEVEL, HOVER = 0.03, 0.1
"""Shares of the pair's mean distance: heights above the floor closer than LEVEL count as level, and what begins more than
HOVER above the other's top rests not on it (ours)."""


def _margins(pairs: Pairs, frame: Frame) -> Mapping[str, Column]:
    """Contact of the masks beyond CONTACT; never for a thing whose centre is lower, that is elsewhere in depth, or
    that by the floor stands beside its would-be supporter or hovers above it."""
    a, b = pairs.a, pairs.b
    gap = np.maximum(b.low[2] - a.high[2], a.low[2] - b.high[2])
    elsewhere = np.nan_to_num(gap / pairs.scale, nan=0.0) > REACH
    lower = a.box[1] + a.box[3] - (b.box[1] + b.box[3])
    rests, carries = (lower < 0) & ~elsewhere & ~_apart(pairs, a, b), (lower > 0) & ~elsewhere & ~_apart(pairs, b, a)
    return {
        "on": np.where(rests, pairs.touch - CONTACT, -CONTACT),
        "under": np.where(carries, pairs.touched - CONTACT, -CONTACT),
    }


def _apart(pairs: Pairs, upper: Side, lower: Side) -> NDArray[np.bool_]:
    """(P,) whether the floor speaks against "upper on lower": upper stands on the floor beside a lower thing that
    rises from it, or upper begins clearly above where lower ends. False where heights are unknown."""
    bottom, top = (side / pairs.scale for side in (upper.heights[0], lower.heights[1]))
    return np.asarray(((bottom < LEVEL) & (top > 2 * LEVEL)) | (bottom - top > HOVER))


FAMILY = Family(
    "support",
    ("image",),
    {"on": BAND, "under": BAND},
    {"on": "under", "under": "on"},
    _margins,
    stores_false=False,
)
