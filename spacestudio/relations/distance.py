"""beside, near, far: the gap between two objects in 3D, measured by their own size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.relations.family import Column, Family, Pairs

NEAR, FAR, BAND = 0.75, 1.5, 0.25
"""Gap over mean size: near below NEAR, far above FAR, each with a band of BAND (ours)."""


def gaps(pairs: Pairs) -> Column:
    """(P,) distance between the objects' 10-90 % boxes in the camera frame, in the cloud's unit."""
    apart = np.maximum(np.maximum(pairs.b.low - pairs.a.high, pairs.a.low - pairs.b.high), 0)
    return np.asarray(np.sqrt(np.square(apart).sum(0)))


def _margins(pairs: Pairs, frame: Frame) -> Mapping[str, Column]:
    """near: NEAR minus gap over size; far: gap over size minus FAR; beside: near, and apart sideways most of all."""
    own, other = (np.sqrt(np.square(side.high - side.low).sum(0)) for side in (pairs.a, pairs.b))
    size = np.maximum((own + other) / 2, 1e-9)
    gap = gaps(pairs) / size
    across, down, away = np.abs(pairs.b.center - pairs.a.center) / size
    near = NEAR - gap
    return {"beside": np.minimum(near, across - np.maximum(down, away)), "near": near, "far": gap - FAR}


FAMILY = Family(
    "distance",
    ("camera",),
    {"beside": BAND, "near": BAND, "far": BAND},
    {"beside": "beside", "near": "near", "far": "far"},
    _margins,
    choose="first",
    needs_depth=True,
    length=gaps,
)
