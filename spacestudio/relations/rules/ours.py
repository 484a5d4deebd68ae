"""The studio's own fourteen two-box relations: direction in the picture, topology and size, each beyond its margin.

A relation holds where its verdict is true; in the band round a tie nothing does, so inverses always hold.
"""

from __future__ import annotations

import numpy as np

from spacestudio.domain.measurements import Measurements
from spacestudio.relations import direction, scale, topology
from spacestudio.relations.family import Pairs
from spacestudio.relations.rules.rule_set import BoxPairs, Held, RuleSet

_FAMILIES = (direction.FAMILY, topology.FAMILY, scale.FAMILY)
_UNSEEN = np.empty((0, 3))


def _rule(pairs: BoxPairs) -> Held:
    shares = np.concatenate((pairs.subject, pairs.object)) / np.tile(pairs.size, (2, 2))
    count = len(pairs.subject)
    rows, untouched = np.arange(count), np.zeros(count)
    # Boxes are all these families look at: depth and contact are left empty.
    flat = Measurements(shares, pairs.size, _UNSEEN, _UNSEEN, _UNSEEN, _UNSEEN, _UNSEEN)
    measured = Pairs(flat, rows, rows + count, untouched, untouched)
    held = {}
    for family in _FAMILIES:
        margins = family.margins(measured, "image")
        held.update({predicate: margins[predicate] >= limit for predicate, limit in family.thresholds.items()})
    return held


RULES = RuleSet(
    "ours",
    {
        "horizontal": ("left of", "right of"),
        "vertical": ("above", "below"),
        "containment": ("inside", "surrounding"),
        "overlap": ("overlapping", "separated"),
        "width": ("wider", "narrower"),
        "height": ("taller", "shorter"),
        "area": ("larger", "smaller"),
    },
    {predicate: inverse for family in _FAMILIES for predicate, inverse in family.inverses.items()},
    _rule,
)
