"""What an engine of each stage must do. `version` is recorded in provenance; `settings` too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Engine(Protocol):
    """What all engines carry."""

    name: str
    version: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it was set to, JSON values, recorded in provenance."""
        ...


class DepthEngine(Engine, Protocol):
    """Picture -> depth."""

    def estimate(self, image: Image, boxes: Sequence[Box] = ()) -> tuple[DepthMap | None, Camera | None]:
        """Depth of an (H, W, 3) uint8 picture and, where the model knows it, its camera."""
        ...


@dataclass(frozen=True, eq=False)
class Detection:
    """One object found: label ("" when the person is to name it), box px, score in [0, 1], (H, W) mask where known."""

    label: str
    box: Box
    score: float = 1.0
    mask: Mask | None = None
    attributes: tuple[str, ...] = ()


class Detector(Engine, Protocol):
    """Picture -> objects."""

    def detect(self, image: Image, depth: DepthMap | None, labels: Sequence[str] = ()) -> list[Detection]:
        """Objects in an (H, W, 3) uint8 picture, best first; `labels` are what to look for, where it can use them."""
        ...


class Segmenter(Engine, Protocol):
    """Boxes -> masks."""

    def segment(self, image: Image, depth: DepthMap | None, boxes: Sequence[Box]) -> list[Mask]:
        """One (H, W) bool mask per box, never empty, inside its box."""
        ...


@dataclass(frozen=True, eq=False)
class Source:
    """The photo a layout comes from: picture, objects with masks, depth."""

    image: Image
    objects: tuple[SceneObject, ...]
    depth: DepthMap | None = None


@dataclass(frozen=True, eq=False)
class Rendered:
    """A picture made from a layout.

    Attributes:
        image: (H, W, 3) uint8 of the layout's size.
        objects: in layout-id order of `layout.boxes`; box = the visible extent, mask = visible pixels; an object
            entirely hidden keeps its drawn box and an empty mask; attributes = those of the asked ones that can be
            seen, not those that were merely asked. Empty tuple when the engine can't know (diffusion).
        depth: what was drawn, relative; None when the engine can't know.
        visible: object id -> share of its drawn pixels that stayed visible, in [0, 1].
        notes: what it could not do, in plain words.
    """

    image: Image
    objects: tuple[SceneObject, ...] = ()
    depth: DepthMap | None = None
    visible: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Imaginer(Engine, Protocol):
    """Layout -> picture."""

    def render(self, layout: Layout, source: Source | None = None, seed: int = 0) -> Rendered:
        """Draw the layout; same layout, source and seed give the same bytes."""
        ...


class SceneWriter(Engine, Protocol):
    """Scene name -> graph."""

    def imagine(self, scene: str | None, seed: int) -> SpatialGraph:
        """A consistent graph for the named scene, or for one of its choice; boxes are empty (0, 0, 0, 0)."""
        ...
