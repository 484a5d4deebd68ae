"""Files people bring and take. One data set format per file, one line here; decoders at the door beside them."""

from __future__ import annotations

from spacestudio.registry import Entry, Registry

FORMATS = Registry(
    "format",
    {
        "llava": Entry("formats.llava:FORMAT", "LLaVA instruction rows: id, image, conversations.", "LLaVA"),
        "messages": Entry(
            "formats.messages:FORMAT",
            "TRL and Hugging Face chat rows: images, messages (JSONL and Parquet).",
            "Messages (TRL)",
        ),
        "asv2": Entry(
            "formats.asv2:FORMAT",
            "All-Seeing v2 rows: a scene in grounded text with names, relations, boxes.",
            "ASv2 grounded text",
        ),
        "spacesgg-record": Entry(
            "formats.spacesgg:RECORD",
            "SpaceSGG's first stage: layers and pairwise order of the objects, with masks and intrinsics.",
            "SpaceSGG record",
        ),
        "spacesgg-description": Entry(
            "formats.spacesgg:DESCRIPTION",
            "SpaceSGG: pictures described layer by layer, in grounded text.",
            "SpaceSGG description",
        ),
        "spacesgg-qa": Entry(
            "formats.spacesgg:QA", "SpaceSGG: comparative questions, in grounded text.", "SpaceSGG questions"
        ),
        "spacesgg-conversation": Entry(
            "formats.spacesgg:CONVERSATION",
            "SpaceSGG: conversations about what stands where from another side, in grounded text.",
            "SpaceSGG conversation",
        ),
        "coco": Entry("formats.coco:FORMAT", "COCO detection: boxes and masks.", "COCO"),
        "skg": Entry("formats.skg:FORMAT", "SKG2Data spatial knowledge graphs.", "SKG2Data"),
        "node-link": Entry(
            "formats.node_link:FORMAT", "networkx node-link graphs, one file a sample.", "networkx node-link"
        ),
        "ply": Entry("formats.ply:FORMAT", "Point clouds, binary PLY with object ids.", "PLY"),
        "imagefolder": Entry(
            "formats.imagefolder:FORMAT", "Hugging Face imagefolder: pictures, captions, boxes.", "imagefolder"
        ),
        "folders": Entry(
            "formats.folders:FORMAT", "Sample folders: everything about each sample.", "Sample folders (everything)"
        ),
        "sr4g": Entry(
            "formats.sr4g_samples:FORMAT", "SR4G captions: one relation of two things each, with boxes.", "SR4G captions"
        ),
        "proximity": Entry(
            "formats.proximity:FORMAT", "Proximity QA: LLaVA rows on depth, with the depths behind them.", "Proximity QA"
        ),
    },
)
