"""The spatial relations: one family per file, one line here.

A family's rules are vectorised over all ordered pairs and give a signed margin: at least the threshold is true,
at most minus the threshold is false, in between is undecided.
"""

from __future__ import annotations

from spacestudio.registry import Entry, Registry

FAMILIES = Registry(
    "relation family",
    {
        "direction": Entry(
            "relations.direction:FAMILY", "left of, right of, above, below: in the picture and in the camera's frame."
        ),
        "topology": Entry(
            "relations.topology:FAMILY", "inside, surrounding, overlapping, separated: how two boxes share the picture."
        ),
        "scale": Entry("relations.scale:FAMILY", "larger, smaller, wider, narrower, taller, shorter: size in the picture."),
        "depth": Entry("relations.depth:FAMILY", "in front of, behind, at the same depth: distance from the camera."),
        "distance": Entry("relations.distance:FAMILY", "beside, near, far: the gap in 3D against the objects' own size."),
        "support": Entry("relations.support:FAMILY", "on, under: what rests on what, from contact and depth."),
    },
)
