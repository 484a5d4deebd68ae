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
    },
)
