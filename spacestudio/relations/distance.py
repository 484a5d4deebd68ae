"""beside, near, far: the gap between two objects in 3D, measured by their own size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.geometry.measure import Measurements
from spacestudio.relations.family import Family, Matrix, differences

NEAR, FAR, BAND = 0.75, 1.5, 0.25
"""Gap over mean size: near below NEAR, far above FAR, each with a band of BAND (ours)."""


def gaps(m: Measurements) -> Matrix:
    """(N, N): distance between the objects' 10-90 % boxes in the camera frame, in the cloud's unit."""
    apart = np.maximum(m.low[None, :] - m.high[:, None], m.low[:, None] - m.high[None, :])
    return np.asarray(np.linalg.norm(np.maximum(apart, 0), axis=2))


def _margins(m: Measurements, frame: Frame) -> Mapping[str, Matrix]:
    """near: NEAR minus gap over size; far: gap over size minus FAR; beside: near, and apart sideways most of all."""
    diagonal = np.linalg.norm(m.high - m.low, axis=1)
    size = np.maximum((diagonal[:, None] + diagonal[None, :]) / 2, 1e-9)
    gap = gaps(m) / size
    across, down, away = (np.abs(differences(m.center[:, axis])) / size for axis in range(3))
    near = NEAR - gap
    beside = np.minimum(near, np.minimum(across - down, across - away))
    return {"beside": beside, "near": near, "far": gap - FAR}


FAMILY = Family(
    "distance",
    ("camera",),
    {"beside": BAND, "near": BAND, "far": BAND},
    {"beside": "beside", "near": "near", "far": "far"},
    _margins,
    choose="first",
    needs_depth=True,
)
