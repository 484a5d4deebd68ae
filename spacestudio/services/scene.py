"""What the question families look at, from what is known of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import fold
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.sample import Layer, Sample
from spacestudio.qa.scene import Scene


def scene_of_sample(sample: Sample) -> Scene:
    """The scene of a derived sample."""
    scene = scene_of(sample.graph, sample.views, sample.layers, sample.depth, sample.clashes, sample.width, sample.height)
    return replace(scene, unlisted=frozenset(fold(sample.events).unlisted if sample.events else ()))


def scene_of(
    graph: SpatialGraph,
    views: Mapping[str, tuple[Relation, ...]],
    layers: tuple[Layer, ...],
    depth: DepthMap | None,
    found: tuple[tuple[Relation, ...], ...],
    width: int,
    height: int,
) -> Scene:
    """What the question families look at."""
    distances = {}
    metric = depth is not None and depth.kind == "metric"
    for o in graph.objects:
        if o.depth is not None and depth is not None:
            raw = np.array([o.depth.p10, o.depth.median, o.depth.p90], np.float32)
            p10, median, p90 = sorted((raw if metric else depth.to_farness(raw)).tolist())
            distances[o.id] = (p10, median, p90)
    distrusted = frozenset(r.key for clash in found for r in clash)
    return Scene(graph, width, height, views, layers, distances, metric, depth.source if depth else "", distrusted)
