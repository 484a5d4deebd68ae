"""VISOR's four relations (Gokhale et al. 2023; SEEDS 3.2 and 3.4): the strict order of the box centres, in pixels.

One of each axis may hold, so two can hold at once; centres level on an axis leave that axis empty. Inverses always hold.
"""

from __future__ import annotations

from spacestudio.relations.rules.rule_set import BoxPairs, Held, RuleSet, centers


def _rule(pairs: BoxPairs) -> Held:
    x, y = (centers(pairs.subject) - centers(pairs.object)).T
    return {"left of": x < 0, "right of": x > 0, "above": y < 0, "below": y > 0}


RULES = RuleSet(
    "visor",
    {"horizontal": ("left of", "right of"), "vertical": ("above", "below")},
    {"left of": "right of", "right of": "left of", "above": "below", "below": "above"},
    _rule,
)
