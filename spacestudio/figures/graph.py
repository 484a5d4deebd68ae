"""The graph's objects drawn on the picture, small pictures of it, and how a verdict is shown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from spacestudio.domain.graph import Relation, Verdict
from spacestudio.domain.objects import SceneObject
from spacestudio.figures.style import Rgb, ink_on, object_colors, rgb

TINT = 0.38
FADED = 0.16


class Badge(NamedTuple):
    """A verdict as shown: a sign, a word and the CSS class that colours both."""

    sign: str
    word: str
    css_class: str


BADGES: dict[Verdict, Badge] = {
    "true": Badge("✓", "true", "verdict-true"),
    "false": Badge("✗", "false", "verdict-false"),
    "undecided": Badge("?", "undecided", "verdict-undecided"),
}
VERDICT_COLORS: dict[Verdict, str] = {"true": "#0072b2", "false": "#d55e00", "undecided": "#767d88"}
"""Okabe and Ito's blue and vermillion, and grey."""


def verdict_badge(relation: Relation) -> Badge:
    """The relation's verdict as a sign, a word and a CSS class."""
    return BADGES[relation.verdict]


def overlay(
    image: NDArray[np.uint8], objects: Sequence[SceneObject], selected: str | None = None, masks: bool = True
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the picture with each object's box, label and tinted mask.

    Args:
        image: (H, W, 3) uint8.
        objects: in picture px.
        selected: id of the object to stress; the others fade.
        masks: whether to tint.

    Lines and letters grow with the picture, so they read the same at any size.
    """
    height, width = image.shape[:2]
    colors = {name: rgb(c) for name, c in object_colors([o.id for o in objects]).items()}
    picture = image.copy()
    if masks:
        for o in objects:
            if o.mask is not None and o.mask.shape == (height, width):
                tint = FADED if selected not in (None, o.id) else TINT
                own = picture[o.mask].astype(np.float32)
                picture[o.mask] = (own * (1 - tint) + np.array(colors[o.id], np.float32) * tint).astype(np.uint8)
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    line = max(1, round(min(height, width) / 240))
    letters = max(9, round(min(height, width) / 26))
    for o in sorted(objects, key=lambda o: (o.id == selected, -o.box.area)):
        chosen = o.id == selected
        corners = _inside(o, width, height)
        x0, y0, x1, y1 = corners
        rim = (255, 255, 255) if chosen else (0, 0, 0)
        draw.rectangle((x0 - line, y0 - line, x1 + line, y1 + line), outline=rim, width=(4 if chosen else 3) * line)
        draw.rectangle(corners, outline=colors[o.id], width=(2 if chosen else 1) * line)
    for o in sorted(objects, key=lambda o: (o.id == selected, -o.box.area)):
        _label(draw, o, colors[o.id], letters, (width, height))
    return np.asarray(canvas)


def _inside(o: SceneObject, width: int, height: int) -> tuple[float, float, float, float]:
    box = o.box.clipped(width - 1, height - 1)
    return box.xyxy


def _label(draw: ImageDraw.ImageDraw, o: SceneObject, color: Rgb, letters: int, size: tuple[int, int]) -> None:
    """The object's name on its colour, above the box where there is room, else within; cut to the picture's width."""
    width, height = size
    font = _font(letters)
    pad = max(2, letters // 5)
    text = " ".join(o.name.split()) or o.id
    while len(text) > 1 and draw.textlength(text, font=font) + 2 * pad > width:
        text = text[:-2] + "…"
    wide, tall = draw.textlength(text, font=font) + 2 * pad, letters + 2 * pad
    x0, y0, *_ = _inside(o, width, height)
    x = min(max(0.0, x0), max(0.0, width - wide))
    y = y0 - tall if y0 >= tall else y0
    y = min(max(0.0, y), max(0.0, height - tall))
    paint = "#{:02x}{:02x}{:02x}".format(*color)
    draw.rectangle((x, y, x + wide, y + tall), fill=color)
    draw.text((x + pad, y + tall / 2), text, fill=ink_on(paint), font=font, anchor="lm")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def thumbnail(image: NDArray[np.uint8], side: int = 240) -> NDArray[np.uint8]:
    """(h, w, 3) uint8: the picture shrunk so that its longer side is at most `side` px; never enlarged."""
    height, width = image.shape[:2]
    share = min(1.0, side / max(height, width))
    return _resized(image, max(1, round(width * share)), max(1, round(height * share)))


def thumbnails(images: Sequence[NDArray[np.uint8]], side: int = 240) -> list[NDArray[np.uint8]]:
    """`thumbnail` of each."""
    return [thumbnail(image, side) for image in images]


def side_by_side(a: NDArray[np.uint8], b: NDArray[np.uint8], gap: int = 8) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: `a` left of `b`, both as tall as the taller one, `gap` px of white between them."""
    height = max(a.shape[0], b.shape[0])
    left, right = (_resized(p, max(1, round(p.shape[1] * height / p.shape[0])), height) for p in (a, b))
    return np.concatenate((left, np.full((height, gap, 3), 255, np.uint8), right), 1)


def _resized(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
