"""Depth layers: which objects stand at one depth, and which pixels belong to each layer.

A layer is an interval of farness; the layers of one picture divide [0, 1], so each object with depth (by its
median) and each valid pixel lies in exactly one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Layer
from spacestudio.geometry.measure import with_depth_stats

MAX_LAYERS = 6
"""Most layers made by themselves (ours)."""
MIN_GAP = 0.03
"""Medians closer than this in farness stand in one layer (ours)."""
SPREAD_SHARE = 0.35
"""Smallest gap worth a cut, as a share of the two neighbours' p10-p90 spread averaged (ours)."""


def layers_of(objects: tuple[SceneObject, ...], depth: DepthMap, cuts: Sequence[float] | None = None) -> tuple[Layer, ...]:
    """The layers, nearest first; each object with valid depth in exactly one, by its median farness.

    Args:
        objects: with depth stats of this map, else measured here by mask, or by box where a mask is missing.
        depth: of the picture they are in.
        cuts: farness values in (0, 1) a person set, in any order: n cuts make n + 1 layers, empty ones too.
            None finds them: at most `MAX_LAYERS` layers, cut at the widest gaps between neighbouring medians
            relative to the spread of both neighbours.

    Objects without a valid depth are in no layer. Neither objects with depth nor cuts make no layers.
    """
    spread = _spread(objects, depth)
    known = [i for i in range(len(objects)) if np.isfinite(spread[i, 1])]
    by_depth = sorted(known, key=lambda i: (spread[i, 1], objects[i].id))
    if not by_depth and cuts is None:
        return ()
    limits = _found_cuts(spread[by_depth]) if cuts is None else sorted({float(c) for c in cuts if 0 < c < 1})
    edges = [0.0, *limits, 1.0]
    place = np.searchsorted(limits, spread[:, 1], side="right")
    return tuple(
        Layer(k + 1, edges[k], edges[k + 1], tuple(objects[i].id for i in by_depth if place[i] == k))
        for k in range(len(edges) - 1)
    )


def reordered(layers: tuple[Layer, ...], said: Sequence[tuple[str, str, str]]) -> tuple[Layer, ...]:
    """The layers after corrections of who is in front of whom.

    Args:
        said: (subject, "in front of" | "behind" | "at the same depth", object), in the order they were said.

    Where the layers say otherwise the subject moves: into the object's layer, and before it or behind it there. The layers'
    limits stay, so `purity` tells what a moved object's pixels say.
    """
    rows = [list(layer.object_ids) for layer in layers]
    place = {name: k for k, row in enumerate(rows) for name in row}
    for subject, predicate, object_ in said:
        if subject not in place or object_ not in place:
            continue
        own, other = place[subject], place[object_]
        order = (own, rows[own].index(subject)), (other, rows[other].index(object_))
        agrees = {"in front of": order[0] < order[1], "behind": order[0] > order[1], "at the same depth": own == other}
        if not agrees[predicate]:
            rows[own].remove(subject)
            rows[other].insert(rows[other].index(object_) + (predicate != "in front of"), subject)
            place[subject] = other
    return tuple(replace(layer, object_ids=tuple(row)) for layer, row in zip(layers, rows, strict=True))


def _spread(objects: tuple[SceneObject, ...], depth: DepthMap) -> NDArray[np.float64]:
    """(N, 3) farness of each object: its near end, median and far end (10th, 50th, 90th percentile); NaN unknown."""
    out = np.full((len(objects), 3), np.nan)
    measured = objects if all(o.depth is not None for o in objects) else with_depth_stats(objects, depth)
    for i, o in enumerate(measured):
        if o.depth is not None:
            values = np.array([o.depth.p10, o.depth.median, o.depth.p90], np.float32)
            out[i] = np.sort(depth.to_farness(values))
    return out


def _found_cuts(spread: NDArray[np.float64]) -> list[float]:
    """Cuts between neighbours of an (N, 3) table sorted by its middle column."""
    near, middle, far = spread.T
    gaps = np.diff(middle)
    if not len(gaps):
        return []
    width = (far - near)[:-1] / 2 + (far - near)[1:] / 2
    score = gaps / (MIN_GAP + width)
    wide = np.flatnonzero((gaps >= MIN_GAP) & (gaps >= SPREAD_SHARE * width))
    chosen = sorted(sorted(wide.tolist(), key=lambda i: (-score[i], i))[: MAX_LAYERS - 1])
    cuts = []
    for i in chosen:  # between the two bodies where there is room, never beyond a tenth of the gap from a median
        body = (far[i] + near[i + 1]) / 2
        cuts.append(float(np.clip(body, middle[i] + 0.1 * gaps[i], middle[i + 1] - 0.1 * gaps[i])))
    return cuts


def layer_map(depth: DepthMap, layers: Sequence[Layer]) -> NDArray[np.int32]:
    """(H, W) int32: index of the layer each pixel lies in by its farness; 0 where depth is invalid or there is no layer."""
    farness = depth.farness()
    if not layers:
        return np.zeros(farness.shape, np.int32)
    limits = np.array([layer.far for layer in layers[:-1]], np.float32)
    index = np.array([layer.index for layer in layers], np.int32)[np.searchsorted(limits, farness, side="right")]
    return np.where(depth.valid, index, 0).astype(np.int32)


def purity(objects: tuple[SceneObject, ...], depth: DepthMap, layers: Sequence[Layer]) -> dict[str, float]:
    """Object id -> share of its valid mask pixels whose farness lies within its layer; NaN without such pixels."""
    farness = depth.farness()
    height, width = farness.shape
    of = {name: layer for layer in layers for name in layer.object_ids}
    out = {}
    for o in objects:
        layer = of.get(o.id)
        values = farness[o.mask] if o.mask is not None else farness[o.box.slices(width, height)].ravel()
        values = values[np.isfinite(values)]
        inside = (values >= layer.near) & (values <= layer.far) if layer is not None else np.zeros(len(values), bool)
        out[o.id] = float(inside.mean()) if len(values) else float("nan")
    return out


def published_levels(objects: tuple[SceneObject, ...], depth: DepthMap) -> tuple[tuple[str, ...], ...]:
    """SpaceSGG's levels (SEEDS 1.3 b), nearest first: a seed and every object whose depth range covers the seed's.

    A range is [min, max] over the object's own valid mask pixels; r1 covers r2 when r1.min < r2.min and
    r1.max > r2.max; a seed covers no other object. An object may stand in several levels; one without valid
    depth stands in none. Unlike the published script the range is the mask's and the levels are in depth order.
    """
    sign = -1.0 if depth.kind == "disparity" else 1.0
    height, width = depth.values.shape
    ids: list[str] = []
    ranges: list[tuple[float, float]] = []
    for o in objects:
        if o.mask is not None:
            values = depth.values[o.mask & depth.valid]
        else:
            window = o.box.slices(width, height)
            values = depth.values[window][depth.valid[window]]
        if values.size:
            ends = sign * np.array([values.min(), values.max()], np.float64)
            ids.append(o.id)
            ranges.append((float(ends.min()), float(ends.max())))
    low, high = np.array(ranges, np.float64).reshape(-1, 2).T
    covers = (low[:, None] < low[None, :]) & (high[:, None] > high[None, :])
    seeds = sorted(np.flatnonzero(~covers.any(1)), key=lambda i: (low[i] + high[i], ids[i]))
    return tuple((ids[s], *(ids[i] for i in np.flatnonzero(covers[:, s]))) for s in seeds)
