"""Engines behind one protocol a stage: a built-in one beside the real models. One file and one line each.

The first entry of each registry is the default. Built-in engines need no weights and no network.
"""

from __future__ import annotations

from spacestudio.registry import Entry, Registry

DEPTH = Registry(
    "depth engine",
    {
        "cues": Entry(
            "engines.depth.builtin:CueDepth",
            "Estimate without a model, from ground contact, position, texture, sharpness and haze.",
            "Estimate without a model",
        ),
        "depth-anything-v2-small": Entry(
            "engines.depth.anything:DepthAnything",
            "Depth Anything V2 Small, a learned estimate; downloads its weights at first use.",
            "Depth Anything V2 Small",
            needs=("torch", "transformers"),
            built_in=False,
            licence="Apache-2.0",
            size="99 MB",
        ),
        "none": Entry("engines.depth.builtin:NoDepth", "No depth: the picture's plane only.", "No depth"),
    },
)
DETECT = Registry(
    "object engine",
    {
        "proposals": Entry(
            "engines.detect.proposals:RegionProposals",
            "Regions of one colour and depth, for the person to name.",
            "Region proposals",
        ),
        "none": Entry("engines.detect.proposals:NoObjects", "No objects: draw them yourself.", "Drawn by hand"),
    },
)
SEGMENT = Registry(
    "mask engine",
    {
        "grabcut": Entry("engines.segment.grabcut:GrabCut", "Depth-aware GrabCut inside each box.", "GrabCut"),
        "box": Entry("engines.segment.grabcut:BoxMask", "The box itself.", "Box"),
    },
)
IMAGINE = Registry(
    "image engine",
    {
        "compositor": Entry(
            "engines.imagine.compositor:Compositor",
            "Cut-outs of the source photo and drawn pictograms, placed by the layout; exact boxes, masks and depth.",
            "Compositor",
        ),
    },
)
LANGUAGE = Registry(
    "scene engine",
    {
        "grammar": Entry(
            "engines.language.builtin:GrammarScenes",
            "Scenes sampled from a common-sense grammar, always consistent.",
            "Common-sense grammar",
        ),
    },
)

ENGINES = {"depth": DEPTH, "objects": DETECT, "masks": SEGMENT, "image": IMAGINE, "scene": LANGUAGE}
"""Stage -> its registry."""
