"""larger, smaller, wider, narrower, taller, shorter: of boxes in the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from spacestudio.domain.graph import Frame
from spacestudio.geometry.measure import Measurements
from spacestudio.relations.family import Family, Matrix, differences

THRESHOLD = math.log(1.1)
"""One must be a tenth more than the other (SEEDS 3.2's default)."""


def _margins(m: Measurements, frame: Frame) -> Mapping[str, Matrix]:
    """Logarithm of subject's measure over object's; the area counts by its square root, so all three compare."""
    size = np.maximum(m.boxes[:, 2:] - m.boxes[:, :2], 1e-9) * m.size_px
    wide, tall = np.log(size[:, 0]), np.log(size[:, 1])
    wider, taller = -differences(wide), -differences(tall)
    larger = -differences((wide + tall) / 2)
    return {
        "larger": larger,
        "smaller": -larger,
        "wider": wider,
        "narrower": -wider,
        "taller": taller,
        "shorter": -taller,
    }


_PAIRS = (("larger", "smaller"), ("wider", "narrower"), ("taller", "shorter"))
FAMILY = Family(
    "scale",
    ("image",),
    dict.fromkeys((p for pair in _PAIRS for p in pair), THRESHOLD),
    dict(_PAIRS) | {b: a for a, b in _PAIRS},
    _margins,
    choose="first",
)
