"""Depth engines that need no weights: the estimate from monocular cues, and none at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.protocols import Image


class CueDepth:
    """Depth order from what one picture shows, without a learned model; no distances and no camera."""

    name = "cues"
    version = "1"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Nothing can be set."""
        return {}

    def estimate(self, image: Image, boxes: Sequence[Box] = ()) -> tuple[DepthMap | None, Camera | None]:
        """Relative depth of an (H, W, 3) uint8 picture; `boxes` are upright things and sharpen the estimate."""
        from spacestudio.engines.depth.cues import estimate_farness  # SciPy wakes here

        farness = estimate_farness(image, [box.xyxy for box in boxes])
        return DepthMap.of(farness, "relative", "estimate without a model"), None


class NoDepth:
    """No depth: the picture's plane only."""

    name = "none"
    version = "1"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Nothing can be set."""
        return {}

    def estimate(self, image: Image, boxes: Sequence[Box] = ()) -> tuple[DepthMap | None, Camera | None]:
        """(None, None)."""
        return None, None
