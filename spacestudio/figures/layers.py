"""Depth layers: laid over the picture, and what a strip from near to far shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Layer
from spacestudio.figures.depth import axis_title, to_reading
from spacestudio.figures.style import ink_on, layer_colors, rgb
from spacestudio.geometry.layering import layer_map

TINT = 0.55
BINS = 80
MAX_HISTOGRAM_PIXELS = 100_000
CHOSEN = "#ff2d9b"
"""Outline of the selected object: a hue no layer has."""


def layer_overlay(
    image: NDArray[np.uint8],
    depth: DepthMap,
    layers: Sequence[Layer],
    objects: Sequence[SceneObject] = (),
    selected: str = "",
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the picture in grey, each pixel tinted by its layer, objects outlined in white, the selected in pink.

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
    chosen = next((o.mask for o in objects if o.id == selected and o.mask is not None), None)
    if chosen is not None:
        picture[_rim(chosen, 4 * reach)] = 255
        picture[_rim(chosen, 3 * reach)] = rgb(CHOSEN)
    tinted_image: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return tinted_image


def _rim(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """(H, W) bool: the mask's outermost pixels, `reach` px deep."""
    inner = mask
    for _ in range(reach):
        padded = np.pad(inner, 1)
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def layer_strip(
    layers: Sequence[Layer],
    objects: Sequence[SceneObject],
    depth: DepthMap,
    names: Mapping[str, str] | None = None,
    own: bool = False,
) -> dict[str, Any]:
    """What the layer editor draws: cuts, shares of the picture, and each object from its 10th to its 90th percentile.

    Args:
        layers: near to far; their objects come in their order.
        objects: those without depth are only counted.
        depth: of the picture they are in.
        names: object id -> what a person reads, else the object's name.
        own: whether a person set the cuts.

    All places are farness; `low` and `high` are what is read at 0 and 1.
    """
    of = {name: (layer.index, k) for layer in layers for k, name in enumerate(layer.object_ids)}
    bars = [_bar(o, depth, of.get(o.id, (0, 0))[0], (names or {}).get(o.id, o.name)) for o in objects if o.depth is not None]
    last = len(layers) + 1
    bars.sort(key=lambda bar: (of.get(bar["id"], (last, 0)), bar["median"], bar["id"]))
    colors = layer_colors(len(layers))
    low, high = (to_reading(depth, v) for v in (0.0, 1.0))
    return {
        "unit": "m" if depth.kind == "metric" else "",
        "title": axis_title(depth),
        "low": low,
        "high": high,
        "digits": 2,
        "own": own,
        "missing": len(objects) - len(bars),
        "cuts": [layer.near for layer in layers[1:]],
        "layers": [{"index": a.index, "color": c, "ink": ink_on(c)} for a, c in zip(layers, colors, strict=True)],
        "shares": _shares(depth).tolist(),
        "objects": bars,
    }


def _bar(o: SceneObject, depth: DepthMap, layer: int, name: str) -> dict[str, Any]:
    """The object's near end, median and far end as farness, and what is said about them."""
    assert o.depth is not None
    values = np.array([o.depth.p10, o.depth.median, o.depth.p90], np.float32)
    near, middle, far = (float(v) for v in np.sort(depth.to_farness(values)))
    said = values.tolist() if depth.kind == "metric" else [near, middle, far]
    unit = " m" if depth.kind == "metric" else " (relative: 0 near – 1 far)"
    place = f"layer {layer}" if layer else "no layer"
    note = f"{name}, {place}: median {said[1]:.2f}{unit}, 10–90 % {said[0]:.2f} – {said[2]:.2f}"
    return {"id": o.id, "label": name, "layer": layer, "near": near, "median": middle, "far": far, "note": note}


def _shares(depth: DepthMap) -> NDArray[np.float64]:
    """(BINS,) share of the valid pixels in each step of farness."""
    values = depth.farness()[depth.valid]
    values = values[:: max(1, len(values) // MAX_HISTOGRAM_PIXELS)]
    counts, _ = np.histogram(values, BINS, (0, 1))
    return counts / max(1, len(values))
