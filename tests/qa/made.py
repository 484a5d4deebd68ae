"""Made scenes: boxes standing in a depth map, measured and related like a picture's, with a truth to ask besides the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import measure
from spacestudio.qa.scene import Scene
from spacestudio.relations.relate import VIEWS, family_of, judge, relate, seen_from, with_pins

WIDTH, HEIGHT = 64, 48
PLAIN = (
    "cup",
    "plate",
    "dog",
    "apple",
    "umbrella",
    "chair",
    "vase",
    "book",
    "kite",
    "horse",
    "bench",
    "laptop",
    "truck",
    "pizza",
)
"""Labels of which none is a kind of another."""


class Made:
    """A scene, its measurements, and how it was made."""

    def __init__(self, scene: Scene, variants: tuple[Measurements, ...], told: str) -> None:
        self.scene, self.variants, self.told = scene, variants, told

    def __repr__(self) -> str:
        return self.told

    def holds(self, subject: str, predicate: str, object_: str, frame: str) -> bool | None:
        """Whether the rules say so, asked anew from the measurements; None when they leave it open."""
        variants = self.variants
        if frame in VIEWS:
            variants = tuple(m.turned(VIEWS[frame]) for m in variants)  # type: ignore[index]
        f = family_of(predicate)
        assert f is not None
        ids = self.scene.graph.ids
        sign = judge(f, variants, frame)[predicate].sign[ids.index(subject), ids.index(object_)]  # type: ignore[arg-type]
        return None if sign == 0 else bool(sign > 0)


def made(
    things: Sequence[tuple[str, Sequence[str], tuple[float, float, float, float], float]],
    kind: str = "metric",
    source: str = "made",
    negative: Sequence[str] = (),
    ids: Sequence[str] | None = None,
    drawn: int | None = None,
    **more: Any,
) -> Made:
    """From (label, attributes, box xywh px, distance); the first `drawn` stand in the depth map, the rest lie on what is there."""
    depth = np.full((HEIGHT, WIDTH), 6.0, np.float32)
    objects = []
    for n, (label, attributes, xywh, z) in enumerate(things):
        box = Box.from_xywh(xywh).clipped(WIDTH, HEIGHT)
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[box.slices(WIDTH, HEIGHT)] = True
        if drawn is None or n < drawn:
            depth[mask] = z
        objects.append(SceneObject(ids[n] if ids else f"thing-{n}", label, box, tuple(attributes), mask=mask))
    camera = Camera.assumed(WIDTH, HEIGHT)
    known = DepthMap.of(depth, kind, source)  # type: ignore[arg-type]
    variants = measure(tuple(objects), WIDTH, HEIGHT, known, camera)
    graph = relate(tuple(objects), variants, "somewhere", negative, ("camera: 60° assumed",))
    views = {v: seen_from(v, tuple(objects), variants, graph) for v in ("left", "right", "back")}
    distances = {o.id: tuple(map(float, z)) for o, z in zip(objects, variants[0].z, strict=True) if np.isfinite(z).all()}
    scene = Scene(graph, WIDTH, HEIGHT, views, (), distances, kind == "metric", source, **more)  # type: ignore[arg-type]
    return Made(scene, variants, f"made({list(things)}, {kind!r}, {source!r}, {list(negative)}, seed={scene.seed})")


def row(labels: Sequence[str], seed: int = 0, drawn: int | None = None, **more: Any) -> Made:
    """Objects with these labels at random places and distances."""
    rng = np.random.default_rng(seed)
    things = []
    for label in labels:
        x, y, w, h = rng.uniform(0, 50), rng.uniform(0, 36), rng.uniform(5, 16), rng.uniform(5, 14)
        attributes = (("red",), ("black",), ("open",), ("wooden",), ())[rng.integers(5)]
        things.append((label, attributes, (x, y, w, h), float(rng.uniform(1, 6))))
    return made(things, ids=[f"{label.replace(' ', '-')}-1" for label in labels], drawn=drawn, seed=seed, **more)


def fresh(scene: Scene, **changes: Any) -> Scene:
    """The same scene as a new value, so that nothing computed before is used again."""
    return replace(scene, **changes)


def with_relations(scene: Scene, changes: Mapping[tuple[str, str, str, str], Mapping[str, Any] | None]) -> Scene:
    """The scene with some relations replaced by other values, or left out."""
    rows = []
    for r in scene.graph:
        change = changes.get(r.key, {})
        if change is not None:
            rows.append(replace(r, **change))
    return replace(scene, graph=scene.graph.but(relations=rows))


def person_says(scene: Scene, subject: str, predicate: str, object_: str, verdict: str = "true") -> Scene:
    """The scene with a correction, both ways, as `relations.with_pins` lays it."""
    f = family_of(predicate)
    assert f is not None
    pin = {"predicate": predicate, "verdict": verdict, "measured": None}
    return replace(scene, graph=with_pins(scene.graph, {(subject, object_, f.name, f.frames[0]): pin}))


def graph_of(objects: Sequence[SceneObject], relations: Sequence[Relation] = (), **more: Any) -> Scene:
    """A scene of stated relations alone, 100 x 100 px."""
    return Scene(SpatialGraph.of(objects, relations, negative_objects=more.pop("negative", ())), 100, 100, **more)


def thing(object_id: str, label: str, x: float = 50, y: float = 50, *attributes: str) -> SceneObject:
    """An object of 10 x 10 px around (x, y)."""
    return SceneObject(object_id, label, Box(x - 5, y - 5, x + 5, y + 5), attributes)
