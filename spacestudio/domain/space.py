"""What is found in a cloud: the floor, and a turned box round each object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Plane:
    """normal · p + offset = 0 in the camera frame; the normal has length 1 and points up (-y).

    Attributes:
        normal: (x, y, z).
        offset: in the cloud's unit.
        share: of the points looked at that lie on it, in [0, 1].
    """

    normal: tuple[float, float, float]
    offset: float
    share: float

    def height(self, points_camera: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(N,) height of (N, 3) points above the plane, in the cloud's unit."""
        return np.asarray(np.asarray(points_camera, np.float64) @ np.array(self.normal) + self.offset, np.float64)


@dataclass(frozen=True, eq=False)
class OrientedBox:
    """A box that may be turned.

    Attributes:
        center: (3,) camera frame.
        rotation: (3, 3), columns are the box's axes, longest first, right-handed.
        extent: (3,) full lengths along those axes, in the cloud's unit.
    """

    center: NDArray[np.float64]
    rotation: NDArray[np.float64]
    extent: NDArray[np.float64]

    @property
    def corners(self) -> NDArray[np.float64]:
        """(8, 3): the last axis flips fastest."""
        signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1], indexing="ij")).reshape(3, -1).T / 2
        return np.asarray(self.center + (signs * self.extent) @ self.rotation.T, np.float64)


@dataclass(frozen=True, eq=False)
class Space:
    """The objects in 3D, under the stated assumption about depth and camera.

    Attributes:
        floor: None when none was found.
        boxes: object id -> its turned box; objects with too few points have none.
        heights: object id -> (lowest, highest) part above the floor, in the cloud's unit; empty without a floor.
    """

    floor: Plane | None = None
    boxes: Mapping[str, OrientedBox] = field(default_factory=dict)
    heights: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def up(self) -> tuple[float, float, float]:
        """The up axis in the camera frame: the floor's normal, else the camera's own (0, -1, 0)."""
        return self.floor.normal if self.floor else (0.0, -1.0, 0.0)
