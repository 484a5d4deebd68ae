"""The data set card of captions: YAML for the Hugging Face Hub, then how they were drawn and how many there are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))


def card(about: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Markdown with a YAML header.

    Args:
        about: what `services.captions` says of them.
        files: split of the Hub -> the files that hold it.
    """
    counts = about["counts"]
    return "\n".join([_header(counts["captions"], files), *_drawn(about), *_numbers(counts), *_left_out(about), ""])


def _header(captions: int, files: Mapping[str, str]) -> str:
    """Text from outside stands in it as JSON, which is YAML."""
    size = next((name for limit, name in _SIZES if captions < limit), "10M<n<100M")
    entries = [f"  - split: {split}\n    path: {json.dumps(path, ensure_ascii=False)}" for split, path in files.items()]
    return "\n".join(
        [
            "---", "pretty_name: Captions with explicit spatial relations", "language:", "- en", "task_categories:",
            "- text-to-image", "tags:", "- spatial-relations", "- coco", "annotations_creators:", "- machine-generated",
            "size_categories:", f"- {size}", "configs:", "- config_name: default", "  data_files:", *entries, "---",
        ]
    )  # fmt: skip


def _drawn(about: Mapping[str, Any]) -> list[str]:
    """What it is, the command and the settings."""
    inputs = [f"- `{f['file']}`, {f['bytes']:,} bytes, SHA-256 `{f['sha256']}`" for f in about["inputs"]]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    unseen = about["unseen"]
    parts = [f"- {name}: {_listed(unseen[name])}" for name in ("training", "test")] if unseen else []
    return [
        "", "# Captions with explicit spatial relations", "",
        "Each caption states one relation of two objects of a picture, decided from their boxes. Relations, templates and "
        "filters follow what is known of SR4G and of the rule sets it names; where the paper is silent they are Space "
        "Studio's own defaults.", "", "```", about["command"], "```", "",
        f"Made with {versions}. Read:", "", *inputs, "",
        "Boxes are (x0, y0, x1, y1) in pixels. Pictures and annotations keep their own licences.",
        *(["", "Categories of the unseen split:", "", *parts] if unseen else []),
    ]  # fmt: skip


def _numbers(counts: Mapping[str, Any]) -> list[str]:
    """Captions of each relation and split."""
    splits = counts["splits"]
    relations = list(next(iter(splits.values())))
    rows = [
        f"| {relation} | {' | '.join(f'{splits[s][relation]:,}' for s in splits)} | "
        f"{sum(splits[s][relation] for s in splits):,} |"
        for relation in relations
    ]
    totals = [sum(splits[s].values()) for s in splits]
    return [
        "", "## Counts", "",
        f"{counts['captions']:,} captions of {counts['pictures_told']:,} pictures ({counts['pictures']:,} read), "
        f"{counts['triplets']:,} different triplets.", "",
        f"| Relation | {' | '.join(splits)} | All |", f"|---|{'---:|' * (len(splits) + 1)}", *rows,
        f"| All | {' | '.join(f'{total:,}' for total in totals)} | {sum(totals):,} |",
    ]  # fmt: skip


def _left_out(about: Mapping[str, Any]) -> list[str]:
    lines = [f"- {' '.join(str(line).split())}" for line in about["left_out"].values()]
    return ["", "## Left out or changed", "", *lines] if lines else []


def _listed(names: list[str]) -> str:
    return ", ".join(" ".join(name.split()) for name in names)
