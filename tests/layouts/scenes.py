"""Hidden scenes to read relations off: what is asked of them can be laid out, for the scene itself shows it."""

from __future__ import annotations

import numpy as np

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.layouts.extract import extract

NOWHERE = Box(0, 0, 0, 0)


def hidden_scene(rng: np.random.Generator, n: int, width: int = 512, height: int = 512) -> Layout:
    """n boxes of 12 to 40 % of the canvas, at distances from 1 to 10, each at least half visible past any one nearer box."""
    ids = [f"o{k}" for k in range(n)]
    z = np.sort(rng.uniform(0, 1, n))
    distances = 10 ** ((z - z[0]) / max(z[-1] - z[0], 1e-9))
    boxes: dict[str, Box] = {}
    for name in ids:
        for _ in range(200):
            w, h = rng.uniform(0.12, 0.4, 2)
            x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
            box = Box(x, y, x + w, y + h).scaled(width, height)
            if all(box.intersection(near) <= 0.45 * box.area for near in boxes.values()):
                break
        boxes[name] = box
    return Layout(width, height, boxes, tuple(ids), depths=dict(zip(ids, map(float, distances), strict=True)))


def objects(ids: tuple[str, ...] | list[str]) -> tuple[SceneObject, ...]:
    return tuple(SceneObject(i, i, NOWHERE) for i in ids)


def read_off(rng: np.random.Generator, layout: Layout, count: int, verdicts: tuple[str, ...] = ("true",)) -> SpatialGraph:
    """A graph of up to `count` relations the layout shows, as a person would ask for them."""
    shown = [r for r in extract(layout) if r.verdict in verdicts]
    picked = [shown[k] for k in rng.permutation(len(shown))]
    asked: dict[tuple[str, str, str, str], Relation] = {}
    for r in picked:
        if len(asked) == count:
            break
        if (r.object, r.subject, r.family, r.frame) not in asked:
            asked[r.key] = Relation(r.subject, r.predicate, r.object, r.family, r.frame, verdict=r.verdict, origin="person")
    return SpatialGraph.of(objects(list(layout.boxes)), asked.values())
