"""What an engine of each stage must do. `version` is recorded in provenance; `settings` too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

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
    """Picture -> objects.

    Attributes:
        uses_labels: whether it looks for `labels`; one that does finds nothing without any.
    """

    uses_labels: bool

    def detect(self, image: Image, depth: DepthMap | None, labels: Sequence[str] = ()) -> list[Detection]:
        """Objects in an (H, W, 3) uint8 picture, best first; `labels` are what to look for, where it can use them."""
        ...


class Segmenter(Engine, Protocol):
    """Boxes -> masks."""

    def segment(self, image: Image, depth: DepthMap | None, boxes: Sequence[Box]) -> list[Mask]:
        """One (H, W) bool mask per box, never empty, inside its box."""
        ...


@runtime_checkable
class Clickable(Protocol):
    """A segmenter that also takes clicks."""

    def click(
        self, image: Image, points: Sequence[tuple[float, float]], positive: Sequence[bool], box: Box | None = None
    ) -> Mask:
        """(H, W) bool: the thing that holds the positive points (x, y) px and not the others; may be empty."""
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

    @property
    def known(self) -> bool:
        """Whether the engine knows what it drew; else objects and depth are to be measured in the picture."""
        return self.depth is not None


class Imaginer(Engine, Protocol):
    """Layout -> picture."""

    def render(self, layout: Layout, source: Source | None = None, seed: int = 0) -> Rendered:
        """Draw the layout; same layout, source and seed give the same bytes.

        Raises:
            Unavailable: it can't run here, or not without a source.
            Cancelled: the person stopped it (an engine that takes long tells of its steps, see `progress.tell`).
        """
        ...


class SceneWriter(Engine, Protocol):
    """Scene name -> graph."""

    def imagine(self, scene: str | None, seed: int) -> SpatialGraph:
        """A consistent graph for the named scene, or for one of its choice; boxes are empty (0, 0, 0, 0)."""
        ...


@dataclass(frozen=True, eq=False)
class Message:
    """One turn of a conversation: role "system", "user" or "assistant", text, and an (H, W, 3) uint8 picture for vision."""

    role: str
    text: str
    image: Image | None = None


@dataclass(frozen=True)
class Reply:
    """What a language model said.

    Attributes:
        text: as it came.
        prompt_tokens, completion_tokens: None where the server does not tell.
        cut: the reply ended at the limit of tokens.
        refused: the model, or what watches over it, declined to answer.
    """

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cut: bool = False
    refused: bool = False


class Chat(Engine, Protocol):
    """Messages -> text. Nothing it says counts before `engines.language.talk` has read and checked it."""

    def say(self, messages: Sequence[Message], schema: Mapping[str, Any], seed: int) -> Reply:
        """One reply, asked once; `schema` is the JSON schema wanted, which a server may not heed; empty for free text.

        Raises:
            Busy: it may work a moment later.
            Unavailable: it can't work as it is set up.
        """
        ...
