"""SSTD's fourteen relations, most likely SR4G's too (SEEDS 3.2): placement, overlap, width, height and area.

Placement is sg2im's, with box centres and with containment that lets every side pass by 2 % of the picture's. Sizes are
compared in pixels: dividing both by the picture's sides changes no order and can only round ties away.

Reproduced as published: equal widths, heights or areas leave no relation of that group, a bug of the published code. The
rules break their inverses in three places: boxes equal within the tolerance are `surrounding` both ways, and, as in sg2im,
centres exactly on the falling diagonal are `left of` one way and `below` the other, coincident ones `right of` both ways
(when neither box contains the other within the tolerance, as for a cross).
"""

from __future__ import annotations

import numpy as np

from spacestudio.relations.rules.rule_set import BoxPairs, Held, RuleSet, centers
from spacestudio.relations.rules.sg2im import INVERSES, PLACEMENT, placed

TOLERANCE = 0.02
"""Share of the picture's sides by which a contained box may stick out."""


def _rule(pairs: BoxPairs) -> Held:
    (sx0, sy0, sx1, sy1), (ox0, oy0, ox1, oy1) = pairs.subject.T, pairs.object.T
    tx, ty = TOLERANCE * pairs.size.T
    surrounding = (sx0 - ox0 <= tx) & (ox1 - sx1 <= tx) & (sy0 - oy0 <= ty) & (oy1 - sy1 <= ty)
    inside = (ox0 - sx0 <= tx) & (sx1 - ox1 <= tx) & (oy0 - sy0 <= ty) & (sy1 - oy1 <= ty)
    overlapping = (np.minimum(sx1, ox1) > np.maximum(sx0, ox0)) & (np.minimum(sy1, oy1) > np.maximum(sy0, oy0))
    s_width, s_height, o_width, o_height = sx1 - sx0, sy1 - sy0, ox1 - ox0, oy1 - oy0
    s_area, o_area = s_width * s_height, o_width * o_height
    return {
        **placed(surrounding, inside, centers(pairs.subject) - centers(pairs.object), pairs.size),
        "overlapping": overlapping,
        "separated": ~overlapping,
        "wider": s_width > o_width,
        "narrower": s_width < o_width,
        "taller": s_height > o_height,
        "shorter": s_height < o_height,
        "larger": s_area > o_area,
        "smaller": s_area < o_area,
    }


_OVERLAP = ("overlapping", "separated")
_SIZES = {"width": ("wider", "narrower"), "height": ("taller", "shorter"), "area": ("larger", "smaller")}
RULES = RuleSet(
    "sstd",
    {"placement": PLACEMENT, "overlap": _OVERLAP, **_SIZES},
    {**INVERSES, **{p: p for p in _OVERLAP}, **dict(_SIZES.values()), **{b: a for a, b in _SIZES.values()}},
    _rule,
)
