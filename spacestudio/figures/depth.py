"""A depth map as a figure with values to read off, and as a coloured picture."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from spacestudio.domain.depth import DepthMap
from spacestudio.figures.style import NO_DEPTH, VIRIDIS, layout, look, scale, viridis

WIDTH = 320
"""Widest heat map sent to the page, px; larger maps are thinned by whole rows and columns."""


def depth_figure(depth: DepthMap, dark: bool = False) -> go.Figure:
    """The map with a value under the pointer: metres when metric, else farness from 0 (nearest) to 1 (farthest).

    Larger is farther and brighter is nearer, whatever the kind. Gaps show as gaps.
    """
    style = look(dark)
    height, width = depth.values.shape
    step = max(1, -(-width // WIDTH))
    rows, columns = np.arange(step // 2, height, step), np.arange(step // 2, width, step)
    z = reading(depth)[np.ix_(rows, columns)]
    low, high = (float(v) for v in depth.percentiles()) if depth.kind == "metric" else (0.0, 1.0)
    digits, unit = (".2f", " m") if depth.kind == "metric" else (".2f", " (relative: 0 near – 1 far)")
    gaps = 1 - float(depth.valid.mean()) if depth.valid.size else 0.0
    title = axis_title(depth) + (f" · no depth: {gaps:.0%}" if gaps >= 0.005 else "")
    heat = go.Heatmap(
        x=columns.astype(np.int32), y=rows.astype(np.int32), z=z, zmin=low, zmax=max(high, low + 1e-6),
        colorscale=scale(VIRIDIS[::-1]), hoverongaps=False,
        hovertemplate=f"%{{z:{digits}}}{unit}<br>x %{{x}} px, y %{{y}} px<extra></extra>",
        colorbar={"title": {"text": "m" if depth.kind == "metric" else "far"}, "thickness": 12, "outlinewidth": 0},
    )  # fmt: skip
    axis = {"visible": False, "constrain": "domain"}
    return go.Figure(
        heat,
        layout(
            dark, title, plot_bgcolor=style.gap,
            xaxis=axis | {"range": [-0.5, width - 0.5]}, yaxis=axis | {"range": [height - 0.5, -0.5], "scaleanchor": "x"},
        ),
    )  # fmt: skip


def depth_image(depth: DepthMap) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: near bright, far dark, grey where nothing was measured."""
    farness = depth.farness()
    steps = np.round(255 * (1 - np.nan_to_num(farness))).astype(np.uint8)
    picture = viridis(256)[steps]
    picture[~np.isfinite(farness)] = NO_DEPTH
    return picture


def reading(depth: DepthMap) -> NDArray[np.float32]:
    """(H, W) float32 as a person reads it: metres when metric, else farness 0-1; NaN where invalid."""
    return depth.distance() if depth.kind == "metric" else depth.farness()


def to_reading(depth: DepthMap, farness: float) -> float:
    """A farness in [0, 1] on the scale of `reading`."""
    if depth.kind != "metric":
        return farness
    low, high = depth.percentiles()
    return low + farness * (high - low)


def axis_title(depth: DepthMap) -> str:
    """What the numbers of `reading` are."""
    if depth.kind == "metric":
        return "Distance, m"
    return "Farness, relative: 0 near – 1 far"
