"""A coloured point cloud with boxes and labels, seen from where the camera stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from spacestudio.domain.cloud import PointCloud
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Layer
from spacestudio.domain.space import OrientedBox
from spacestudio.figures.style import CLEAR, NEUTRAL, ink_on, layer_colors, layout, look, object_colors, scale, short

ColorBy = Literal["photo", "layer", "object"]
BUDGET = 30_000
"""Most points sent to Plotly; the full cloud goes to the model view."""
NAMED = 40
"""Most objects with a trace of their own; the points of the others share one."""
BACK = 0.1
"""How far behind the camera's place the eye stands, as a share of the median distance."""
DIM = 0.3
"""How much is left of everything but the selected object."""
FEW = 8
"""Fewest points an object's box is drawn from."""
EDGES = (0, 1, 3, 2, 0, 4, 5, 1, None, 5, 7, 3, None, 7, 6, 2, None, 6, 4)
"""A box's twelve edges as a path over its corners; corner = 4 x + 2 y + z, each 0 low or 1 high; None lifts the pen."""


def cloud_figure(
    cloud: PointCloud,
    objects: Sequence[SceneObject] = (),
    color_by: ColorBy = "photo",
    layers: Sequence[Layer] = (),
    budget: int = BUDGET,
    boxes: bool | Mapping[str, OrientedBox] = True,
    dark: bool = False,
    selected: str = "",
    key: str = "",
) -> go.Figure:
    """At most `budget` points, one trace an object, with its turned box, or one from the 10th to the 90th percentile.

    Args:
        cloud: N points in the camera frame.
        objects: those `cloud.object_index` points at.
        color_by: "photo" the points' own colours to the nearest of 256, "layer" the object's layer, "object" its own.
        layers: near to far, for "layer".
        budget: points drawn; one of each k neighbours, and always the same ones.
        boxes: whether to draw them; or the turned box of each object that has one, drawn instead.
        dark: for a dark page.
        selected: id of the object to bring out; everything else is dimmed.
        key: names the scene, so that the page keeps where the person looks from.

    Drawn as x right, z forward and y up. `customdata` is the object's place in `objects`; background has none. The layout's
    `meta` holds the objects' ids, the cameras of `cameras` and `key`.
    """
    shown = cloud[_spread(len(cloud), budget)]
    layer_of = {name: layer.index for layer in layers for name in layer.object_ids} if color_by == "layer" else {}
    names = [(f"{layer_of[o.id]} · " if o.id in layer_of else "") + short(o.name) for o in objects]
    own = _own_colors(objects, color_by, layers, dark)
    place = next((i for i, o in enumerate(objects) if o.id == selected), None)
    palette, color = _quantised(shown.colors) if color_by == "photo" else _by_object(shown, own, look(dark).gap)
    unit = "m" if cloud.unit == "m" else "relative"
    data: list[Any] = []
    labels: list[dict[str, Any]] = []
    index = np.where(shown.object_index < min(len(objects), NAMED), shown.object_index, -2)
    for i in (-1, -2, *range(min(len(objects), NAMED))):
        mine = index == i
        if mine.any():
            name = "background" if i == -1 else "other objects" if i == -2 else names[i]
            data.append(_points(shown[mine], color[mine], palette, name, f"o{i}", " m" if unit == "m" else ""))
            data[-1].showlegend = i < 0 or boxes is False
            data[-1].opacity = 1.0 if place is None or i == place else DIM
    if boxes is not False:
        turned = {} if boxes is True else boxes
        for i, name in enumerate(names[:NAMED]):
            own_box = turned.get(objects[i].id)
            corners = own_box.corners.astype(np.float32) if own_box is not None else box_corners(cloud, i)
            if corners is not None:
                bright = place is None or i == place
                data.append(_box(corners, own[i], name, f"o{i}", i, 9 if i == place else 4, 1.0 if bright else DIM))
                labels.append(_label(corners, own[i], name, 0.85 if bright else 0.5))
    title = f"{len(shown):,} of {len(cloud):,} points shown · {'metres' if unit == 'm' else 'relative units'}"
    legend = {
        "orientation": "h", "itemsizing": "constant", "x": 0, "y": 0, "yanchor": "top", "maxheight": 0.25, "bgcolor": CLEAR,
    }  # fmt: skip
    margin = {"l": 0, "r": 0, "t": 30, "b": 0}
    seen_from = cameras(shown)
    scene = _scene(shown, unit, dark) | {"annotations": labels, "camera": seen_from["front"]}
    meta = {"key": key, "ids": [o.id for o in objects], "cameras": seen_from}
    return go.Figure(
        data, layout(dark, title, scene=scene, legend=legend, margin=margin, showlegend=bool(objects), meta=meta)
    )


def _spread(count: int, budget: int) -> NDArray[np.int64]:
    """At most `budget` of `count` places in order: a drawn one of each k neighbours, since every k-th would draw stripes."""
    step = max(1, -(-count // max(1, budget)))
    first = np.arange(0, count, step)
    chosen: NDArray[np.int64] = first + np.random.default_rng(0).integers(0, step, len(first))
    return chosen.clip(max=count - 1)


def box_corners(cloud: PointCloud, place: int) -> NDArray[np.float32] | None:
    """(8, 3) float32 camera frame: the 10-90 % box of one object's points; None when there are hardly any."""
    own = cloud.points_camera[cloud.object_index == place]
    own = own[np.isfinite(own).all(1)]
    if len(own) < FEW:
        return None
    ends = np.percentile(own, [10, 90], axis=0).astype(np.float32)
    corner = np.arange(8)
    return np.stack((ends[corner >> 2 & 1, 0], ends[corner >> 1 & 1, 1], ends[corner & 1, 2]), 1)


def _points(
    part: PointCloud, color: NDArray[np.uint8], palette: list[str], name: str, group: str, read: str
) -> go.Scatter3d:
    x, y, z = (np.ascontiguousarray(v) for v in part.points_camera.T)
    return go.Scatter3d(
        x=x, y=z, z=-y, mode="markers", name=name, legendgroup=group,
        customdata=None if (part.object_index < 0).all() else part.object_index.astype(np.int16),
        marker={
            "size": 2, "color": color, "cmin": 0, "cmax": max(1, len(palette) - 1), "showscale": False,
            "colorscale": scale(palette if len(palette) > 1 else palette * 2),
        },
        hovertemplate=f"{name}<br>right %{{x:.2f}}{read}, up %{{z:.2f}}{read}, forward %{{y:.2f}}{read}<extra></extra>",
    )  # fmt: skip


def _box(
    corners: NDArray[np.float32], color: str, name: str, group: str, place: int, width: int, opacity: float
) -> go.Scatter3d:
    """Its edges; the entry in the legend that hides and shows the object."""
    path = np.array([corners[c] if c is not None else (np.nan,) * 3 for c in EDGES], np.float32)
    x, y, z = (np.ascontiguousarray(v) for v in path.T)
    return go.Scatter3d(
        x=x,
        y=z,
        z=-y,
        mode="lines",
        name=name,
        legendgroup=group,
        line={"color": color, "width": width},
        opacity=opacity,
        hoverinfo="none",
        customdata=np.full(len(path), place, np.int16),
    )


def _label(corners: NDArray[np.float32], color: str, name: str, opacity: float) -> dict[str, Any]:
    """Its name over the middle of its top. Plotly draws text inside the 3D canvas without reading entities, so not there."""
    x, y, z = float(corners[:, 0].mean()), float(corners[:, 1].min()), float(corners[:, 2].mean())
    return {
        "x": x, "y": z, "z": -y, "text": name, "showarrow": False, "yshift": 9, "bgcolor": color, "opacity": opacity,
        "borderpad": 1, "font": {"color": ink_on(color), "size": 11},
    }  # fmt: skip


def _own_colors(objects: Sequence[SceneObject], color_by: ColorBy, layers: Sequence[Layer], dark: bool) -> list[str]:
    """One colour an object: its layer's, or its own."""
    if color_by != "layer":
        return list(object_colors([o.id for o in objects]).values())
    of = {name: c for layer, c in zip(layers, layer_colors(len(layers)), strict=True) for name in layer.object_ids}
    return [of.get(o.id, look(dark).gap) for o in objects]


def _by_object(shown: PointCloud, own: list[str], rest: str) -> tuple[list[str], NDArray[np.uint8]]:
    """The colours in use, and each point's place among them."""
    palette = sorted({rest, *own})[:256]
    places = np.array([palette.index(c) for c in (*own, rest)], np.uint8)
    index = np.where(shown.object_index < len(own), shown.object_index, -1)
    return palette, places[index]  # -1 is the last: the rest


def _quantised(colors: NDArray[np.uint8]) -> tuple[list[str], NDArray[np.uint8]]:
    """(N, 3) to at most 256 colours "#rrggbb" and (N,) uint8 places: Pillow's median cut, no dithering."""
    if not len(colors):
        return ["#000000"], np.empty(0, np.uint8)
    strip = Image.fromarray(np.ascontiguousarray(colors)[None])
    small = strip.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    table = np.array(small.getpalette(), np.uint8).reshape(-1, 3)
    return ["#{:02x}{:02x}{:02x}".format(*c) for c in table], np.asarray(small, np.uint8)[0]


def cameras(cloud: PointCloud) -> dict[str, dict[str, dict[str, float]]]:
    """Plotly cameras by viewpoint.

    "front" is a little behind where the camera stood, looking the way it looked. The others show the whole cloud: "left",
    "right" and "back" after quarter turns round the scene, "top" from above with forward upwards.
    """
    low, high = _limits(cloud)
    span = high - low
    unit = float(np.cbrt(span.prod()))  # Plotly's: the box's sides have geometric mean 1 and its middle is the origin
    away = float(np.median(cloud.points_camera[:, 2])) if len(cloud) else 1.0
    middle = (low + high) / 2
    width, length, height = (span / unit).tolist()
    turned = {
        "left": (-(width / 2 + 1.15 * max(length, height)), 0.0, 0.0),
        "back": (0.0, length / 2 + 1.15 * max(width, height), 0.0),
        "right": (width / 2 + 1.15 * max(length, height), 0.0, 0.0),
        "top": (0.0, -0.001, height / 2 + 1.15 * max(width, length)),
    }
    front = (np.array([0, -BACK * away, 0]) - middle) / unit
    aim = (np.array([0, away, 0]) - middle) / unit
    placed = {"front": (front.tolist(), aim.tolist())} | {name: (eye, (0.0, 0.0, 0.0)) for name, eye in turned.items()}
    up = {"x": 0.0, "y": 0.0, "z": 1.0}
    return {
        name: {"eye": dict(zip("xyz", eye, strict=True)), "center": dict(zip("xyz", center, strict=True)), "up": up}
        for name, (eye, center) in placed.items()
    }


def _limits(cloud: PointCloud) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(3,) and (3,): the ends of what is drawn, as right, forward, up."""
    points = cloud.points_camera[:, [0, 2, 1]] * np.array([1, 1, -1], np.float32)
    low, high = (points.min(0), points.max(0)) if len(points) else (np.zeros(3, np.float32), np.ones(3, np.float32))
    return low, low + np.maximum(high - low, np.float32(1e-6))


def _scene(shown: PointCloud, unit: str, dark: bool) -> dict[str, Any]:
    """Axes named and equal."""
    style = look(dark)
    low, high = _limits(shown)
    pane = {"gridcolor": style.faint, "zeroline": False, "showbackground": False, "nticks": 5, "showspikes": False}
    pane["color"] = NEUTRAL
    axes = {
        f"{a}axis": pane | {"title": {"text": f"{w}, {unit}"}, "range": [float(low[k]), float(high[k])]}
        for k, (a, w) in enumerate(zip("xyz", ("right", "forward", "up"), strict=True))
    }
    return axes | {"bgcolor": CLEAR, "aspectmode": "data", "dragmode": "turntable", "uirevision": "keep"}
