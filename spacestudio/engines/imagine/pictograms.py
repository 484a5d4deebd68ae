"""Drawings of things: an SVG for each of the 80 COCO names, a silhouette and the name for anything else."""

from __future__ import annotations

import functools
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

FOLDER: Final = Path(__file__).resolve().parents[3] / "assets" / "pictograms"
FACTS: Final = Path(__file__).resolve().parents[1] / "language" / "commonsense.json"
STRETCH: Final = 1.35
"""A drawing may be this much wider or taller than drawn, to fit its box."""
TOKENS: Final = ("#4A7FB5", "#35628F", "#7FA9D3")
"""Base, shade and highlight in the SVG files."""

TONES: Final = {
    "red": "#C8423B", "orange": "#E2842E", "yellow": "#E6BE3C", "green": "#5B9A4B", "blue": "#4A7FB5",
    "purple": "#80609F", "pink": "#DE8DAA", "brown": "#8D6243", "black": "#3B3D43", "white": "#EDEDE8",
    "gray": "#8E9398", "tan": "#CDAE83",
}  # fmt: skip
"""Colour word -> base tone."""
TRUE_TO: Final = {
    "grey": "gray", "golden": "yellow", "gold": "yellow", "beige": "tan", "violet": "purple", "crimson": "red",
    "ginger": "orange",
}  # fmt: skip
"""Colour words that anyone would say of the tone of another."""
SAME_COLOUR: Final = TRUE_TO | {
    "silver": "gray", "metal": "gray", "steel": "gray", "cream": "tan", "straw": "tan", "wicker": "tan",
    "wooden": "brown", "leather": "brown", "copper": "brown", "dark": "black", "pale": "white", "blonde": "yellow",
    "lavender": "purple", "turquoise": "blue", "navy": "blue", "teal": "green", "maroon": "red", "rosy": "pink",
}  # fmt: skip
"""Word -> the tone that comes nearest to it."""
PARTLY: Final = ("person.svg", "potted_plant.svg", "truck.svg")
"""Drawings whose colour is that of the clothes, the pot or the cab, not of the thing."""


@dataclass(frozen=True)
class Thing:
    """What a name asks for: "black cat" is the label "cat" with the attribute "black"."""

    label: str
    attributes: tuple[str, ...]
    category: str
    rests: tuple[str, ...]
    drawing: str

    @property
    def colour(self) -> str | None:
        """The colour among its attributes, as in `TONES`: one of those words before one that is merely near ("dark red")."""
        words = re.findall(r"[a-z]+", " ".join(self.attributes).lower())
        return next((c for c in (*words, *(SAME_COLOUR.get(w, "") for w in words)) if c in TONES), None)

    @property
    def grounded(self) -> bool:
        """True when it stands on something rather than hanging or flying."""
        return not self.rests or self.rests[0] in ("ground", "surface")


@functools.cache
def _facts() -> dict[str, dict[str, Any]]:
    """Label -> what common sense knows of it; empty when the file is missing."""
    if not FACTS.is_file():
        return {}
    return dict(json.loads(FACTS.read_text("utf-8"))["objects"])


@functools.cache
def _drawn() -> frozenset[str]:
    """Labels with a drawing of their own."""
    return frozenset(path.stem.replace("_", " ") for path in FOLDER.glob("*.svg"))


@functools.cache
def _like() -> dict[str, str]:
    """Label -> the drawing of something that looks like it; its name is written on it."""
    table: dict[str, list[str]] = json.loads((FOLDER / "like.json").read_text("utf-8"))
    return {label: drawing for drawing, labels in table.items() for label in labels}


def has_own(label: str) -> bool:
    """Whether a label has a drawing of its own."""
    return label in _drawn()


def aspects() -> dict[str, float]:
    """Label -> width / height of its drawing, for labels that have one."""
    out = {}
    for label in (*_drawn(), *_like()):
        _, width, height = _svg(thing(label).drawing)
        out[label] = width / height
    return out


@functools.lru_cache(maxsize=256)
def _svg(drawing: str) -> tuple[str, float, float]:
    """The text of a drawing, and its width and height in its own units."""
    svg = (FOLDER / drawing).read_text("utf-8")
    view = [float(v) for v in re.search(r'viewBox="([^"]+)"', svg)[1].replace(",", " ").split()]  # type: ignore[index]
    return svg, view[2], view[3]


@functools.lru_cache(maxsize=1024)
def thing(name: str) -> Thing:
    """Split a name at the longest label known, else after its leading colours, and say how it will be drawn."""
    words = name.lower().split()
    known = _facts().keys() | _drawn()
    start = next((i for i in range(len(words)) if " ".join(words[i:]) in known), None)
    if start is None:
        start = next((i for i, w in enumerate(words[:-1]) if w not in TONES and w not in SAME_COLOUR), len(words[:-1]))
    label = " ".join(words[start:]) or "object"
    fact = _facts().get(label, _facts().get(words[-1] if words else "", {}))
    category = str(fact.get("category", ""))
    drawn = label if has_own(label) else _like().get(label, "")
    drawing = drawn.replace(" ", "_") + ".svg" if drawn else ""
    if not drawing and category and (FOLDER / "generic" / f"{category}.svg").is_file():
        drawing = f"generic/{category}.svg"
    return Thing(label, tuple(name.split()[:start]), category, tuple(fact.get("rests", ())), drawing)


def shown(name: str) -> tuple[str, ...]:
    """The attributes in a name that its drawing really shows: its colour, nothing else."""
    what = thing(name)
    if what.drawing in PARTLY:
        return ()
    svg = _svg(what.drawing)[0] if what.drawing else ""
    tone = what.colour if not svg or TOKENS[0] in svg else _natural(svg)
    return tuple(word for word in what.attributes if tone and TRUE_TO.get(word.lower(), word.lower()) == tone)


def _natural(svg: str) -> str | None:
    """The colour a drawing says it has, as in `TONES`."""
    stated = re.search(r'data-default-color="([a-z]+)"', svg)
    return stated[1] if stated and stated[1] in TONES else None


def draw(name: str, width: int, height: int) -> NDArray[np.uint8]:
    """(h, w, 4) uint8 RGBA, not premultiplied, h <= height and w <= width: what `name` asks for, fitted to the box.

    The drawing may be stretched by `STRETCH`; what is left of the box then stays empty, and h and w say so.
    """
    return _draw(name, max(1, width), max(1, height)).copy()


@functools.lru_cache(maxsize=256)
def _draw(name: str, width: int, height: int) -> NDArray[np.uint8]:
    what = thing(name)
    if not what.drawing:
        picture = _silhouette(width, height, TONES[what.colour or "gray"])
        return _lettered(picture, what.label)
    svg, own_width, own_height = _svg(what.drawing)
    w, h = fitted(own_width / own_height, width, height)
    if what.drawing.startswith("generic/"):  # a silhouette may have any proportion
        if w * h < 0.6 * width * height:
            return _lettered(_silhouette(width, height, TONES[what.colour or "gray"]), what.label)
        w, h = width, height
    picture = _rasterised(_recoloured(svg, what.colour), w, h)
    return picture if has_own(what.label) else _lettered(picture, what.label)


def fitted(aspect: float, width: int, height: int) -> tuple[int, int]:
    """Size of a drawing of that aspect (width / height) in a box, stretched by at most `STRETCH`."""
    wanted = width / height
    if wanted > aspect * STRETCH:
        return max(1, round(height * aspect * STRETCH)), height
    if wanted < aspect / STRETCH:
        return width, max(1, round(width / aspect * STRETCH))
    return width, height


def _recoloured(svg: str, colour: str | None) -> str:
    """The drawing in `colour`, or in the colour it says it has."""
    for token, tone in zip(TOKENS, tones(TONES[colour or _natural(svg) or "blue"]), strict=True):
        svg = re.sub(token, tone, svg, flags=re.IGNORECASE)
    return svg


def tones(base: str) -> tuple[str, str, str]:
    """Base, shade and highlight of a "#RRGGBB" base."""
    rgb = np.array([int(base[i : i + 2], 16) for i in (1, 3, 5)], float)
    light = rgb.mean() / 255
    shade = rgb * (0.84 if light > 0.85 else 0.74)
    highlight = rgb + (255 - rgb) * (0.22 if light < 0.3 else 0.38)
    return tuple("#" + "".join(f"{round(v):02X}" for v in tone) for tone in (rgb, shade, highlight))  # type: ignore[return-value]


def _rasterised(svg: str, width: int, height: int) -> NDArray[np.uint8]:
    """The drawing stretched to exactly (height, width)."""
    import resvg_py  # wakes when something is drawn

    svg = re.sub(r"<svg\b", f'<svg width="{width}" height="{height}" preserveAspectRatio="none"', svg, count=1)
    data = bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True))
    return np.array(Pillow.open(io.BytesIO(data)).convert("RGBA").resize((width, height)), np.uint8)


def _silhouette(width: int, height: int, base: str) -> NDArray[np.uint8]:
    """A rounded block in three tones."""
    if min(width, height) < 6:
        flat = np.full((height, width, 4), 255, np.uint8)
        flat[..., :3] = [int(base[i : i + 2], 16) for i in (1, 3, 5)]
        return flat
    scale = 3
    canvas = Pillow.new("RGBA", (width * scale, height * scale), (0, 0, 0, 0))
    brush = ImageDraw.Draw(canvas)
    radius = int(min(width, height) * scale * 0.22)
    whole = (0, 0, width * scale - 1, height * scale - 1)
    middle, shade, highlight = tones(base)
    brush.rounded_rectangle(whole, radius, shade)
    brush.rounded_rectangle((0, 0, int(whole[2] * 0.93), int(whole[3] * 0.95)), radius, middle)
    edge = max(1, int(min(width, height) * scale * 0.07))
    brush.rounded_rectangle((edge * 2, edge * 2, int(whole[2] * 0.6), edge * 3), edge // 2, highlight)
    return np.array(canvas.resize((width, height), Pillow.Resampling.LANCZOS), np.uint8)


def _lettered(picture: NDArray[np.uint8], label: str) -> NDArray[np.uint8]:
    """The picture with its label across the middle, upwards on a tall one, where it can be read."""
    height, width = picture.shape[:2]
    if height > 1.8 * width:
        return np.rot90(_lettered(np.rot90(picture, -1).copy(), label)).copy()
    for size in range(min(28, max(8, height // 3)), 7, -1):
        font = ImageFont.load_default(size)
        left, top, right, bottom = font.getbbox(label, stroke_width=1)
        if right - left <= width * 0.96 and bottom - top <= height * 0.75:
            canvas = Pillow.fromarray(picture)
            brush = ImageDraw.Draw(canvas)
            at = (width - right - left) / 2, (height - bottom - top) / 2
            brush.text(at, label, fill="#FFFFFF", font=font, stroke_width=max(1, size // 9), stroke_fill="#2B2D33")
            out = np.array(canvas, np.uint8)
            out[..., 3] = np.where(picture[..., 3] > 0, out[..., 3], 0)  # letters stay on the thing
            return out
    return picture
