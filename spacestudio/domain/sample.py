"""One item of a data set: a picture and everything true of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.domain.cloud import PointCloud
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.grounded import Exchange
from spacestudio.domain.layout import Layout
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.qa import QAPair
from spacestudio.domain.space import Space

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Layer:
    """One depth layer.

    Attributes:
        index: 1 is the nearest.
        near, far: its limits as farness in [0, 1].
        object_ids: nearest first.
    """

    index: int
    near: float
    far: float
    object_ids: tuple[str, ...]


@dataclass(frozen=True)
class EngineRun:
    """Which engine made what: stage ("depth", "objects", …), engine name, version, settings, seed."""

    stage: str
    engine: str
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    seed: int | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and everything derived from it.

    Attributes:
        id: cleaned stem + 8 hex digits of the input's SHA-256.
        name: what the person calls it.
        image: (H, W, 3) uint8, upright RGB.
        depth, camera, cloud: None before they were made.
        layers: near to far.
        graph: the picture's own graph.
        views: viewpoint -> the relations seen from there.
        target: the graph a new picture should show, else the graph this picture was made from; None without either.
        layout: where the target's objects go; None without a target, or when there is no such layout.
        verdicts: relations asked by `target`, each with its verdict in this picture.
        qa: the questions.
        review: "draft", "accepted", "rejected" or "flagged".
        parent: id of the sample it was made from.
        provenance: which engine made what.
        clashes: irreducible sets of relations of `graph` that can't hold together.
        input: name and bytes that came in, when they did.
        events: the log it is folded from.
        problem: why the target has no layout, in plain words; empty otherwise.
        wished: whether the target is a person's wish about this picture.
        space: the floor, and the objects' turned boxes.
        variants: the objects measured under each assumption, the stated one first; empty when read from a folder.
        exchanges: style -> its questions and answers in grounded text (`services.tell`); empty until a style is asked for.
    """

    id: str
    name: str
    image: NDArray[np.uint8]
    graph: SpatialGraph
    depth: DepthMap | None = None
    camera: Camera | None = None
    cloud: PointCloud | None = None
    layers: tuple[Layer, ...] = ()
    views: Mapping[str, tuple[Relation, ...]] = field(default_factory=dict)
    target: SpatialGraph | None = None
    layout: Layout | None = None
    verdicts: tuple[Relation, ...] = ()
    qa: tuple[QAPair, ...] = ()
    review: str = "draft"
    parent: str | None = None
    provenance: tuple[EngineRun, ...] = ()
    warnings: tuple[str, ...] = ()
    clashes: tuple[tuple[Relation, ...], ...] = ()
    input: tuple[str, bytes] | None = None
    events: tuple[Event, ...] = ()
    problem: str = ""
    wished: bool = False
    space: Space = field(default_factory=Space)
    variants: tuple[Measurements, ...] = ()
    exchanges: Mapping[str, tuple[Exchange, ...]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """px"""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """px"""
        return int(self.image.shape[0])

    @property
    def objects(self) -> tuple[SceneObject, ...]:
        """The objects of its graph."""
        return self.graph.objects

    def but(self, **changes: Any) -> Sample:
        """A copy with some fields changed."""
        return replace(self, **changes)
