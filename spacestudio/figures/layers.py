"""Depth layers: laid over the picture, and as a strip from near to far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Layer
from spacestudio.figures.depth import axis_title, reading, to_reading
from spacestudio.figures.style import NEUTRAL, ink_on, layer_colors, layout, look, plain, rgb, short
from spacestudio.geometry.layering import layer_map

TINT = 0.55
BINS = 80
MAX_HISTOGRAM_PIXELS = 100_000


def layer_overlay(
    image: NDArray[np.uint8], depth: DepthMap, layers: Sequence[Layer], objects: Sequence[SceneObject] = ()
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the picture in grey, each pixel tinted by its layer, objects outlined in white.

    Pixels without depth stay grey.
    """
    grey = (image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None].repeat(3, 2)
    picture = grey * 0.9 + 20
    if layers:
        index = layer_map(depth, layers)
        palette = np.zeros((max(layer.index for layer in layers) + 1, 3), np.float32)
        for layer, color in zip(layers, layer_colors(len(layers)), strict=True):
            palette[layer.index] = rgb(color)
        tinted = index > 0
        picture[tinted] = (1 - TINT) * grey[tinted] + TINT * palette[index[tinted]]
    reach = max(1, round(min(image.shape[:2]) / 400))
    for o in objects:
        if o.mask is not None:
            picture[_rim(o.mask, reach)] = 255
    tinted_image: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return tinted_image


def _rim(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """(H, W) bool: the mask's outermost pixels, `reach` px deep."""
    inner = mask
    for _ in range(reach):
        padded = np.pad(inner, 1)
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def layer_strip(layers: Sequence[Layer], objects: Sequence[SceneObject], depth: DepthMap, dark: bool = False) -> go.Figure:
    """Near to far: each object from its 10th to its 90th percentile with the median marked, in its layer's colour.

    Below it the histogram of the whole map; the cuts between layers run through both. Objects without depth are left out.
    """
    style = look(dark)
    colors = layer_colors(len(layers))
    of = {name: i for i, layer in enumerate(layers) for name in layer.object_ids}
    spans = sorted(((_span(o, depth), o) for o in objects if o.depth is not None), key=lambda item: (item[0][1], item[1].id))
    low, high = (to_reading(depth, v) for v in (0.0, 1.0))
    unit, digits = (" m", 2) if depth.kind == "metric" else ("", 3)
    bars: dict[str, list[Any]] = {"base": [], "x": [], "y": [], "text": [], "color": []}
    for (near, middle, far), o in spans:
        layer = of.get(o.id)
        bars["base"].append(near)
        bars["x"].append(far - near)
        bars["y"].append(o.id)
        bars["color"].append(colors[layer] if layer is not None else style.gap)
        place = f"layer {layers[layer].index}" if layer is not None else "no layer"
        bars["text"].append(
            f"{plain(o.name)}, {place}<br>median {middle:.{digits}f}{unit}, "
            f"10–90 % {near:.{digits}f} – {far:.{digits}f}{unit}"
        )  # fmt: skip
    medians = [span[1] for span, _ in spans]
    edges, counts = _histogram(depth, low, high)
    figure = go.Figure(
        [
            go.Bar(
                base=bars["base"], x=bars["x"], y=bars["y"], orientation="h", marker={"color": bars["color"]}, width=0.6,
                hovertext=bars["text"], hoverinfo="text", textposition="none", showlegend=False,
            ),
            go.Scatter(
                x=medians, y=bars["y"], mode="markers", hoverinfo="skip", showlegend=False,
                marker={"symbol": "line-ns", "size": 13, "line": {"width": 3, "color": [ink_on(c) for c in bars["color"]]}},
            ),
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2, y=counts, width=np.diff(edges), xaxis="x", yaxis="y2", showlegend=False,
                marker={"color": style.gap},
                hovertemplate=f"%{{x:.{digits}f}}{unit}: %{{y:.1%}} of the picture<extra></extra>",
            ),
        ]
    )  # fmt: skip
    shapes = [_band(to_reading(depth, a.near), to_reading(depth, a.far), c) for a, c in zip(layers, colors, strict=True)]
    shapes += [_cut(to_reading(depth, layer.near), NEUTRAL) for layer in layers[1:]]
    words = [f"{layer.index}" for layer in layers]
    if len(words) > 1:
        words[0], words[-1] = f"layer {words[0]}, nearest", f"{words[-1]}, farthest"
    tops = [_caption(w, to_reading(depth, (a.near + a.far) / 2), style.ink) for w, a in zip(words, layers, strict=True)]
    grid = {"gridcolor": style.faint, "zeroline": False}
    pad = (high - low) * 0.02 or 0.01
    figure.update_layout(
        layout(
            dark, shapes=shapes, annotations=tops, bargap=0, height=220 + 24 * max(1, len(spans)),
            margin={"l": 8, "r": 12, "t": 30, "b": 52},
            xaxis=grid | {"title": {"text": axis_title(depth)}, "range": [low - pad, high + pad], "anchor": "y2"},
            yaxis={
                "domain": [0.34, 1], "autorange": "reversed", "type": "category", "automargin": True, "ticklabelstandoff": 4,
                "tickmode": "array", "tickvals": bars["y"], "ticktext": [short(o.name) for _, o in spans],
            },
            yaxis2={"domain": [0, 0.28], "visible": False},
        )
    )  # fmt: skip
    return figure


def _span(o: SceneObject, depth: DepthMap) -> tuple[float, float, float]:
    """The object's near end, median and far end on the scale of `reading`."""
    assert o.depth is not None
    values = np.array([o.depth.p10, o.depth.median, o.depth.p90], np.float32)
    if depth.kind != "metric":
        values = np.sort(depth.to_farness(values))
    return float(values[0]), float(values[1]), float(values[2])


def _histogram(depth: DepthMap, low: float, high: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(BINS + 1,) edges and (BINS,) shares of the valid pixels."""
    values = reading(depth)[depth.valid]
    values = values[:: max(1, len(values) // MAX_HISTOGRAM_PIXELS)]
    counts, edges = np.histogram(np.clip(values, low, high), BINS, (low, high if high > low else low + 1))
    return edges.astype(np.float64), counts / max(1, len(values))


def _band(near: float, far: float, color: str) -> dict[str, Any]:
    return {
        "type": "rect", "xref": "x", "yref": "paper", "x0": near, "x1": far, "y0": 0, "y1": 1,
        "fillcolor": color, "opacity": 0.16, "line": {"width": 0}, "layer": "below",
    }  # fmt: skip


def _cut(at: float, ink: str) -> dict[str, Any]:
    line = {"color": ink, "width": 1.5, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": line}


def _caption(text: str, at: float, ink: str) -> dict[str, Any]:
    return {
        "text": text, "x": at, "xref": "x", "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False,
        "font": {"color": ink, "size": 12},
    }  # fmt: skip
