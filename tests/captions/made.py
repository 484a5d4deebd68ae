"""Random pictures for the styles: boxes at random places and distances, with labels that repeat, are plural or are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject, fresh_id
from spacestudio.domain.sample import Sample
from spacestudio.geometry.layering import layers_of
from spacestudio.geometry.measure import measure, with_depth_stats
from spacestudio.relations.relate import VIEWS, relate, seen_from

WIDTH, HEIGHT = 160, 120
LABELS = ("cup", "cup", "plate", "cat", "orange", "scissors", "grass", "wine glass", "", "object 3", "knife", "<b>")
COLOURS = ("", "", "red", "black", "old")


def picture(seed: int, count: int | None = None, deep: bool = True, labels: tuple[str, ...] = LABELS) -> Sample:
    """Up to ten things in metric depth, measured, related and seen from all sides; without depth if not `deep`."""
    rng = np.random.default_rng(seed)
    values = np.full((HEIGHT, WIDTH), 9.0, np.float32)
    objects: list[SceneObject] = []
    for _ in range(int(rng.integers(0, 11)) if count is None else count):
        x, y, w, h = rng.uniform(0, 130), rng.uniform(0, 95), rng.uniform(8, 50), rng.uniform(8, 50)
        box = Box(x, y, min(x + w, WIDTH), min(y + h, HEIGHT))
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[box.slices(WIDTH, HEIGHT)] = True
        values[mask] = rng.uniform(1, 8)
        label, colour = str(rng.choice(labels)), str(rng.choice(COLOURS))
        own = fresh_id(label, {o.id for o in objects})
        objects.append(SceneObject(own, label, box, (colour,) if colour else (), mask=mask))
    depth = DepthMap.of(values, "metric", "made") if deep else None
    camera = Camera.from_fov(WIDTH, HEIGHT, 60) if deep else None
    things = with_depth_stats(tuple(objects), depth)
    variants = measure(things, WIDTH, HEIGHT, depth, camera)
    graph = relate(things, variants, "made")
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    sample = Sample(f"made-{seed:04d}", "made", image, graph, depth, camera, variants=variants)
    if depth is None:
        return sample
    views = {str(view): seen_from(view, things, variants, graph) for view in VIEWS}
    return replace(sample, layers=layers_of(things, depth), views=views)


def placed(*things: tuple[str, tuple[float, float, float, float], float]) -> Sample:
    """Things given as (label, box, distance in m), each a flat board."""
    values = np.full((HEIGHT, WIDTH), 9.0, np.float32)
    objects: list[SceneObject] = []
    for label, corners, distance in things:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[Box(*corners).slices(WIDTH, HEIGHT)] = True
        values[mask] = distance
        objects.append(SceneObject(fresh_id(label, {o.id for o in objects}), label, Box(*corners), mask=mask))
    depth, camera = DepthMap.of(values, "metric", "made"), Camera.from_fov(WIDTH, HEIGHT, 60)
    known = with_depth_stats(tuple(objects), depth)
    variants = measure(known, WIDTH, HEIGHT, depth, camera)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    sample = Sample("placed", "placed", image, relate(known, variants), depth, camera, variants=variants)
    return replace(sample, layers=layers_of(known, depth))
