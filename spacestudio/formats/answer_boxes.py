"""The box a grounding answer gives, 0–999 as ASv2 writes boxes: as meant, or as the published scorer reads it."""

from __future__ import annotations

import json
import re
from typing import Any

Quad = tuple[float, float, float, float]

_NUMBER = r"\s*([+-]?\d{1,15}(?:\.\d{0,15})?)\s*"
_BOX = re.compile(rf"[\[(]{','.join([_NUMBER] * 4)}[\])]")


def box_in(text: str) -> Quad | None:
    """The first four numbers in brackets, xyxy, corners put in order; None where there are none."""
    match = _BOX.search(text)
    if match is None:
        return None
    x0, y0, x1, y1 = map(float, match.groups())
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def box_as_published(text: str) -> Quad | None:
    """The first box of the first text in double brackets, corners as they stand; None where that is no box."""
    try:
        value: Any = json.loads(_double(text))[0]
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or len(value) != 4 or not all(isinstance(v, int | float) for v in value):
        return None
    try:
        a, b, c, d = map(float, value)
    except OverflowError:
        return None
    return a, b, c, d


def _double(text: str) -> str:
    """The first of the text in double brackets, both on one line; "" where there is none."""
    for line in text.split("\n"):
        start = line.find("[[")
        end = line.find("]]", start + 2)
        if start >= 0 and end >= 0:
            return line[start : end + 2]
    return ""
