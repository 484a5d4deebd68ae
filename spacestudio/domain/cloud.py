"""A coloured cloud that knows which object each point belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PointCloud:
    """N points.

    Attributes:
        points_camera: (N, 3) float32, x right, y down, z forward; metres when `unit` is "m".
        colors: (N, 3) uint8 RGB.
        object_index: (N,) int32, place of the object in the sample's list; -1 for none.
        unit: "m" or "relative".
    """

    points_camera: NDArray[np.float32]
    colors: NDArray[np.uint8]
    object_index: NDArray[np.int32]
    unit: str = "relative"

    def __post_init__(self) -> None:
        n = len(self.points_camera)
        if self.points_camera.shape != (n, 3) or self.colors.shape != (n, 3) or self.object_index.shape != (n,):
            raise ValueError(
                f"Cloud wants (N, 3), (N, 3) and (N,), got {self.points_camera.shape}, {self.colors.shape}, "
                f"{self.object_index.shape}"
            )

    def __len__(self) -> int:
        return len(self.points_camera)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.int64] | slice) -> PointCloud:
        """The chosen points as a new cloud."""
        return PointCloud(self.points_camera[index], self.colors[index], self.object_index[index], self.unit)
