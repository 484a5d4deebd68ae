"""A layout as language models write it for SKG2Data and LMD: `('name', [x, y, w, h])` items and prompts (SEEDS 2.2).

Read by scanning, never by evaluating; what can't be read is named and the rest is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spacestudio.domain.boxes import CANVAS, Box
from spacestudio.domain.layout import Layout

MAX_TEXT = 100_000
"""Characters of one reply that are read."""
LARGEST = 3.0
"""A layout that leaves the canvas is scaled at most so much when it is fitted (SEEDS 2.2)."""
_NUMBER = r"\s*(-?\d{1,6}(?:\.\d{0,6})?)\s*"
_ITEM = re.compile(
    r"\(\s*(?P<quote>['\"])(?P<name>(?:(?!(?P=quote)\s*,|\(\s*['\"])[^\n]){1,200})(?P=quote)\s*,\s*\["
    + ",".join([_NUMBER] * 4)
    + r",?\s*\]\s*,?\s*\)"
)
_START = re.compile(r"\(\s*['\"]")
_PROMPT = re.compile(r"^[ \t]*(?:(background|negative)[ \t]+)?prompt[ \t]*:(.*)$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class LayoutText:
    """What a reply says.

    Attributes:
        items: (name, box) in reading order; boxes in px of the 512 x 512 canvas, inside it.
        background, prompt, negative: its prompts; "" where it has none.
        problems: what was left out or changed, a line each.
    """

    items: tuple[tuple[str, Box], ...]
    background: str = ""
    prompt: str = ""
    negative: str = ""
    problems: tuple[str, ...] = ()


def read_layout(text: str) -> LayoutText:
    """A reply's boxes and prompts, by the published rules on what is dropped and how the rest is fitted to the canvas."""
    problems = [f"only the first {MAX_TEXT} characters were read"] if len(text) > MAX_TEXT else []
    text = text[:MAX_TEXT]
    found, ends = [], []
    for match in _ITEM.finditer(text):
        ends.append(match.start())
        name, (x, y, w, h) = " ".join(match["name"].split()), (float(v) for v in match.groups()[2:])
        if why := _unusable(x, y, w, h):
            problems.append(f"the box of “{name}” {why} and was left out")
        else:
            found.append((name, Box(x, y, x + w, y + h)))
    unread = len(_START.findall(text)) - len(ends)
    if unread > 0:
        problems.append(f"{unread} of its items can't be read")
    boxes = fitted([box for _, box in found])
    if any(a.xyxy != b.xyxy for a, b in zip(boxes, (b for _, b in found), strict=True)):
        problems.append("its boxes were moved and scaled to fit the canvas")
    prompts = {kind.lower(): said.strip() for kind, said in reversed(_PROMPT.findall(text))}
    negative = prompts.get("negative", "")
    return LayoutText(
        tuple((name, box) for (name, _), box in zip(found, boxes, strict=True)),
        prompts.get("background", ""),
        prompts.get("", ""),
        "" if negative.lower() in ("none", "") else negative,
        tuple(problems),
    )


def _unusable(x: float, y: float, w: float, h: float) -> str:
    if w <= 0 or h <= 0:
        return "is empty"
    if w >= CANVAS and h >= CANVAS:
        return "covers the whole canvas"
    return "lies beyond the canvas" if x > CANVAS or y > CANVAS else ""


def fitted(boxes: Sequence[Box]) -> list[Box]:
    """The boxes as they are when all lie on the canvas, else moved to its corner and scaled by one factor, at most 3.

    The published code corrects the vertical ends twice (SEEDS 2.4.6); here both axes are treated alike.
    """
    if all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= CANVAS and b.y1 <= CANVAS for b in boxes):
        return list(boxes)
    left, top = min(b.x0 for b in boxes), min(b.y0 for b in boxes)
    wide, high = max(b.x1 for b in boxes) - left, max(b.y1 for b in boxes) - top
    scale = min(CANVAS / wide, CANVAS / high, LARGEST)
    return [
        Box(*(float(round(v * scale)) for v in (b.x0 - left, b.y0 - top, b.x1 - left, b.y1 - top))).clipped(CANVAS, CANVAS)
        for b in boxes
    ]


def write_layout(layout: Layout) -> str:
    """The text of a layout: whole px on the 512 x 512 canvas, objects in the layout's order of boxes."""
    items = []
    for object_id, box in layout.boxes.items():
        x, y, w, h = (round(v) for v in box.to_canvas(layout.width, layout.height))
        name = _plain(layout.names.get(object_id, object_id)).replace("'", "’")
        items.append(f"('{name}', [{x}, {y}, {w}, {h}])")
    lines = [f"[{', '.join(items)}]", f"Background prompt: {_plain(layout.background)}", f"Prompt: {_plain(layout.prompt)}"]
    return "\n".join(lines + ([f"Negative prompt: {_plain(layout.negative_prompt)}"] if layout.negative_prompt else []))


def _plain(text: str) -> str:
    return " ".join(text.split())
