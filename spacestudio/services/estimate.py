"""Depth: picture -> DepthMap and Camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.sample import EngineRun
from spacestudio.engines import DEPTH
from spacestudio.engines.protocols import DepthEngine


@dataclass(frozen=True, eq=False)
class Estimate:
    """Depth (None when the engine makes none), the camera where it is known, and who made it."""

    depth: DepthMap | None
    camera: Camera | None
    run: EngineRun


def estimate(image: NDArray[np.uint8], engine: str = "cues", boxes: Sequence[Box] = ()) -> Estimate:
    """Depth of an (H, W, 3) uint8 picture by a named engine; "engine:NAME" or "engine:FOLDER" says with which weights.

    Raises:
        UnknownName: no such engine.
        Unavailable: it can't run here, in one line with the next step.
        Cancelled: the person stopped it.
    """
    made: DepthEngine = DEPTH.make(engine)
    depth, camera = made.estimate(image, boxes)
    return Estimate(depth, camera, EngineRun("depth", made.name, made.version, dict(made.settings)))


def supplied(depth: DepthMap, camera: Camera | None = None) -> Estimate:
    """A depth map that came in a file."""
    settings = {"kind": depth.kind, "source": depth.source}
    return Estimate(depth, camera, EngineRun("depth", "file", settings=settings))
