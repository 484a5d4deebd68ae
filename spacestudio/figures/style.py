"""Colours and words all figures share. Colours are told apart by colour-blind eyes and always doubled by a word."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[int, int, int]

VIRIDIS = (
    "#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
)  # fmt: skip
"""Ten stops of matplotlib's viridis, dark to bright; near things are drawn bright."""

OBJECT_COLORS = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#44aa99", "#aa4499", "#999933", "#cc6677",
    "#7f7fd5",
)  # fmt: skip
"""Okabe and Ito's seven, then five of Tol's muted hues."""

NO_DEPTH: Rgb = (150, 150, 150)
"""Where nothing was measured."""


CLEAR = "rgba(0,0,0,0)"
"""What figures are drawn on: the page shows through, light or dark."""
NEUTRAL = "#757575"
"""Words inside the 3D canvas, where no stylesheet reaches: 4.5:1 on white and on black."""
FAINT = "rgba(117,125,136,0.6)"


@dataclass(frozen=True)
class Look:
    """Ink, hover labels' paper and helper lines of a figure on a light or dark page; assets/studio.css adapts the ink."""

    ink: str
    paper: str
    faint: str
    gap: str


LIGHT = Look("#1f2933", "#ffffff", FAINT, "#b4bac2")
DARK = Look("#e4e8ee", "#171a21", FAINT, "#4a515d")


def look(dark: bool) -> Look:
    """The look of a dark or light page."""
    return DARK if dark else LIGHT


def plain(text: object) -> str:
    """`text` so that Plotly shows exactly it: no tag, entity or `%{variable}` in it is interpreted.

    >>> plain("<b>R&D</b> %{x}")
    '&lt;b&gt;R&amp;D&lt;/b&gt; &#37;{x}'
    """
    safe = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(safe.replace("%{", "&#37;{").split())


def short(name: str, limit: int = 24) -> str:
    """`name` cut to `limit` characters and made `plain`."""
    return plain(name if len(name) <= limit else name[: limit - 1] + "…")


def rgb(color: str) -> Rgb:
    """ "#rrggbb" to (red, green, blue), 0-255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def ink_on(color: str) -> str:
    """Black or white, whichever has more contrast on `color` (WCAG 2 relative luminance)."""
    channels = np.array(rgb(color)) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return "#000000" if float(linear @ [0.2126, 0.7152, 0.0722]) > 0.179 else "#ffffff"


def object_colors(ids: Sequence[str]) -> dict[str, str]:
    """Object id -> "#rrggbb". The id decides; one whose colour an earlier id has takes the next free one."""
    chosen: dict[str, str] = {}
    used: set[int] = set()
    count = len(OBJECT_COLORS)
    for name in ids:
        start = zlib.crc32(name.encode()) % count
        place = next((p for p in ((start + k) % count for k in range(count)) if p not in used), start)
        used.add(place)
        chosen[name] = OBJECT_COLORS[place]
    return chosen


def layer_colors(count: int) -> tuple[str, ...]:
    """One colour a layer, near to far: bright to dark along viridis."""
    stops = viridis(256)
    places = np.linspace(243, 26, count).round().astype(int) if count > 1 else np.array([200] * count)
    return tuple("#{:02x}{:02x}{:02x}".format(*stops[p]) for p in places)


def viridis(steps: int) -> NDArray[np.uint8]:
    """(steps, 3) uint8, dark to bright."""
    stops = np.array([rgb(c) for c in VIRIDIS], np.float64)
    at = np.linspace(0, len(stops) - 1, steps)
    return np.stack([np.interp(at, np.arange(len(stops)), stops[:, k]) for k in range(3)], 1).round().astype(np.uint8)


def scale(colors: Sequence[str]) -> list[list[Any]]:
    """A Plotly colour scale with these colours evenly spaced."""
    last = max(1, len(colors) - 1)
    return [[i / last, color] for i, color in enumerate(colors)]


def layout(dark: bool, title: str = "", **changes: Any) -> dict[str, Any]:
    """What all figures' layouts share; `title` is plain text already."""
    style = look(dark)
    common: dict[str, Any] = {
        "template": "none",
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": style.ink, "size": 12, "family": "system-ui, sans-serif"},
        "title": {"text": title, "font": {"size": 13}, "x": 0.01, "xanchor": "left", "y": 0.985, "yanchor": "top"},
        "margin": {"l": 8, "r": 8, "t": 34, "b": 8},
        "hoverlabel": {"bgcolor": style.paper, "bordercolor": style.ink, "font": {"color": style.ink}},
        "uirevision": "keep",
    }
    return common | changes
