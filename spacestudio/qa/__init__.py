"""Graph -> questions. One family per file, one line here; each module has `questions(scene) -> list[QAPair]`."""

from __future__ import annotations

from spacestudio.registry import Entry, Registry

FAMILIES = Registry(
    "question family",
    {
        "existence": Entry("qa.existence:questions", "Is there a …? Present and absent objects, balanced."),
        "count": Entry("qa.count:questions", "How many …s are there?"),
        "attribute": Entry("qa.attribute:questions", "What colour, material or state?"),
        "position": Entry("qa.position:questions", "Where in the picture is the …?"),
        "relation": Entry("qa.relation:questions", "Is A left of / above / on / inside / larger than … B?"),
        "nearer": Entry("qa.nearer:questions", "Which of two is nearer or farther?"),
        "depth_order": Entry("qa.depth_order:questions", "Order three or more objects from near to far."),
        "viewpoint": Entry("qa.viewpoint:questions", "What stands where, seen from the left, right or back?"),
    },
)
