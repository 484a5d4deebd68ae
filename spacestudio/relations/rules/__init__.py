"""Sets of rules that say from two boxes which relations hold: the published ones and the studio's own."""

from __future__ import annotations

from spacestudio.registry import Entry, Registry

RULE_SETS = Registry(
    "rule set",
    {
        "ours": Entry("relations.rules.ours:RULES", "The studio's 14 two-box relations, each beyond its margin."),
        "sstd": Entry(
            "relations.rules.sstd:RULES", "14 relations: sectors and containment with a tolerance, overlap, size."
        ),
        "sg2im": Entry("relations.rules.sg2im:RULES", "6 relations: containment, else the sector of the mask centroids."),
        "visor": Entry("relations.rules.visor:RULES", "4 relations: the strict order of the box centres."),
    },
)
