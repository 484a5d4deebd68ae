"""larger, smaller, wider, narrower, taller, shorter: of boxes in the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Frame
from spacestudio.relations.family import Column, Family, Pairs, Side

THRESHOLD = math.log(1.1)
"""One must be a tenth more than the other (SEEDS 3.2's default)."""


def _sizes(side: Side, frame: Frame) -> NDArray[np.float64]:
    """(2, P) logarithms of width and height: of the box in the picture, or of the 10-90 % extent in space."""
    size = side.box[2:] - side.box[:2] if frame == "image" else side.high[:2] - side.low[:2]
    return np.log(np.maximum(size, 1e-9))


def _margins(pairs: Pairs, frame: Frame) -> Mapping[str, Column]:
    """Logarithm of subject's measure over object's; the area counts by its square root, so all three compare.

    Stored for the picture alone; in space it can be judged too, which tells what only looks larger because it is nearer.
    """
    wider, taller = _sizes(pairs.a, frame) - _sizes(pairs.b, frame)
    larger = (wider + taller) / 2
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
