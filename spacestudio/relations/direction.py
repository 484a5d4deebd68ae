"""left of, right of, above, below."""

from __future__ import annotations

from collections.abc import Mapping

from spacestudio.domain.graph import Frame
from spacestudio.relations.family import Column, Family, Pairs, clipped

THRESHOLD = 0.05
"""Share of the picture (image frame) or of the pair's mean distance (3D frames) (ours, after SEEDS 3.2's default)."""


def _margins(pairs: Pairs, frame: Frame) -> Mapping[str, Column]:
    """Offset of the centres: in the picture as a share of its sides, in 3D as a share of the pair's distance.

    In the picture a box inside the other has no direction: its margin is cut to below the threshold, as sg2im
    keeps containment apart from direction (SEEDS 3.2).
    """
    if frame == "image":
        a, b = pairs.a.box, pairs.b.box
        left, above = ((b[k] + b[k + 2] - (a[k] + a[k + 2])) / 2 for k in (0, 1))
        inside = (a[0] >= b[0]) & (a[1] >= b[1]) & (a[2] <= b[2]) & (a[3] <= b[3])
        around = (b[0] >= a[0]) & (b[1] >= a[1]) & (b[2] <= a[2]) & (b[3] <= a[3])
        contained = inside | around
        left, above = clipped(left, contained, THRESHOLD), clipped(above, contained, THRESHOLD)
    else:
        left, above = ((pairs.b.center[k] - pairs.a.center[k]) / pairs.scale for k in (0, 1))
    return {"left of": left, "right of": -left, "above": above, "below": -above}


FAMILY = Family(
    "direction",
    ("image", "camera"),
    dict.fromkeys(("left of", "right of", "above", "below"), THRESHOLD),
    {"left of": "right of", "right of": "left of", "above": "below", "below": "above"},
    _margins,
)
