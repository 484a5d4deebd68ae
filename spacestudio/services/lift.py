"""Lift: objects, depth and camera -> measurements, layers, cloud, space and the measured graph.

Each step's result is kept while its inputs stay the same, so an edit measures again only what it touched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.domain.cloud import PointCloud
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import State
from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Layer
from spacestudio.domain.space import Space
from spacestudio.geometry.layering import layers_of, reordered
from spacestudio.geometry.measure import measure, part_of, with_depth_stats
from spacestudio.geometry.open3d_room import floor_plane
from spacestudio.geometry.unproject import object_index_map, to_cloud
from spacestudio.relations.relate import relate
from spacestudio.services.payloads import object_of

T = TypeVar("T")


class Memo:
    """The last results of a few pure functions, by key."""

    def __init__(self, size: int = 64) -> None:
        self.size = size
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The kept result, or a fresh one."""
        if key in self._kept:
            self._kept.move_to_end(key)
            kept: T = self._kept[key]
            return kept
        value = make()
        self._kept[key] = value
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)
        return value


def frozen(value: Any) -> Hashable:
    """A hashable stand-in for JSON values; masks are compared by their text."""
    if isinstance(value, Mapping):
        return tuple((k, frozen(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(frozen(v) for v in value)
    return value  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Lifted:
    """Objects in space: with depth stats, measured under each assumption, layered, related, and the cloud they are in."""

    objects: tuple[SceneObject, ...]
    variants: tuple[Measurements, ...]
    layers: tuple[Layer, ...]
    cloud: PointCloud | None
    space: Space
    graph: SpatialGraph


class Lifter:
    """The stage, with what it measured last."""

    def __init__(self) -> None:
        self._worlds, self._parts, self._whole = Memo(8), Memo(2000), Memo(32)

    def lift(self, state: State, image: NDArray[np.uint8], depth: DepthMap | None, camera: Camera | None) -> Lifted:
        """What a state's objects are in space.

        Args:
            image: (H, W, 3) uint8, the state's own picture.
            depth, camera: as `Deriver.depth_and_camera` gives them.
        """
        return self._whole.get(lift_key(state), lambda: self._lifted(state, image, depth, camera))

    def _lifted(self, state: State, image: NDArray[np.uint8], depth: DepthMap | None, camera: Camera | None) -> Lifted:
        height, width = image.shape[:2]
        world = world_key(state)
        scene = self._worlds.get(world, lambda: to_cloud(image, depth, camera) if depth and camera else None)
        floor = self._worlds.get(("floor", world), lambda: floor_plane(scene) if scene is not None else None)
        items = list(state.objects.values())
        objects = tuple(object_of(p, width, height) for p in items)
        parts = [
            self._parts.get(
                (world, p.get("mask"), o.box, o.mask is None),
                lambda o=o: part_of(o, width, height, depth, camera, floor),  # type: ignore[misc]
            )
            for p, o in zip(items, objects, strict=True)
        ]
        objects = with_depth_stats(objects, depth, parts)
        variants = measure(objects, width, height, depth, camera, floor, parts)
        negative = state.absent if state.absent is not None else state.created.get("negative_objects", ())
        graph = relate(objects, variants, state.created.get("scene", ""), negative, assumed(depth, camera))
        layers = layers_of(objects, depth, state.cuts) if depth is not None else ()
        boxes = {o.id: p.box for o, p in zip(objects, parts, strict=True) if p.box is not None}
        heights = {o.id: p.heights for o, p in zip(objects, parts, strict=True) if p.heights is not None}
        return Lifted(objects, variants, layers, _owned(scene, depth, objects), Space(floor, boxes, heights), graph)


def _owned(scene: PointCloud | None, depth: DepthMap | None, objects: tuple[SceneObject, ...]) -> PointCloud | None:
    """The cloud, each point with its object."""
    if scene is None or depth is None:
        return None
    index = object_index_map(objects, *depth.values.shape)
    return replace(scene, object_index=index[depth.valid])


def world_key(state: State) -> Hashable:
    """What the cloud depends on."""
    depth = state.depth or {}
    return "world", state.created["image"], depth.get("blob"), depth.get("kind"), frozen(depth.get("camera")), frozen(
        state.camera
    ), state.scale  # fmt: skip


def lift_key(state: State) -> Hashable:
    """What the measured graph depends on."""
    return (
        "lift",
        world_key(state),
        frozen(state.cuts),
        frozen(state.objects),
        frozen(state.absent),
        frozen(state.created.get("negative_objects")),
    )


def corrected_layers(
    layers: tuple[Layer, ...], pins: Mapping[tuple[str, str, str, str], Mapping[str, Any]]
) -> tuple[Layer, ...]:
    """The layers after the person's corrections of who is in front of whom."""
    said: list[tuple[str, str, str]] = []
    for (subject, object_, family, _), pin in pins.items():
        if (
            family == "depth"
            and pin["verdict"] == "true"
            and pin["predicate"] in ("in front of", "behind", "at the same depth")
        ):
            said.append((subject, pin["predicate"], object_))
    return reordered(layers, said)


def assumed(depth: DepthMap | None, camera: Camera | None) -> tuple[str, ...]:
    """What 3D statements rest on, in words."""
    notes = []
    if depth is not None and depth.kind != "metric":
        notes.append("far/near ratio 10")
    if depth is not None and "without a model" in depth.source:
        notes.append("depth estimated without a model")
    if camera is not None and camera.is_assumed:
        notes.append("60° field of view")
    return tuple(notes)
